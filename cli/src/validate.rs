//! `coalmine validate`: every mistake, with its place and what to write instead.

use crate::args::{Format, ValidateArgs};
use crate::input::{self, counted};
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
    let sources = input::read(&args.files)?;
    let (canaries, found) = yaml::read(&sources);
    let ok = !any_error(&found);
    if ok {
        input::some_canary(&canaries)?;
    }
    let code = if ok { 0 } else { REFUSED };
    if args.output == Format::Json {
        return Ok(Outcome {
            data: json(&canaries, &found, &sources, ok)?,
            code,
            ..Outcome::default()
        });
    }
    let mut outcome = Outcome {
        code,
        ..Outcome::default()
    };
    if !found.is_empty() {
        outcome.talk = input::drawn(&found, &sources);
        outcome.talk.push('\n');
    }
    if ok {
        outcome.data = format!(
            "ok: {}, {}, in {}\n",
            counted(canaries.canaries.len(), "canary"),
            counted(hosts(&canaries), "host"),
            counted(sources.len(), "file"),
        );
    }
    Ok(outcome)
}

/// The hosts as written.
fn hosts(canaries: &Canaries) -> usize {
    let hosts = |canary: &coalmine::config::Canary| canary.spec.hosts.len();
    canaries.canaries.iter().map(hosts).sum()
}

fn json(
    canaries: &Canaries,
    found: &[Diagnostic],
    sources: &[Source],
    ok: bool,
) -> Result<String, Failure> {
    let report = Report {
        ok,
        canaries: canaries.canaries.len(),
        hosts: hosts(canaries),
        diagnostics: found
            .iter()
            .map(|diagnostic| for_programs(diagnostic, sources))
            .collect(),
    };
    to_json(&report)
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
