//! What is wrong.

use super::field::Field;
use crate::Problem;
use coalmine::config::Canary;
use coalmine::diagnostic::{Diagnostic, Place, Severity};

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    found: Vec<Diagnostic>,
    pub(super) missing: Vec<Problem>,
}

impl Findings {
    /// The manifests do not agree.
    pub(super) fn error(
        &mut self,
        at: &Field<'_>,
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add(
            Severity::Error,
            at.place(),
            code,
            message.into(),
            help.into(),
        );
    }

    /// It works, and is probably not what is wanted.
    pub(super) fn warning(
        &mut self,
        at: &Field<'_>,
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add(
            Severity::Warning,
            at.place(),
            code,
            message.into(),
            help.into(),
        );
    }

    /// How many there are so far.
    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    /// Takes what was found of this kind since then as something that may be meant.
    pub(super) fn soften(&mut self, since: usize, code: &str) {
        for diagnostic in self.found.iter_mut().skip(since) {
            if diagnostic.code == code {
                diagnostic.severity = Severity::Warning;
            }
        }
    }

    /// A canary lacks something that is in no manifest.
    pub(super) fn missing(
        &mut self,
        canary: &Canary,
        code: &'static str,
        message: String,
        help: &str,
    ) {
        self.missing.push(Problem {
            canary: canary.full_name(),
            path: "spec.hosts".to_owned(),
            code,
            message,
            help: help.to_owned(),
        });
    }

    /// The first of two that clash, for what was reported last.
    pub(super) fn beside(&mut self, first: &Field<'_>) {
        if let Some(last) = self.found.last_mut() {
            last.first = Some(first.place());
        }
    }

    pub(super) fn extend(&mut self, found: impl IntoIterator<Item = Diagnostic>) {
        self.found.extend(found);
    }

    /// Takes what others found.
    pub(super) fn join(&mut self, others: Self) {
        self.found.extend(others.found);
        for problem in others.missing {
            if !self.missing.contains(&problem) {
                self.missing.push(problem);
            }
        }
    }

    /// Forgets what was found of this kind.
    pub(super) fn forget(&mut self, code: &str) {
        self.found.retain(|diagnostic| diagnostic.code != code);
        self.missing.retain(|problem| problem.code != code);
    }

    fn add(
        &mut self,
        severity: Severity,
        place: Place,
        code: &'static str,
        message: String,
        help: String,
    ) {
        self.found.push(Diagnostic {
            severity,
            code,
            place,
            first: None,
            message,
            help: Some(help),
        });
    }

    /// All of them in the order of their places, each once.
    pub(super) fn sorted(mut self) -> (Vec<Diagnostic>, Vec<Problem>) {
        self.found.sort_by_key(|diagnostic| {
            let span = diagnostic.place.span;
            (diagnostic.place.source, span.map(|span| span.start))
        });
        self.found.dedup();
        (self.found, self.missing)
    }
}
