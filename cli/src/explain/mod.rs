//! `coalmine explain`: the way of a request through the order, step by step.
//!
//! | file | what |
//! |---|---|
//! | `curl` | a `curl` line to a request |
//! | `log` | explanations of such lines |
//! | `places` | where a decision looks, and what a log lacks of it |
//! | `explanation` | what an explanation holds |
//! | `trace` | watches the decision being made and keeps what it found |
//! | `travel` | what was inherited, and what the next hop is told |
//! | `next` | when the ramp gives the request another variant |
//! | `words` | conditions, pins, units and values in words |
//! | `line` | the line, drawn to scale |
//! | `text` | the explanation for people |
//! | `paint` | its colours |

mod curl;
mod explanation;
mod line;
mod log;
mod next;
mod paint;
mod places;
mod text;
mod trace;
mod travel;
mod words;

pub use explanation::{Explanation, Outcome as Decided};
pub use trace::{explain_compiled, explain_request};

use crate::args::{Files, Format, after_help};
use crate::input::{self, Input};
use crate::outcome::{Failure, Outcome};
use crate::request::RequestArgs;
use clap::Args;
use coalmine_analysis::log::Target;
pub(crate) use paint::Paint;
use std::path::Path;

const EXAMPLES: &str = "\
Examples:
  coalmine explain reviews.yaml --header 'x-user-id: alice'
  coalmine explain canaries/ --host reviews --cookie canary=never
  coalmine explain reviews.yaml --at 2026-11-24T10:30:00Z --header 'x-user-id: alice'
  coalmine explain reviews.yaml --draw 8000000000000000 -o json
  coalmine explain canaries/ --host ratings --header 'baggage: coalmine.bookinfo.reviews=canary'
  coalmine explain reviews.yaml --curl \"curl -H 'x-user-id: alice' https://reviews/beta/\"
  coalmine explain reviews.yaml -- curl -H 'x-user-id: alice' https://reviews/beta/
  coalmine explain reviews.yaml --access-log '{\"authority\": \"reviews\", \"x_user_id\": \"alice\"}'
  cat access.log | coalmine explain reviews.yaml --access-log - --map uid=header:x-user-id

A line of an access log in JSON brings its own time. What the log does not carry and could change the
answer is named; --header and --cookie add it. A curl line says user-agent: curl unless told otherwise.";

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
    /// The request as a curl line, as it stands in a ticket or as a browser copies it
    #[arg(long, value_name = "LINE", conflicts_with_all = ["host", "method", "path", "headers", "cookies", "tls"])]
    pub curl: Option<String>,
    /// The request as a line of an Envoy access log in JSON; or a file with such lines, - for
    /// standard input
    #[arg(long, value_name = "LINE|FILE", conflicts_with_all = ["method", "path", "tls", "curl"])]
    pub access_log: Option<String>,
    /// What a field of the log is, like uid=header:x-user-id; may be repeated: header:NAME,
    /// cookie:NAME, query:NAME, host, path, method, time, source-address
    #[arg(long = "map", value_name = "FIELD=PART", requires = "access_log")]
    pub mappings: Vec<Target>,
    /// The request as a curl line, word by word
    #[arg(last = true, value_name = "CURL LINE", conflicts_with_all = ["curl", "access_log", "host", "method", "path", "headers", "cookies", "tls"])]
    pub words: Vec<String>,
    /// As a gateway decides that was rendered with --edge
    #[arg(long)]
    pub edge: bool,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}

/// Explains the decision for one request, or for each line of an access log.
///
/// # Errors
/// A file cannot be read, the canaries are refused, or it is not clear which request is meant.
pub fn explain(args: &ExplainArgs) -> Result<Outcome, Failure> {
    if let Some(log) = &args.access_log {
        return explain_log(args, log);
    }
    let request = request(args)?;
    let mut input = input::sound(&args.files)?;
    input.canaries.edge |= args.edge;
    let explanation = explain_request(&input.canaries, &request)?;
    let text = || text::text(&explanation, columns(), Paint::for_stdout());
    Ok(Outcome {
        data: args.output.print(&explanation, text)?,
        talk: input.warnings,
        ..Outcome::default()
    })
}

/// The request that the arguments describe, be it as a curl line.
fn request(args: &ExplainArgs) -> Result<RequestArgs, Failure> {
    let asked = &args.request;
    let parsed = match (&args.curl, args.words.as_slice()) {
        (Some(line), _) => curl::parse(line),
        (None, []) => return Ok(asked.clone()),
        // A whole line in quotes is meant as one.
        (None, [line]) if line.starts_with("curl ") => curl::parse(line),
        (None, words) => curl::request(words),
    };
    let sent = parsed.map_err(Failure::refused)?;
    Ok(RequestArgs {
        source_address: asked.source_address.clone(),
        at: asked.at,
        draw: asked.draw,
        ..sent
    })
}

fn explain_log(args: &ExplainArgs, log: &str) -> Result<Outcome, Failure> {
    let one_line = log.trim_start().starts_with('{');
    let standard_input = Path::new("-");
    if log == "-" && args.files.files.iter().any(|file| file == standard_input) {
        let twice =
            "canaries and access log cannot both come from standard input; give one as a file";
        return Err(Failure::refused(twice));
    }
    let Input {
        mut canaries,
        warnings,
        ..
    } = input::sound(&args.files)?;
    canaries.edge |= args.edge;
    let text = match one_line {
        true => log.to_owned(),
        false => input::text(Path::new(log))?,
    };
    let explained = log::explain(&canaries, &text, &args.mappings, &args.request)?;
    let lines = explained.lines.as_slice();
    let data = match lines {
        // In a file there may be one today and a thousand tomorrow: a program gets a list.
        [only] if one_line || args.output == Format::Table => {
            let whole = || text::text(&only.explanation, columns(), Paint::for_stdout());
            args.output.print(&only.explanation, whole)?
        }
        _ => {
            let summary = || log::summary(lines, Paint::for_stdout());
            args.output.print(&lines, summary)?
        }
    };
    Ok(Outcome {
        data,
        talk: warnings + &explained.talk,
        ..Outcome::default()
    })
}

/// How wide the terminal is, in characters: what COLUMNS says comes first, as in other commands.
pub(crate) fn columns() -> Option<usize> {
    let said = std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    said.or_else(|| {
        let (width, _) = terminal_size::terminal_size_of(std::io::stdout())?;
        Some(width.0.into())
    })
}
