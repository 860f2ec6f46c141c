//! What all commands share of their arguments: files, formats, addresses, exit codes.

use crate::outcome::Failure;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

/// What ends the help of every command.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the answer is no
  2  what was given is refused: the config, a manifest, the arguments
  3  the outside world failed: a file, the network, another program";

/// The end of a command's help: its examples and the exit codes.
pub fn after_help(examples: &str) -> String {
    format!("{examples}\n\n{EXIT_CODES}")
}

/// Where canaries are read from.
#[derive(Debug, Args)]
pub struct Files {
    /// Canaries in YAML or JSON; a folder means every *.yaml and *.yml in it, and - standard input
    #[arg(required = true, value_name = "FILE|FOLDER")]
    pub files: Vec<PathBuf>,
}

/// An address of something that speaks HTTP, without a slash at its end; `like` is one, for whoever wrote none.
pub(crate) fn url(text: &str, like: &str) -> Result<String, String> {
    match text.starts_with("http://") || text.starts_with("https://") {
        true => Ok(text.trim_end_matches('/').to_owned()),
        false => Err(format!(
            "an address begins with http:// or https://, like {like}"
        )),
    }
}

/// What reads itself from text; `wanted` says what to write to whoever wrote something else.
pub(crate) fn parsed<T: FromStr>(text: &str, wanted: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("write {wanted}"))
}

/// A whole number in a range.
pub(crate) fn within<T>(text: &str, range: &RangeInclusive<T>) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display,
{
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        format!(
            "write a whole number from {} to {}",
            range.start(),
            range.end()
        )
    })
}

/// An address to listen on.
pub(crate) fn socket(text: &str) -> Result<SocketAddr, String> {
    parsed(text, "an address and a port, like 127.0.0.1:10000")
}

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    #[value(alias = "text")]
    Table,
    /// For programs
    Json,
    /// For programs, and easier to read
    Yaml,
}

impl Format {
    /// The value as this format has it, with a line break at its end; for people `table` says it.
    ///
    /// # Errors
    /// None that a value of ours can cause.
    pub fn print(
        self,
        value: &impl Serialize,
        table: impl FnOnce() -> String,
    ) -> Result<String, Failure> {
        match self {
            Self::Table => Ok(table()),
            Self::Json => {
                let mut text = serde_json::to_string_pretty(value)
                    .map_err(|error| Failure::cannot(format!("cannot write JSON: {error}")))?;
                text.push('\n');
                Ok(text)
            }
            Self::Yaml => coalmine_manifests::to_yaml(value)
                .map_err(|error| Failure::cannot(format!("cannot write YAML: {error}"))),
        }
    }
}
