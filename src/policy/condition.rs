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

/// What every value begins with that a regex matches as a whole, as far as that can be told without
/// parsing it: the letters, digits and a few signs that it begins with.
pub(super) fn start_of_regex(regex: &str) -> &str {
    let literal = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_=:; ,%@".contains(&byte);
    let regex = regex.strip_prefix('^').unwrap_or(regex);
    let bytes = regex.as_bytes();
    let mut length = bytes.iter().take_while(|byte| literal(**byte)).count();
    // A quantifier takes the last of them along, also one behind flags, `a(?i)?`: it stays only before the end
    // and what a quantifier takes instead.
    if !matches!(bytes.get(length), None | Some(b'.' | b'[' | b'\\' | b'$')) {
        length = length.saturating_sub(1);
    }
    if may_have_branches(bytes) {
        return "";
    }
    regex.get(..length).unwrap_or("")
}

/// Whether a regex may have a `|` that stands in no group. Classes and flags could hide a parenthesis,
/// so with them any `|` counts.
fn may_have_branches(regex: &[u8]) -> bool {
    let mut depth = 0usize;
    let mut unclear = false;
    let mut rest = regex;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'\\' => rest = rest.get(1..).unwrap_or_default(),
            b'[' => unclear = true,
            b'(' => {
                unclear |= rest.starts_with(b"?") && !rest.starts_with(b"?:");
                depth = depth.saturating_add(1);
            }
            b')' => depth = depth.saturating_sub(1),
            b'|' if depth == 0 || unclear => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regex_begins_with_what_all_its_matches_begin_with() {
        let check = |regex, expected| assert_eq!(start_of_regex(regex), expected, "{regex}");
        check("/api/v[0-9]+/.*", "/api/v");
        check("^/api/.*", "/api/");
        check("/api/(v1|v2)/.*", "/api");
        check("/api/(?:v1|v2)/.*", "/api");
        check("Mozilla/5.0 .*", "Mozilla/5");
        check(r"shop\.example", "shop");
        check("abc", "abc");
        check("abc?", "ab");
        check("abc*d", "ab");
        check("abc{0,2}", "ab");
        check("abc$", "abc");
        for optional in [
            "abc+",
            "abc+*",
            "abc+??",
            "abc+{0,1}",
            "abc(?i)?",
            "abc(?x) ?",
            "abc??",
        ] {
            check(optional, "ab");
        }
        check(".*bot.*", "");
        check("(?i)abc", "");
        check("", "");
        for branches in [
            "abc|def",
            "ab(c)|def",
            r"abc\(|def",
            r"abc\\|def",
            "ab[(]|def",
            "ab[c|d]",
            "ab(?x: # (\n)|def",
            "abc)|(def",
        ] {
            check(branches, "");
        }
    }
}
