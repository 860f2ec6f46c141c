//! A problem of a config: where it is, what is wrong, and what to write instead.

use crate::node::Span;
use core::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It works, and is probably not what was meant.
    Warning,
    /// It is refused.
    Error,
}

/// Where a problem is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Which of the sources that were read together, from 0.
    pub source: usize,
    /// The field, like `spec.rules[2].when`; empty for the whole document.
    pub path: String,
    /// Where it stands in the text, where the format tells.
    pub span: Option<Span>,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A short stable name of the kind of problem, like `unknown-field`.
    pub code: &'static str,
    /// Where it is.
    pub place: Place,
    /// The first of two that clash, where it is about such.
    pub first: Option<Place>,
    /// What is wrong.
    pub message: String,
    /// What to write instead, if that can be said.
    pub help: Option<String>,
}

/// One line: the form for Envoy's log. Tools draw it over its source (`yaml::draw`).
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.path.is_empty() {
            write!(f, "{}: ", self.place.path)?;
        }
        f.write_str(&self.message)?;
        if let Some(first) = &self.first {
            write!(f, "; the first is at {}", first.path)?;
        }
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// Whether one of them is an error.
pub fn any_error(diagnostics: &[Diagnostic]) -> bool {
    diagnostics
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error)
}
