//! `coalmine explain`: the way of a request through the order, step by step.
//!
//! | file | what |
//! |---|---|
//! | `trace` | watches the decision being made and keeps what it found |
//! | `words` | conditions, pins and units in words |
//! | `line` | the line, drawn to scale |
//! | `text` | the explanation for people |

mod line;
mod text;
mod trace;
mod words;

pub use trace::{Explanation, Outcome as Decided, explain_request};

use crate::args::{ExplainArgs, Format};
use crate::input;
use crate::outcome::{Failure, Outcome};
use crate::validate::to_json;

/// Explains the decision for one request.
///
/// # Errors
/// A file cannot be read, the canaries are refused, or it is not clear which host is meant.
pub fn explain(args: &ExplainArgs) -> Result<Outcome, Failure> {
    let input = input::sound(&args.files)?;
    let explanation = explain_request(&input.canaries, &args.request)?;
    Ok(Outcome {
        data: match args.output {
            Format::Text => text::text(&explanation, columns()),
            Format::Json => to_json(&explanation)?,
        },
        talk: input.warnings,
        ..Outcome::default()
    })
}

/// How wide the terminal is, in characters: what COLUMNS says comes first, as in other commands.
fn columns() -> Option<usize> {
    let said = std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    said.or_else(|| {
        let (width, _) = terminal_size::terminal_size_of(std::io::stdout())?;
        Some(width.0.into())
    })
}
