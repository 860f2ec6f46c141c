//! `coalmine rollout`: walks a variant from its first share to everyone or back, on evidence.
//!
//! | file | what |
//! |---|---|
//! | `args` | what all of its commands share |
//! | [`target`] | where it acts: a file, a repository, an object of Kubernetes |
//! | `store` | the state in a file, and its lock |
//! | `journal` | every decision in a file |
//! | `notify` | every decision to whoever wants to know |
//! | `prometheus` | asks for evidence |
//! | `turn` | one turn: read, decide, write, apply |
//! | `run` | turns until it has ended |
//! | `status` | how it stands, for people and programs |
//! | `plan` | what would happen |
//! | `report` | the whole of it afterwards |

mod args;
mod journal;
mod notify;
mod plan;
mod prometheus;
mod report;
mod run;
mod status;
mod store;
pub mod target;
mod turn;

use crate::args::Format;
use crate::outcome::{Failure, NO, Outcome};
use args::{AskArgs, DriveArgs};
use clap::{Args, Subcommand};
use coalmine_rollout::machine::Ask;

/// The rollout is still on its way, or held.
pub const UNDERWAY: i32 = 4;

const EXAMPLES: &str = "\
Examples:
  coalmine rollout plan reviews.yaml --requests-per-minute 1200
  coalmine rollout run reviews.yaml --config run/xds/coalmine.json --prometheus http://127.0.0.1:9090
  coalmine rollout run reviews.yaml --wasm-plugin istio-system/coalmine --prometheus http://127.0.0.1:9090
  coalmine rollout run reviews.yaml --git reviews.yaml --git-push origin --prometheus http://127.0.0.1:9090
  coalmine rollout status reviews.yaml
  coalmine rollout approve reviews.yaml --config run/xds/coalmine.json
  coalmine rollout abort reviews.yaml --config run/xds/coalmine.json
  coalmine rollout report reviews.yaml

What it is doing is in a file, reviews.rollout.json unless --state says another, or in the object in the
cluster: whoever runs it again goes on where it was, also after a kill.";

/// What ends the help of the commands that say what a rollout came to.
const EXIT_CODES: &str = "\
Exit codes:
  0  promoted
  1  rolled back, aborted, or refused because this revision failed before
  2  what was given is refused: the config, the arguments
  3  the outside world failed: a file, the network
  4  still on its way, or held";

/// The end of such a command's help.
fn after(examples: &str) -> String {
    format!("{examples}\n\n{EXIT_CODES}")
}

/// `coalmine rollout`
#[derive(Debug, Args)]
#[command(after_help = after(EXAMPLES))]
pub struct RolloutArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do with a rollout.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say what would happen: how long it takes, and which harm it could see
    Plan(plan::PlanArgs),
    /// Take steps until it is promoted or rolled back
    Run(run::RunArgs),
    /// Take one turn and end: for cron and for CD tools
    Step(StepArgs),
    /// Say how it stands
    Status(status::StatusArgs),
    /// Let it take the step that waits for an approval
    Approve(AskArgs),
    /// Stop it where it is; it still rolls back on evidence
    Pause(AskArgs),
    /// Let it go on after a pause
    Resume(AskArgs),
    /// Give the variant to everyone now
    Promote(AskArgs),
    /// Give the variant to nobody now
    Abort(AskArgs),
    /// Try a revision again that failed, from the first step
    Retry(AskArgs),
    /// Write what happened, with every decision and its numbers
    Report(report::ReportArgs),
}

/// `coalmine rollout step`
#[derive(Debug, Args)]
#[command(after_help = after("\
Examples:
  coalmine rollout step reviews.yaml --config run/xds/coalmine.json --prometheus http://127.0.0.1:9090

For cron, and for CD tools that call again until it does not end with 4."))]
pub struct StepArgs {
    /// What to drive, and with what.
    #[command(flatten)]
    pub drive: DriveArgs,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}

/// Does what the arguments say.
///
/// # Errors
/// The config is refused, or a file or the network fails.
pub fn rollout(args: &RolloutArgs) -> Result<Outcome, Failure> {
    match &args.command {
        Command::Plan(args) => plan::plan(args),
        Command::Run(args) => run::run(args),
        Command::Step(args) => step(args),
        Command::Status(args) => status::status(args),
        Command::Approve(args) => ask(args, Ask::Approve),
        Command::Pause(args) => ask(args, Ask::Pause),
        Command::Resume(args) => ask(args, Ask::Resume),
        Command::Promote(args) => ask(args, Ask::Promote),
        Command::Abort(args) => ask(args, Ask::Abort),
        Command::Retry(args) => ask(args, Ask::Retry),
        Command::Report(args) => report::report(args),
    }
}

impl RolloutArgs {
    /// How it prints, problems as well.
    pub fn format(&self) -> Format {
        match &self.command {
            Command::Plan(args) => args.output,
            Command::Step(args) => args.output,
            Command::Status(args) => args.output.format(),
            Command::Approve(args)
            | Command::Pause(args)
            | Command::Resume(args)
            | Command::Promote(args)
            | Command::Abort(args)
            | Command::Retry(args) => args.output,
            Command::Run(_) | Command::Report(_) => Format::Table,
        }
    }
}

fn step(args: &StepArgs) -> Result<Outcome, Failure> {
    let drive = args.drive.read()?;
    let done = turn::turn(&drive, None)?;
    let mut outcome = status::told(&drive.plan, &done.state, &done.entries, args.output)?;
    outcome.talk = run::remark(&drive.plan, &done)?;
    outcome.code = run::ended(&drive.plan, &done.state);
    told_pending(&mut outcome, done.pending);
    Ok(outcome)
}

/// A word that was heard is done, whatever the rollout comes to by it.
fn ask(args: &AskArgs, ask: Ask) -> Result<Outcome, Failure> {
    let drive = args.read(ask)?;
    let done = turn::turn(&drive, Some(ask))?;
    let mut outcome = status::told(&drive.plan, &done.state, &done.entries, args.output)?;
    outcome.code = 0;
    if !done.entries.iter().any(|entry| entry.by.is_some()) {
        outcome.talk = format!("nothing to {}\n", word(ask));
        outcome.code = NO;
    }
    outcome
        .talk
        .extend(done.warning.map(|warning| warning + "\n"));
    told_pending(&mut outcome, done.pending);
    Ok(outcome)
}

/// What is not in force yet is told, and is what the exit code is about.
fn told_pending(outcome: &mut Outcome, pending: Option<Failure>) {
    if let Some(pending) = pending {
        outcome.talk.push_str(&format!("{}\n", pending.message));
        outcome.code = pending.code;
    }
}

fn word(ask: Ask) -> &'static str {
    match ask {
        Ask::Approve => "approve: no step waits for it",
        Ask::Pause => "pause: it has ended, or is paused",
        Ask::Resume => "resume: it is not paused",
        Ask::Promote => "promote: it has ended",
        Ask::Abort => "abort: it has ended",
        Ask::Retry => "retry: it has not failed",
    }
}
