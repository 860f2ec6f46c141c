//! `coalmine validate`: every mistake, with its place and what to write instead.

use crate::args::{Files, Format, ValidateArgs};
use crate::input::{self, Unread, counted};
use crate::outcome::{Failure, Outcome, REFUSED};
use coalmine::config::Canaries;
use coalmine::diagnostic::{Diagnostic, Severity, any_error};
use coalmine::yaml::{self, Source};
use serde::Serialize;

/// What `-o json` prints.
#[derive(Serialize)]
struct Report<'r> {
    ok: bool,
    canaries: usize,
    hosts: usize,
    diagnostics: Vec<Found<'r>>,
}

/// A diagnostic for programs.
#[derive(Serialize)]
struct Found<'r> {
    file: &'r str,
    /// From 1, where the place is known.
    line: Option<usize>,
    /// In characters, from 1.
    column: Option<usize>,
    path: &'r str,
    code: &'static str,
    severity: &'static str,
    message: &'r str,
    help: Option<&'r str>,
    /// The first of two that clash.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<First<'r>>,
    /// The line it points at.
    source: Option<&'r str>,
}

/// The place of the first of two that clash.
#[derive(Serialize)]
struct First<'r> {
    file: &'r str,
    line: Option<usize>,
    column: Option<usize>,
    path: &'r str,
}

/// Checks canaries one by one and against each other.
///
/// # Errors
/// A file cannot be read. Mistakes in canaries are an outcome, with exit code 2.
pub fn validate(args: &ValidateArgs) -> Result<Outcome, Failure> {
    match (check(&args.files), args.output) {
        (Ok(checked), Format::Text) => Ok(text(&checked)),
        (Ok(checked), Format::Json) => Ok(Outcome {
            data: to_json(&report(&checked))?,
            code: checked.code(),
            ..Outcome::default()
        }),
        (Err(unread), Format::Text) => Err(unread.into()),
        (Err(unread), Format::Json) => Ok(Outcome {
            data: to_json(&report_unread(&unread))?,
            code: unread.exit,
            ..Outcome::default()
        }),
    }
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

fn report(checked: &Checked) -> Report<'_> {
    let diagnostics = checked.found.iter();
    Report {
        ok: checked.ok(),
        canaries: checked.canaries.canaries.len(),
        hosts: checked.hosts(),
        diagnostics: diagnostics
            .map(|diagnostic| for_programs(diagnostic, &checked.sources))
            .collect(),
    }
}

fn report_unread(unread: &Unread) -> Report<'_> {
    Report {
        ok: false,
        canaries: 0,
        hosts: 0,
        diagnostics: vec![Found {
            file: &unread.file,
            line: None,
            column: None,
            path: "",
            code: unread.code,
            severity: "error",
            message: &unread.message,
            help: unread.help,
            first: None,
            source: None,
        }],
    }
}

/// Indented JSON with a line break at its end.
pub(crate) fn to_json(value: &impl Serialize) -> Result<String, Failure> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::cannot(format!("error: cannot write JSON: {error}")))?;
    text.push('\n');
    Ok(text)
}

fn for_programs<'r>(diagnostic: &'r Diagnostic, sources: &'r [Source]) -> Found<'r> {
    let place = &diagnostic.place;
    let source = sources.get(place.source);
    let line = place.span.map(|span| span.line);
    Found {
        file: source.map_or("", |source| &source.name),
        line,
        column: place.span.map(|span| span.column),
        path: &place.path,
        code: diagnostic.code,
        severity: match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        message: &diagnostic.message,
        help: diagnostic.help.as_deref(),
        first: diagnostic.first.as_ref().map(|first| First {
            file: sources.get(first.source).map_or("", |source| &source.name),
            line: first.span.map(|span| span.line),
            column: first.span.map(|span| span.column),
            path: &first.path,
        }),
        source: line.and_then(|line| source?.text.lines().nth(line.checked_sub(1)?)),
    }
}
