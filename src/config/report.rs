//! What is wrong with a config, as far as it was read.

use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::node::Span;
use core::fmt;

/// What was found wrong so far.
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
        if let Some(diagnostic) = self.found.last_mut() {
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
        self.found.push(Diagnostic {
            severity,
            code,
            place: Place {
                source: self.source,
                path: path.to_owned(),
                span,
            },
            first: None,
            message: message.to_string(),
            help: match help {
                Help::None => None,
                Help::Words(words) => Some(words.to_owned()),
                Help::Made(text) => Some(text),
            },
        });
    }
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
