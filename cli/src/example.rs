//! What the comments in `examples/` promise.
//!
//! A line like this in a config is a promise that tests keep, with the arguments of
//! `coalmine explain` in front of the arrow, and variant and reason behind it:
//!
//! ```text
//! # explain: --header 'x-canary: canary' => canary pin
//! # explain: --host elsewhere => untouched
//! ```

use crate::request::RequestArgs;
use clap::Parser;

/// What a line begins with.
const MARK: &str = "# explain:";

/// A request, and what is decided about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// The line it stands in, from 1.
    pub line: usize,
    /// The request.
    pub request: RequestArgs,
    /// What is decided; `None` if no canary governs the host.
    pub decision: Option<Promised>,
}

/// What is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promised {
    /// The variant that serves.
    pub variant: String,
    /// Why, as in metrics: `pin`, `rule:staff`.
    pub reason: String,
}

#[derive(Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct Line {
    #[command(flatten)]
    request: RequestArgs,
}

/// The promises in the text of a config, in their order.
///
/// # Errors
/// The first line with the mark that cannot be read, and why.
pub fn promises(text: &str) -> Result<Vec<Promise>, String> {
    text.lines()
        .enumerate()
        .filter_map(|(index, line)| Some((index + 1, line.trim_start().strip_prefix(MARK)?)))
        .map(|(line, rest)| promise(line, rest).map_err(|error| format!("line {line}: {error}")))
        .collect()
}

fn promise(line: usize, text: &str) -> Result<Promise, String> {
    let (arguments, decision) = text
        .rsplit_once("=>")
        .ok_or("write `# explain: ARGUMENTS => VARIANT REASON`")?;
    let arguments = shlex::split(arguments).ok_or("a quote is not closed")?;
    let parsed = Line::try_parse_from(arguments).map_err(|error| error.to_string())?;
    let words: Vec<&str> = decision.split_whitespace().collect();
    let decision = match words.as_slice() {
        ["untouched"] => None,
        [variant, reason] => Some(Promised {
            variant: (*variant).to_owned(),
            reason: (*reason).to_owned(),
        }),
        _ => return Err("behind the arrow goes `VARIANT REASON` or `untouched`".to_owned()),
    };
    Ok(Promise {
        line,
        request: parsed.request,
        decision,
    })
}
