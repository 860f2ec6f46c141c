//! The whole of a rollout afterwards: Markdown for a merge request, or a page with plots.

mod html;

use super::args::KeptArgs;
use super::status::second;
use crate::args::after_help;
use crate::outcome::{Failure, Outcome};
use clap::{Args, ValueEnum};
use coalmine_rollout::journal::{Entry, Finding, Kind, rate};
use coalmine_rollout::machine::State;
use coalmine_rollout::machine::history::Point;
use coalmine_rollout::plan::Plan;
use std::fmt::Write;

/// `coalmine rollout report`
#[derive(Debug, Args)]
#[command(after_help = after_help("\
Examples:
  coalmine rollout report reviews.yaml > report.md
  coalmine rollout report reviews.yaml >> \"$GITHUB_STEP_SUMMARY\"
  coalmine rollout report reviews.yaml -o html > report.html"))]
pub struct ReportArgs {
    /// Which rollout.
    #[command(flatten)]
    pub of: KeptArgs,
    /// In which form
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Form,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For a merge request or a summary
    #[default]
    Markdown,
    /// A page that stands by itself, with plots
    Html,
}

pub(super) fn report(args: &ReportArgs) -> Result<Outcome, Failure> {
    let (plan, state) = args.of.read()?;
    let told = Told {
        plan: &plan,
        state: &state,
        entries: of_last_run(&state.journal),
    };
    Ok(Outcome {
        data: match args.output {
            Form::Markdown => markdown(&told),
            Form::Html => html::page(&told),
        },
        ..Outcome::default()
    })
}

/// What there is to tell.
struct Told<'s> {
    plan: &'s Plan,
    state: &'s State,
    /// Of the last rollout.
    entries: &'s [Entry],
}

impl Told<'_> {
    fn title(&self) -> String {
        format!("Rollout of {} in {}", self.plan.variant, self.plan.canary)
    }

    fn summary(&self) -> String {
        let Some(last) = self.entries.last() else {
            return "It has not begun.".to_owned();
        };
        let revision = last.revision.as_ref();
        let revision = revision.map(|revision| format!("Revision {revision}. "));
        format!(
            "{}Share now: {}. Last decision: {}, {}.",
            revision.unwrap_or_default(),
            last.share,
            last.kind.name(),
            last.message
        )
    }

    fn findings(&self) -> Vec<&Finding> {
        self.entries
            .iter()
            .flat_map(|entry| &entry.findings)
            .collect()
    }

    /// What a finding's numbers stand against: others than the filter know no control cohort.
    fn compared_with(&self, finding: &Finding) -> &'static str {
        let mut others = self.plan.comparisons.iter();
        match others.any(|comparison| comparison.name == finding.check) {
            true => "what it is compared with",
            false => "the control cohort",
        }
    }

    fn points(&self) -> &[Point] {
        self.state
            .run
            .as_ref()
            .map_or(&[], |run| &run.history.points)
    }
}

fn markdown(told: &Told<'_>) -> String {
    let mut text = format!("# {}\n\n{}\n", told.title(), cell(&told.summary()));
    if told.entries.is_empty() {
        return text;
    }
    text.push_str("\n| when | decision | share | why |\n|---|---|---|---|\n");
    for entry in told.entries {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            second(entry.at),
            entry.kind.name(),
            entry.share,
            cell(&entry.message)
        );
    }
    for finding in told.findings() {
        let _ = writeln!(
            text,
            "\n**{}**: {} of the variant, {} of {}.",
            cell(&finding.check),
            rate(finding.canary),
            rate(finding.control),
            told.compared_with(finding)
        );
        if let Some(look) = &finding.look {
            let _ = writeln!(
                text,
                "Chance alone comes this far in {:.4} % of rollouts; {:.4} % were allowed by then.",
                100.0 * look.p,
                100.0 * look.allowed
            );
        }
    }
    text
}

/// Text that cannot end a cell, or become a tag.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

/// The decisions since the last beginning.
fn of_last_run(journal: &[Entry]) -> &[Entry] {
    let begins = |entry: &Entry| matches!(entry.kind, Kind::Began | Kind::Refused);
    let begun = journal.iter().rposition(begins).unwrap_or_default();
    journal.get(begun..).unwrap_or_default()
}
