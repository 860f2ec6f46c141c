//! `coalmine envoy run`: a local Envoy that follows its files.
//!
//! | file | what |
//! |---|---|
//! | `binary` | where Envoy is |
//! | `port` | whether addresses are free |
//! | `process` | Envoy, its log and its end |
//! | `admin` | what Envoy says of itself |
//! | `run` | the loop: a file changes, Envoy follows |
//! | `watch` | which files changed |
//! | `words` | how to ask, and what a change is about |

mod admin;
mod binary;
mod port;
mod process;
mod run;
mod watch;
mod words;

pub use run::RunArgs;

use crate::args::after_help;
use crate::outcome::{Failure, Outcome};
use clap::{Args, Subcommand};

const EXAMPLES: &str = "\
Examples:
  coalmine envoy run -f canaries/ --module coalmine.wasm";

/// `coalmine envoy`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub struct EnvoyArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with Envoy.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Run a local Envoy with canaries, and follow their files
    Run(RunArgs),
}

/// Does it.
///
/// # Errors
/// The canaries are refused, there is no Envoy or no module, or Envoy ends.
pub fn envoy(args: &EnvoyArgs) -> Result<Outcome, Failure> {
    match &args.action {
        Action::Run(args) => run::run(args),
    }
}
