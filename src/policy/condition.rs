//! Conditions over the values of a request.

use super::reads::{Slot, Values};
use super::table::Table;
use crate::{Request, bytes};
use regex_lite::Regex;

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
    Regex(Regex),
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
            Self::Regex(regex) => {
                values.may_match(value.len())
                    && core::str::from_utf8(value).is_ok_and(|value| regex.is_match(value))
            }
            Self::Present => true,
            Self::Absent | Self::Nothing => false,
        }
    }
}
