//! `coalmine simulate`: many requests through canaries, by the filter's own code.
//!
//! | file | what |
//! |---|---|
//! | `log` | an access log, line by line |
//! | `made` | synthetic units, curves over a ramp, and how fast it goes |
//! | `text` | the report for people |

mod log;
mod made;
mod text;

use crate::args::{Files, Format, after_help, parsed, within};
use crate::input::{self, Input};
use crate::outcome::{Failure, NO, Outcome};
use crate::request::RequestArgs;
use clap::Args;
use coalmine::config::{Canaries, Canary};
use coalmine::{Policy, Timestamp};
use coalmine_analysis::log::Target;
use coalmine_analysis::simulate::{Curve, Simulation, Speed};
use serde::Serialize;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  coalmine simulate reviews.yaml
  coalmine simulate canaries/ --units 100000 --header 'x-user-group: staff'
  coalmine simulate reviews.yaml --units 20000 --svg ramp.svg     the ramp over its times, as a picture
  coalmine simulate reviews.yaml --log access.jsonl --map user=header:x-user-id
  coalmine simulate reviews.yaml --speed -o json";

/// `coalmine simulate`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub struct SimulateArgs {
    /// Where canaries are read from.
    #[command(flatten)]
    pub files: Files,
    /// What all requests have; of several canaries, --host says which is meant.
    #[command(flatten)]
    pub request: RequestArgs,
    /// How many units
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000_000, value_parser = |text: &str| within::<u64>(text, &(1..=1_000_000_000)))]
    pub units: u64,
    /// Which units, and which draws for requests without one
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = |text: &str| parsed::<u64>(text, "a whole number, like 1"))]
    pub seed: u64,
    /// The requests of an access log in place of synthetic ones: CSV with a header line, or JSON,
    /// one object a line; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "to", "svg", "speed"])]
    pub log: Option<PathBuf>,
    /// Which field of the log is what: header:NAME, cookie:NAME, query:NAME, path, host, method,
    /// time or source-address, like user=header:x-user-id; may be repeated, and the names of
    /// Envoy's and Istio's JSON access logs are known
    #[arg(long = "map", value_name = "FIELD=PART", requires = "log")]
    pub map: Vec<Target>,
    /// Where the plot over time begins [default: a little before the ramp]
    #[arg(long, value_name = "TIME", value_parser = crate::request::time)]
    pub from: Option<Timestamp>,
    /// Where it ends [default: a little behind the ramp]
    #[arg(long, value_name = "TIME", value_parser = crate::request::time)]
    pub to: Option<Timestamp>,
    /// At how many times shares are plotted; each gets that part of the number of units
    #[arg(long, value_name = "NUMBER", default_value_t = 49, value_parser = |text: &str| within::<u16>(text, &(2..=1000)))]
    pub points: u16,
    /// Write the plot over time to this file as SVG
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Only say how many decisions one core makes in a second
    #[arg(long, conflicts_with_all = ["from", "to", "svg"])]
    pub speed: bool,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}

/// What it prints for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Simulated {
    /// By canary.
    pub canaries: Vec<Simulation>,
    /// Whether every share is compatible with what was asked.
    pub as_asked: bool,
    /// Shares over time, for canaries with a ramp.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub curves: Vec<Curve>,
    /// What was read of a log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<log::LogRead>,
    /// How fast it went, where that was asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub speed: Vec<SpeedOf>,
}

/// How fast a canary decides.
#[derive(Debug, Serialize)]
pub struct SpeedOf {
    /// The canary.
    pub canary: String,
    /// Decisions a second.
    #[serde(flatten)]
    pub speed: Speed,
}

/// Sends requests through canaries and says what came out.
///
/// # Errors
/// A file cannot be read or written, the canaries or the arguments are refused.
pub fn simulate(args: &SimulateArgs) -> Result<Outcome, Failure> {
    if args.request.draw.is_some() {
        return Err(Failure::refused(
            "one draw for all requests is no simulation; choose other draws with --seed",
        ));
    }
    if args
        .svg
        .as_ref()
        .is_some_and(|path| path.as_os_str() == "-")
    {
        return Err(Failure::refused(
            "standard output has the report; name a file for the picture with --svg",
        ));
    }
    let is_standard_input = |path: &PathBuf| path.as_os_str() == "-";
    if args.log.as_ref().is_some_and(is_standard_input)
        && args.files.files.iter().any(is_standard_input)
    {
        return Err(Failure::refused(
            "standard input cannot be both the canaries and the log; name a file for one of them",
        ));
    }
    let input = input::sound(&args.files)?;
    let policy = Policy::compile(&input.canaries);
    let simulated = match &args.log {
        Some(path) => log::simulate(args, path, &input, &policy)?,
        None => made::simulate(args, &input, &policy)?,
    };
    let Input { warnings, .. } = input;
    Ok(Outcome {
        data: args.output.print(&simulated, || text::text(&simulated))?,
        talk: warnings,
        code: if simulated.as_asked { 0 } else { NO },
    })
}

/// The canaries that are meant: that of --host, else all.
fn meant<'c>(
    args: &SimulateArgs,
    canaries: &'c Canaries,
    policy: &Policy,
) -> Result<Vec<&'c Canary>, Failure> {
    let Some(host) = &args.request.host else {
        return Ok(canaries.canaries.iter().collect());
    };
    let name = policy.canary_of(host.as_bytes()).map(|found| found.name());
    let mut found = canaries.canaries.iter();
    match found.find(|canary| Some(canary.full_name().as_str()) == name) {
        Some(canary) => Ok(vec![canary]),
        None => Err(Failure::refused(format!(
            "no canary governs {host}, so there is nothing to simulate; leave --host out for all"
        ))),
    }
}

/// A host of a canary, as a client would send it.
pub(crate) fn host_of(canary: &Canary) -> String {
    let first = canary.spec.hosts.first().map_or("", String::as_str);
    match first.strip_prefix('*') {
        Some("") => "any.example".to_owned(),
        Some(end) => format!("any{end}"),
        None => first.to_owned(),
    }
}
