//! What a rule can be found by: a value that it needs, or a text that must be in one.
//!
//! A key may propose a rule that does not match, never miss one that does.

use super::reads::{Reads, Slot, Source};
use crate::config::{Condition, Named, Test};

/// A text shorter than this is in too many values.
pub(super) const SHORTEST: usize = 4;

/// What a rule is found by.
pub(super) enum Key<'c> {
    /// One of these values, and nothing else, in a slot.
    Values(Slot, Vec<&'c [u8]>),
    /// All of these texts, so any one of them finds it; there is at least one.
    Needles(Vec<Needle<'c>>),
    /// It has to be tried.
    Nothing,
}

/// A text of at least [`SHORTEST`] bytes.
pub(super) struct Needle<'c> {
    pub(super) place: Place,
    pub(super) text: &'c [u8],
    /// Within so many bytes of the value.
    pub(super) reach: usize,
}

/// Where a value is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Slot(Slot),
    Path,
    Host,
}

impl<'c> Key<'c> {
    /// The key of a condition.
    pub(super) fn of(condition: &'c Condition, reads: &mut Reads) -> Self {
        if let Some((slot, values)) = values(condition, reads) {
            return Self::Values(slot, values);
        }
        let mut texts = Vec::new();
        // Regexes share what they may look at in a request, so rules that have one keep their turn.
        if !has_regex(condition) {
            needles(condition, reads, &mut texts);
        }
        match texts.is_empty() {
            true => Self::Nothing,
            false => Self::Needles(texts),
        }
    }
}

/// The constants of one header, cookie or parameter of which a condition needs one.
fn values<'c>(condition: &'c Condition, reads: &mut Reads) -> Option<(Slot, Vec<&'c [u8]>)> {
    let mut constants = |source, named: &'c Named| {
        let values = match &named.test {
            Test::Exact(value) => vec![value.as_bytes()],
            Test::In(values) => values.iter().map(|value| value.as_bytes()).collect(),
            _ => return None,
        };
        Some((reads.slot(source, &named.name)?, values))
    };
    match condition {
        Condition::Header(named) => constants(Source::Header, named),
        Condition::Cookie(named) => constants(Source::Cookie, named),
        Condition::Query(named) => constants(Source::Query, named),
        Condition::All(parts) => parts.iter().find_map(|part| values(part, reads)),
        _ => None,
    }
}

fn has_regex(condition: &Condition) -> bool {
    let is_regex = |test: &Test| matches!(test, Test::Regex(_));
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().any(has_regex),
        Condition::Not(part) => has_regex(part),
        Condition::Header(named) | Condition::Cookie(named) | Condition::Query(named) => {
            is_regex(&named.test)
        }
        Condition::Path(test) | Condition::Method(test) | Condition::Host(test) => is_regex(test),
    }
}

/// The texts that a condition needs. One that needs any of several has none: it would be tried as often
/// as a client sends another of them.
fn needles<'c>(condition: &'c Condition, reads: &mut Reads, all: &mut Vec<Needle<'c>>) {
    let mut named = |source, named: &'c Named| {
        let place = Place::Slot(reads.slot(source, &named.name)?);
        needle(place, &named.test)
    };
    let found = match condition {
        Condition::Header(header) => named(Source::Header, header),
        Condition::Cookie(cookie) => named(Source::Cookie, cookie),
        Condition::Query(parameter) => named(Source::Query, parameter),
        Condition::Path(test) => needle(Place::Path, test),
        Condition::Host(test) => needle(Place::Host, test),
        Condition::All(parts) => {
            parts.iter().for_each(|part| needles(part, reads, all));
            None
        }
        Condition::Any(_) | Condition::Not(_) | Condition::Method(_) => None,
    };
    all.extend(found);
}

/// The text that a test needs.
fn needle(place: Place, test: &Test) -> Option<Needle<'_>> {
    let (text, reach) = match test {
        Test::Exact(text) | Test::Prefix(text) => (text, text.len()),
        Test::Suffix(text) | Test::Contains(text) => (text, usize::MAX),
        Test::In(_) | Test::Regex(_) | Test::Present(_) => return None,
    };
    let text = text.as_bytes();
    (text.len() >= SHORTEST).then_some(Needle { place, text, reach })
}
