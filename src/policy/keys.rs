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
    /// This text.
    Needle(Needle<'c>),
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
        needle(condition, reads).map_or(Self::Nothing, Self::Needle)
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

/// The text that a condition needs. One that needs any of several has none: it would be tried as often
/// as a client sends another of them.
fn needle<'c>(condition: &'c Condition, reads: &mut Reads) -> Option<Needle<'c>> {
    let mut named = |source, named: &'c Named| {
        let place = Place::Slot(reads.slot(source, &named.name)?);
        text(place, &named.test)
    };
    match condition {
        Condition::Header(header) => named(Source::Header, header),
        Condition::Cookie(cookie) => named(Source::Cookie, cookie),
        Condition::Query(parameter) => named(Source::Query, parameter),
        Condition::Path(test) => text(Place::Path, test),
        Condition::Host(test) => text(Place::Host, test),
        // The longest is in the fewest requests.
        Condition::All(parts) => {
            let parts = parts.iter().filter_map(|part| needle(part, reads));
            parts.max_by_key(|needle| needle.text.len())
        }
        Condition::Any(_) | Condition::Not(_) | Condition::Method(_) => None,
    }
}

/// The text that a test needs.
fn text(place: Place, test: &Test) -> Option<Needle<'_>> {
    let (text, reach) = match test {
        Test::Exact(text) | Test::Prefix(text) => (text.as_str(), text.len()),
        Test::Suffix(text) | Test::Contains(text) => (text.as_str(), usize::MAX),
        Test::Regex(regex) => {
            let start = start_of_regex(regex);
            (start, start.len())
        }
        Test::In(_) | Test::Present(_) => return None,
    };
    let text = text.as_bytes();
    (text.len() >= SHORTEST).then_some(Needle { place, text, reach })
}

/// What every value begins with that a regex matches as a whole, as far as that can be told without
/// parsing it: the letters, digits and a few signs that it begins with.
pub(super) fn start_of_regex(regex: &str) -> &str {
    let literal = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_=:; ,%@".contains(&byte);
    let regex = regex.strip_prefix('^').unwrap_or(regex);
    let bytes = regex.as_bytes();
    let mut length = bytes.iter().take_while(|byte| literal(**byte)).count();
    // A quantifier takes the last of them, also one behind flags, `a(?i)?`; nothing stands for itself alone
    // but the end, and what begins something else.
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
