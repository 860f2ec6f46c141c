//! The list of commands, and what is said of arguments that are none of any.
//!
//! The arguments of a command stand in its own module, next to what is done with them.

use crate::args::{Format, after_help};
use crate::outcome::{Failure, Outcome};
use crate::{
    diff, envoy, explain, module, pin, render, rollout, schema, shell, simulate, status, validate,
};
use clap::{Parser, Subcommand, ValueEnum};
use std::ffi::OsString;

const EXAMPLES: &str = "\
Examples:
  coalmine validate reviews.yaml
  coalmine explain reviews.yaml --header 'x-user-id: alice'
  coalmine render istio canaries/ --module $MODULE -o out/

  Each command has more, with --help behind it.";

/// The end of the help of all commands together.
fn after_all(examples: &str) -> String {
    format!(
        "{}\n  4  a rollout is still on its way, or held",
        after_help(examples)
    )
}

/// Canary routing inside Envoy: check canaries, make manifests of them, explain decisions
///
/// One file says who sees which version of a service. A WebAssembly filter in Envoy decides by it
/// for each request; this command runs the same code.
#[derive(Debug, Parser)]
#[command(name = "coalmine", version, after_help = after_all(EXAMPLES))]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find every mistake in canaries, each with its place and what to write instead
    Validate(validate::ValidateArgs),
    /// Make what a proxy is configured with
    Render(render::RenderArgs),
    /// Say which variant a request gets, and why, step by step
    Explain(explain::ExplainArgs),
    /// Send a million users, or those of an access log, through canaries
    Simulate(simulate::SimulateArgs),
    /// Say who moves from an old version of canaries to a new one
    Diff(diff::DiffArgs),
    /// Say how canaries are in a cluster: what agrees, which proxies have it, and what is wrong
    Status(status::StatusArgs),
    /// Walk a variant from its first share to everyone, or back to nobody, on evidence
    Rollout(Box<rollout::RolloutArgs>),
    /// Make keys and tokens for signed pins, look into tokens and verify them
    Pin(pin::PinArgs),
    /// Run a local Envoy in front of the variants' endpoints
    Envoy(envoy::EnvoyArgs),
    /// Extract, inspect or push the WebAssembly module that proxies load
    Module(module::ModuleArgs),
    /// Print the schema of the file for editors, or its CustomResourceDefinition for Kubernetes
    Schema(schema::SchemaArgs),
    /// Print what a shell needs to complete commands and options
    Completions(shell::CompletionsArgs),
    /// Print or write manual pages
    Man(shell::ManArgs),
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// What was given is refused, or the outside world fails.
    pub fn run(&self) -> Result<Outcome, Failure> {
        match self {
            Self::Validate(args) => validate::validate(args),
            Self::Render(args) => render::render(args),
            Self::Explain(args) => explain::explain(args),
            Self::Simulate(args) => simulate::simulate(args),
            Self::Diff(args) => diff::diff(args),
            Self::Status(args) => status::status(args),
            Self::Rollout(args) => rollout::rollout(args),
            Self::Pin(args) => pin::pin(args),
            Self::Envoy(args) => envoy::envoy(args),
            Self::Module(args) => module::module(args),
            Self::Schema(args) => schema::schema(args),
            Self::Completions(args) => Ok(shell::completions(args)),
            Self::Man(args) => shell::man(args),
        }
    }

    /// How it prints, problems as well.
    pub fn format(&self) -> Format {
        match self {
            Self::Validate(args) => args.output,
            Self::Explain(args) => args.output,
            Self::Simulate(args) => args.output,
            Self::Diff(args) => args.output,
            Self::Status(args) => args.output,
            Self::Rollout(args) => args.format(),
            Self::Pin(args) => args.format(),
            Self::Module(args) => args.format(),
            Self::Render(_)
            | Self::Envoy(_)
            | Self::Schema(_)
            | Self::Completions(_)
            | Self::Man(_) => Format::Table,
        }
    }
}

/// The format that arguments ask for which cannot be read as a whole.
pub(crate) fn asked_format(arguments: &[OsString]) -> Format {
    let words = arguments.iter().map(|word| word.to_string_lossy());
    let words: Vec<_> = words.take_while(|word| word != "--").collect();
    let mut asked = Format::Table;
    for (number, word) in words.iter().enumerate() {
        let value = match word.strip_prefix("--output").or(word.strip_prefix("-o")) {
            Some("") => words.get(number + 1).map(|value| value.as_ref()),
            Some(value) => Some(value.strip_prefix('=').unwrap_or(value)),
            None => None,
        };
        let format = value.and_then(|value| Format::from_str(value, false).ok());
        asked = format.unwrap_or(asked);
    }
    asked
}

/// What is wrong with arguments, for programs: without the usage, which is for people.
pub(crate) fn refusal(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let lines = text.lines().map(str::trim);
    let lines: Vec<&str> = lines
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .filter(|line| !line.is_empty())
        .collect();
    let message = lines.join(" ");
    Failure::refused(message.strip_prefix("error: ").unwrap_or(&message))
}
