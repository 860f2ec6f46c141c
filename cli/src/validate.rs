//! `coalmine validate`: every mistake, with its place and what to write instead.

use crate::args::{Files, Format, after_help};
use crate::input::{self, Unread, counted};
use crate::outcome::{Failure, Outcome, REFUSED};
use crate::report::Found;
use clap::Args;
use coalmine::config::Canaries;
use coalmine::diagnostic::{Diagnostic, any_error};
use coalmine::yaml::{self, Source};
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  coalmine validate reviews.yaml
  coalmine validate canaries/                 every *.yaml and *.yml in the folder, against each other
  cat reviews.yaml | coalmine validate -
  coalmine validate canaries/ -o json | jq -r '.diagnostics[] | \"\\(.file):\\(.line) \\(.message)\"'";

/// `coalmine validate`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub struct ValidateArgs {
    /// Where canaries are read from.
    #[command(flatten)]
    pub files: Files,
    /// How to print what was found
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}

/// What it prints for programs.
#[derive(Serialize)]
struct Checks {
    ok: bool,
    canaries: usize,
    hosts: usize,
    diagnostics: Vec<Found>,
}

/// Checks canaries one by one and against each other.
///
/// # Errors
/// A file cannot be read. Mistakes in canaries are an outcome, with exit code 2.
pub fn validate(args: &ValidateArgs) -> Result<Outcome, Failure> {
    let checked = check(&args.files)?;
    Ok(match args.output {
        Format::Table => text(&checked),
        format => Outcome {
            data: format.print(&checks(&checked), String::new)?,
            code: checked.code(),
            ..Outcome::default()
        },
    })
}

/// What was read, and what was found in it.
struct Checked {
    sources: Vec<Source>,
    canaries: Canaries,
    found: Vec<Diagnostic>,
}

impl Checked {
    fn ok(&self) -> bool {
        !any_error(&self.found)
    }

    fn code(&self) -> i32 {
        if self.ok() { 0 } else { REFUSED }
    }

    /// The hosts as written.
    fn hosts(&self) -> usize {
        let hosts = |canary: &coalmine::config::Canary| canary.spec.hosts.len();
        self.canaries.canaries.iter().map(hosts).sum()
    }
}

fn check(files: &Files) -> Result<Checked, Unread> {
    let sources = input::read(files)?;
    let (canaries, found) = yaml::read(&sources);
    let checked = Checked {
        sources,
        canaries,
        found,
    };
    if checked.ok() {
        input::some_canary(&checked.canaries)?;
    }
    Ok(checked)
}

fn text(checked: &Checked) -> Outcome {
    let mut outcome = Outcome {
        talk: input::drawn(&checked.found, &checked.sources),
        code: checked.code(),
        ..Outcome::default()
    };
    if !checked.ok() {
        outcome.talk.push('\n');
        return outcome;
    }
    // Nothing else is found where all is well.
    let warnings = match checked.found.len() {
        0 => String::new(),
        warnings => format!(", {}", counted(warnings, "warning")),
    };
    outcome.data = format!(
        "ok: {}, {}, in {}{warnings}\n",
        counted(checked.canaries.canaries.len(), "canary"),
        counted(checked.hosts(), "host"),
        counted(checked.sources.len(), "file"),
    );
    outcome
}

fn checks(checked: &Checked) -> Checks {
    let diagnostics = checked.found.iter();
    Checks {
        ok: checked.ok(),
        canaries: checked.canaries.canaries.len(),
        hosts: checked.hosts(),
        diagnostics: diagnostics
            .map(|diagnostic| Found::new(diagnostic, &checked.sources))
            .collect(),
    }
}
