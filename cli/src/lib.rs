//! The command `coalmine`: the only crate that does I/O for users.
//!
//! Standard output is data, standard error is talk. Every command is a function from its arguments
//! to an [`outcome::Outcome`] or an [`outcome::Failure`]; [`run`] prints it and gives the exit code.
//!
//! | where | what |
//! |---|---|
//! | [`command`] | the list of commands, with the help that people read |
//! | [`args`] | what they share of their arguments |
//! | [`input`] | files, folders and standard input to canaries |
//! | [`validate`], [`render`], [`explain`], [`simulate`], [`mod@diff`] | the commands |
//! | [`mod@status`] | how canaries are in a cluster |
//! | [`mod@rollout`] | the walk of a variant, on evidence |
//! | [`pin`] | keys and tokens for signed pins |
//! | [`mod@envoy`] | a local Envoy that follows its files |
//! | [`module`] | the WebAssembly module: extract, inspect, push |
//! | [`place`] | where a problem of a rendered target stands in its file |
//! | [`replace`] | a file replaced by an atomic rename |
//! | [`request`] | a request made up from arguments |
//! | [`example`] | what the comments in `examples/` promise |
//! | [`report`] | problems for programs |
//! | [`schema`] | the format of the file, for editors and for Kubernetes |
//! | [`shell`] | completions and manual pages |
//! | [`outcome`] | what a command says, and exit codes |

#![forbid(unsafe_code)]

mod api_server;
pub mod args;
pub mod command;
pub mod diff;
pub mod envoy;
pub mod example;
pub mod explain;
mod http;
pub mod input;
pub mod module;
pub mod outcome;
pub mod pin;
pub mod place;
mod progress;
pub mod render;
pub mod replace;
pub mod report;
pub mod request;
pub mod rollout;
pub mod schema;
pub mod shell;
pub mod simulate;
pub mod status;
pub mod validate;

use args::Format;
use clap::Parser;
use command::Cli;
use std::ffi::OsString;
use std::process::ExitCode;

/// Does what the arguments say, the first being the name of the program.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way as well, with exit code 0.
            let format = command::asked_format(&arguments);
            if error.exit_code() != 0 && format != Format::Table {
                return outcome::tell(Err(command::refusal(&error)), format);
            }
            // A closed pipe is no error.
            let _ = error.print();
            return outcome::code(error.exit_code());
        }
    };
    outcome::tell(cli.command.run(), cli.command.format())
}
