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

use crate::args::{Files, Format, after_help};
use crate::input;
use crate::outcome::{Failure, Outcome};
use crate::request::RequestArgs;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  coalmine explain reviews.yaml --header 'x-user-id: alice'
  coalmine explain canaries/ --host reviews --cookie canary=never
  coalmine explain reviews.yaml --at 2026-11-24T10:30:00Z --header 'x-user-id: alice'
  coalmine explain reviews.yaml --draw 8000000000000000 -o json";

/// `coalmine explain`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub struct ExplainArgs {
    /// Where canaries are read from.
    #[command(flatten)]
    pub files: Files,
    /// The request.
    #[command(flatten)]
    pub request: RequestArgs,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}

/// Explains the decision for one request.
///
/// # Errors
/// A file cannot be read, the canaries are refused, or it is not clear which host is meant.
pub fn explain(args: &ExplainArgs) -> Result<Outcome, Failure> {
    let input = input::sound(&args.files)?;
    let explanation = explain_request(&input.canaries, &args.request)?;
    Ok(Outcome {
        data: args
            .output
            .print(&explanation, || text::text(&explanation, columns()))?,
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
