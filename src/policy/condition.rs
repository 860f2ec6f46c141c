//! Conditions over the values of a request.

use super::reads::{Slot, Values};
use super::table::Table;
use crate::{Request, bytes};
use regex_lite::Regex;

/// Is told whether a condition matches, and the values it tests, if it tests any.
pub(crate) type Tell<'t> = dyn FnMut(bool, Option<&[&[u8]]>) + 't;

/// A condition, compiled.
#[derive(Debug)]
pub(crate) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Value(Slot, Test),
    Path(Test),
    Method(Test),
    Host(Test),
}

/// A test on one value, compiled.
#[derive(Debug)]
pub(crate) enum Test {
    Exact(Box<[u8]>),
    Prefix(Box<[u8]>),
    Suffix(Box<[u8]>),
    Contains(Box<[u8]>),
    In(Table<()>),
    /// What all its matches begin with, and itself, which is dearer by far.
    Regex(Box<[u8]>, Regex),
    Present,
    Absent,
    /// What the reader would have refused, if it ever gets here.
    Nothing,
}

impl Condition {
    pub(crate) fn matches<R: Request>(&self, values: &Values<'_, R>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(values)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(values)),
            Self::Not(part) => !part.matches(values),
            Self::Value(slot, Test::Absent) => values.present() & slot.bit() == 0,
            Self::Value(slot, test) => values.any(*slot, |value| test.passes(value, values)),
            Self::Path(test) => test.passes(values.path, values),
            Self::Method(test) => test.passes(values.method, values),
            Self::Host(test) => test.passes(values.host.as_bytes(), values),
        }
    }

    /// Tells what each condition finds, itself before its parts: whether it matches, and the values
    /// that it tests, if it tests any. For explanations, once the decision has been made: regexes
    /// look at as much of the request as one decision may, each time anew.
    pub(super) fn observe<R: Request>(&self, values: &Values<'_, R>, tell: &mut Tell<'_>) {
        values.match_anew();
        let matches = self.matches(values);
        match self {
            Self::All(parts) | Self::Any(parts) => {
                tell(matches, None);
                parts.iter().for_each(|part| part.observe(values, tell));
            }
            Self::Not(part) => {
                tell(matches, None);
                part.observe(values, tell);
            }
            Self::Value(slot, _) => tell(matches, Some(&values.all(*slot))),
            Self::Path(_) => tell(matches, Some(&[values.path])),
            Self::Method(_) => tell(matches, Some(&[values.method])),
            Self::Host(_) => tell(matches, Some(&[values.host.as_bytes()])),
        }
    }

    /// The slots without which it cannot match, a bit each.
    pub(super) fn needs(&self) -> u64 {
        match self {
            Self::All(parts) => parts.iter().fold(0, |needs, part| needs | part.needs()),
            Self::Any(parts) => parts
                .iter()
                .fold(u64::MAX, |needs, part| needs & part.needs()),
            Self::Value(_, Test::Absent) => 0,
            Self::Value(slot, _) => slot.bit(),
            Self::Not(_) | Self::Path(_) | Self::Method(_) | Self::Host(_) => 0,
        }
    }
}

impl Test {
    /// Whether a value passes. Whoever asks about a value that is not there has answered already.
    fn passes<R>(&self, value: &[u8], values: &Values<'_, R>) -> bool {
        match self {
            Self::Exact(wanted) => value == wanted.as_ref(),
            Self::Prefix(part) => value.starts_with(part),
            Self::Suffix(part) => value.ends_with(part),
            Self::Contains(part) => bytes::contains(value, part),
            Self::In(wanted) => wanted.get(value).is_some(),
            Self::Regex(start, regex) => {
                value.starts_with(start)
                    && values.may_match(value.len())
                    && core::str::from_utf8(value).is_ok_and(|value| regex.is_match(value))
            }
            Self::Present => true,
            Self::Absent | Self::Nothing => false,
        }
    }
}
