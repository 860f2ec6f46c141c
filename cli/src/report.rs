//! Problems for programs: what `-o json` and `-o yaml` print when something is wrong.

use coalmine::diagnostic::{Diagnostic, Place, Severity};
use coalmine::yaml::Source;
use serde::Serialize;

/// What a command prints for programs when it has nothing else to say than what is wrong.
#[derive(Debug, Serialize)]
pub struct Report<'f> {
    /// Always false.
    pub ok: bool,
    /// Every problem.
    pub diagnostics: &'f [Found],
}

/// A problem for programs.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// The file it is in; empty if it is about no single file.
    pub file: String,
    /// From 1, where the place is known.
    pub line: Option<usize>,
    /// In characters, from 1.
    pub column: Option<usize>,
    /// The field, like `spec.rules[0].when`.
    pub path: String,
    /// A short stable name of the kind of problem.
    pub code: &'static str,
    /// `error` or `warning`.
    pub severity: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// The first of two that clash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<First>,
    /// The line it points at.
    pub source: Option<String>,
}

/// The place of the first of two that clash.
#[derive(Clone, Debug, Serialize)]
pub struct First {
    /// The file it is in.
    pub file: String,
    /// From 1.
    pub line: Option<usize>,
    /// In characters, from 1.
    pub column: Option<usize>,
    /// The field.
    pub path: String,
}

impl Found {
    /// A problem that is in no file.
    pub fn nowhere(code: &'static str, message: impl Into<String>, help: Option<String>) -> Self {
        Self {
            file: String::new(),
            line: None,
            column: None,
            path: String::new(),
            code,
            severity: "error",
            message: message.into(),
            help,
            first: None,
            source: None,
        }
    }

    /// A diagnostic with the names and lines of its sources.
    pub fn new(diagnostic: &Diagnostic, sources: &[Source]) -> Self {
        let place = &diagnostic.place;
        let source = sources.get(place.source);
        let line = place.span.map(|span| span.line);
        Self {
            file: name_of(place, sources),
            line,
            column: place.span.map(|span| span.column),
            path: place.path.clone(),
            code: diagnostic.code,
            severity: match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            message: diagnostic.message.clone(),
            help: diagnostic.help.clone(),
            first: diagnostic.first.as_ref().map(|first| First {
                file: name_of(first, sources),
                line: first.span.map(|span| span.line),
                column: first.span.map(|span| span.column),
                path: first.path.clone(),
            }),
            source: line
                .and_then(|line| source?.text.lines().nth(line.checked_sub(1)?))
                .map(str::to_owned),
        }
    }
}

fn name_of(place: &Place, sources: &[Source]) -> String {
    let source = sources.get(place.source);
    source.map_or_else(String::new, |source| source.name.clone())
}
