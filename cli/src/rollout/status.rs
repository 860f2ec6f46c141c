//! How a rollout stands, for people and for programs.

use super::args::KeptArgs;
use super::{UNDERWAY, after};
use crate::args::Format;
use crate::outcome::{Failure, NO, Outcome};
use clap::{Args, ValueEnum};
use coalmine::Timestamp;
use coalmine_rollout::journal::{Entry, rate};
use coalmine_rollout::machine::state::Evidence;
use coalmine_rollout::machine::{Phase, Run, State};
use coalmine_rollout::plan::Plan;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// How many of the latest decisions people are shown.
const SHOWN: usize = 8;

/// `coalmine rollout status`
#[derive(Debug, Args)]
#[command(after_help = after("\
Examples:
  coalmine rollout status reviews.yaml
  coalmine rollout status reviews.yaml -o json | jq -r '.holding[]'
  coalmine rollout status reviews.yaml -o env >> \"$GITHUB_OUTPUT\""))]
pub struct StatusArgs {
    /// Which rollout.
    #[command(flatten)]
    pub of: KeptArgs,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Form,
}

/// How a status is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people
    #[default]
    #[value(alias = "text")]
    Table,
    /// For programs
    Json,
    /// For programs, and easier to read
    Yaml,
    /// Lines of NAME=VALUE, as CD tools take the outputs of a job
    Env,
}

impl Form {
    /// How problems are printed then.
    pub fn format(self) -> Format {
        match self {
            Self::Table | Self::Env => Format::Table,
            Self::Json => Format::Json,
            Self::Yaml => Format::Yaml,
        }
    }
}

/// How it stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status<'s> {
    canary: &'s str,
    variant: &'s str,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<&'s str>,
    /// `none`, `waiting`, `walking`, `promoted`, `rolled-back`, `aborted`.
    pub(super) phase: &'static str,
    /// From 1 on.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<usize>,
    steps: usize,
    share: String,
    /// The share that waits for an approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    awaits: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_by: Option<&'s str>,
    holding: &'s [String],
    /// By check: requests and bad ones of the variant and of its control cohort.
    evidence: BTreeMap<String, Counts>,
    decisions: &'s [Entry],
}

#[derive(Debug, Serialize)]
struct Counts {
    canary: [u64; 2],
    control: [u64; 2],
}

pub(super) fn status(args: &StatusArgs) -> Result<Outcome, Failure> {
    let (plan, state) = args.of.read()?;
    match args.output {
        Form::Env => Ok(Outcome {
            data: Status::of(&plan, &state, &state.journal).lines(),
            code: code(&state),
            ..Outcome::default()
        }),
        form => told(&plan, &state, &state.journal, form.format()),
    }
}

/// A state as it is printed, with the decisions that are news.
pub(super) fn told(
    plan: &Plan,
    state: &State,
    decisions: &[Entry],
    format: Format,
) -> Result<Outcome, Failure> {
    let status = Status::of(plan, state, decisions);
    Ok(Outcome {
        data: format.print(&status, || status.text())?,
        code: code(state),
        ..Outcome::default()
    })
}

/// What a rollout came to.
pub(super) fn code(state: &State) -> i32 {
    let run = state.run.as_ref();
    // What shall be in force is not yet.
    if run.is_some_and(|run| !run.phase.is_open() && run.since.is_none()) {
        return UNDERWAY;
    }
    match run.map(|run| run.phase) {
        Some(Phase::Promoted) => 0,
        Some(Phase::RolledBack | Phase::Aborted) => NO,
        Some(Phase::Waiting(_) | Phase::Walking(_)) | None => UNDERWAY,
    }
}

/// Where it is, in a few words.
pub(super) fn place(plan: &Plan, run: &Run) -> String {
    let steps = plan.steps.len();
    match run.phase {
        Phase::Walking(step) => format!("step {} of {steps}: {}", step + 1, run.share),
        Phase::Waiting(step) if step < steps => {
            format!("{}, before step {} of {steps}", run.share, step + 1)
        }
        Phase::Waiting(_) => format!("{}, before everyone", run.share),
        Phase::Promoted => format!("promoted: {}", run.share),
        Phase::RolledBack => "rolled back: 0%".to_owned(),
        Phase::Aborted => "aborted: 0%".to_owned(),
    }
}

impl<'s> Status<'s> {
    fn of(plan: &'s Plan, state: &'s State, decisions: &'s [Entry]) -> Self {
        let run = state.run.as_ref();
        let (phase, step) = match run.map(|run| run.phase) {
            None => ("none", None),
            Some(Phase::Waiting(step)) => ("waiting", Some(step + 1)),
            Some(Phase::Walking(step)) => ("walking", Some(step + 1)),
            Some(Phase::Promoted) => ("promoted", None),
            Some(Phase::RolledBack) => ("rolled-back", None),
            Some(Phase::Aborted) => ("aborted", None),
        };
        Self {
            canary: &plan.canary,
            variant: &plan.variant,
            revision: run.and_then(|run| run.revision.as_deref()),
            phase,
            step,
            steps: plan.steps.len(),
            share: run.map_or_else(|| "0%".to_owned(), |run| run.share.to_string()),
            awaits: run
                .and_then(|run| run.awaits(plan))
                .map(|share| share.to_string()),
            since: run.and_then(|run| run.since).map(|since| since.to_string()),
            paused_by: run.and_then(|run| run.paused.as_deref()),
            holding: run.map_or(&[], |run| &run.holding),
            evidence: run.map(|run| counts(&run.evidence)).unwrap_or_default(),
            decisions,
        }
    }

    /// What a later job decides by. A value is one line whatever is in it, so that none makes another.
    fn lines(&self) -> String {
        let last = self.decisions.last().map(said);
        let values = [
            ("PHASE", Some(self.phase)),
            ("SHARE", Some(self.share.as_str())),
            ("AWAITS", self.awaits.as_deref()),
            ("REVISION", self.revision),
            ("LAST", last.as_deref()),
        ];
        let mut text = String::new();
        for (name, value) in values {
            let value = value.unwrap_or_default();
            let value = value.replace(|letter: char| letter.is_control(), " ");
            let _ = writeln!(text, "ROLLOUT_{name}={value}");
        }
        text
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "{name:<10}{value}");
        };
        let revision = self
            .revision
            .map(|revision| format!(", revision {revision}"));
        line(
            "rollout",
            &format!(
                "{} of {}{}",
                self.variant,
                self.canary,
                revision.unwrap_or_default()
            ),
        );
        let step = self.step.map(|step| match step > self.steps {
            true => ", everyone is next".to_owned(),
            false => format!(", step {step} of {}", self.steps),
        });
        line(
            "phase",
            &format!("{}{}", self.phase, step.unwrap_or_default()),
        );
        let since = self.since.as_ref().map(|since| format!(" since {since}"));
        line(
            "share",
            &format!("{}{}", self.share, since.unwrap_or_default()),
        );
        for (number, why) in self.holding.iter().enumerate() {
            line(if number == 0 { "holding" } else { "" }, why);
        }
        for (check, counts) in &self.evidence {
            line(
                check,
                &format!("{}, control {}", rate(counts.canary), rate(counts.control)),
            );
        }
        let shown = self.decisions.len().saturating_sub(SHOWN);
        for (number, entry) in self.decisions.iter().skip(shown).enumerate() {
            let name = if number == 0 { "decisions" } else { "" };
            line(name, &format!("{} {}", second(entry.at), said(entry)));
        }
        text
    }
}

/// An entry in a line.
pub(super) fn said(entry: &Entry) -> String {
    format!("{}: {}", entry.kind.name(), entry.message)
}

/// A time without its milliseconds.
pub(super) fn second(time: Timestamp) -> String {
    let millis = time.unix_millis();
    Timestamp::from_unix_millis(millis.saturating_sub(millis.rem_euclid(1000))).to_string()
}

/// What every check has counted.
fn counts(evidence: &Evidence) -> BTreeMap<String, Counts> {
    let counts = evidence.counts().into_iter();
    let split = |[requests, bad, of_requests, of_bad]: [u64; 4]| Counts {
        canary: [requests, bad],
        control: [of_requests, of_bad],
    };
    counts
        .map(|(check, counts)| (check, split(counts)))
        .collect()
}
