//! What is wrong with a config, as far as it was read.

use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::node::Span;
use core::fmt;

/// So many problems are told; a config has no more than that by accident.
const MOST: usize = 1_000;

/// So many characters of a text are told, which is more than any name may have.
const LONGEST: usize = 1_000;

/// That there are more problems.
const MORE: &str = "too-many-problems";

/// What was found wrong so far. It is bounded, whatever somebody writes: a key of a megabyte is in the path
/// of every problem below it.
pub(super) struct Report<'r> {
    pub(super) source: usize,
    pub(super) found: &'r mut Vec<Diagnostic>,
}

/// What to write instead.
pub(super) enum Help {
    None,
    Words(&'static str),
    Made(String),
}

// === impl Report ===

impl Report<'_> {
    pub(super) fn error(
        &mut self,
        place: (&str, Option<Span>),
        code: &'static str,
        message: fmt::Arguments<'_>,
        help: impl Into<Help>,
    ) {
        self.put(Severity::Error, place, code, message, help.into());
    }

    /// Something that works and is probably not what was meant.
    pub(super) fn warning(
        &mut self,
        place: (&str, Option<Span>),
        code: &'static str,
        message: fmt::Arguments<'_>,
        help: impl Into<Help>,
    ) {
        self.put(Severity::Warning, place, code, message, help.into());
    }

    /// An error about two that clash, at the second of them.
    pub(super) fn clash(
        &mut self,
        place: (&str, Option<Span>),
        first: &Place,
        code: &'static str,
        message: fmt::Arguments<'_>,
        help: &'static str,
    ) {
        self.error(place, code, message, help);
        if let Some(diagnostic) = self.found.last_mut()
            && diagnostic.code == code
        {
            diagnostic.first = Some(first.clone());
        }
    }

    /// Apart, and taking what is made from its parts unmade: there are a hundred calls, and whatever each
    /// of them does by itself is there a hundred times.
    #[inline(never)]
    fn put(
        &mut self,
        severity: Severity,
        (path, span): (&str, Option<Span>),
        code: &'static str,
        message: fmt::Arguments<'_>,
        help: Help,
    ) {
        if self.is_full() {
            return self.more(severity);
        }
        self.found.push(Diagnostic {
            severity,
            code,
            place: Place {
                source: self.source,
                path: shortened(path.to_owned()),
                span,
            },
            first: None,
            message: shortened(message.to_string()),
            help: match help {
                Help::None => None,
                Help::Words(words) => Some(words.to_owned()),
                Help::Made(text) => Some(shortened(text)),
            },
        });
    }

    /// Whether no more problems are told.
    pub(super) fn is_full(&self) -> bool {
        self.found.len() >= MOST
    }

    /// Counts one more than are told. It is an error if one of those is.
    fn more(&mut self, severity: Severity) {
        if let Some(last) = self.found.last_mut()
            && last.code == MORE
        {
            if severity == Severity::Error {
                last.severity = severity;
            }
            return;
        }
        self.found.push(Diagnostic {
            severity,
            code: MORE,
            place: Place {
                source: self.source,
                ..Place::default()
            },
            first: None,
            message: format!("there are more problems than these {MOST}"),
            help: Some("mend these first".to_owned()),
        });
    }
}

/// A text, cut off where it is very long.
fn shortened(text: String) -> String {
    if text.len() <= LONGEST {
        return text;
    }
    let mut cut: String = text.chars().take(LONGEST).collect();
    cut.push('…');
    cut
}

impl From<&'static str> for Help {
    fn from(words: &'static str) -> Self {
        Self::Words(words)
    }
}

impl From<String> for Help {
    fn from(text: String) -> Self {
        Self::Made(text)
    }
}

impl From<Option<String>> for Help {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::None, Self::Made)
    }
}
