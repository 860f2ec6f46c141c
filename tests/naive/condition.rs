//! What a rule asks for.

use super::seen::Seen;
use coalmine::config::{Canary, Condition, Test};
use regex_lite::Regex;

/// So many bytes of a request regexes look at, all together.
const REGEX_INPUT: usize = 8 * 1024;

pub(super) fn holds(condition: &Condition, seen: &Seen) -> bool {
    match condition {
        Condition::All(parts) => parts.iter().all(|part| holds(part, seen)),
        Condition::Any(parts) => parts.iter().any(|part| holds(part, seen)),
        Condition::Not(part) => !holds(part, seen),
        leaf => {
            let (values, test) = asked(leaf, seen);
            match test {
                Test::Present(wanted) => values.is_empty() != *wanted,
                _ => values.iter().any(|value| passes(test, value)),
            }
        }
    }
}

/// The values that a condition without parts tests, and the test.
fn asked<'c>(condition: &'c Condition, seen: &Seen) -> (Vec<Vec<u8>>, &'c Test) {
    match condition {
        Condition::Header(named) => (seen.headers(&named.name), &named.test),
        Condition::Cookie(named) => (seen.cookies(&named.name), &named.test),
        Condition::Query(named) => (seen.parameters(&named.name), &named.test),
        Condition::Path(test) => (vec![seen.path.clone()], test),
        Condition::Method(test) => (vec![seen.method.clone()], test),
        Condition::Host(test) => (vec![seen.host.clone()], test),
        Condition::All(_) | Condition::Any(_) | Condition::Not(_) => {
            panic!("a condition of conditions")
        }
    }
}

fn passes(test: &Test, value: &[u8]) -> bool {
    match test {
        Test::Exact(wanted) => value == wanted.as_bytes(),
        Test::Prefix(part) => value.starts_with(part.as_bytes()),
        Test::Suffix(part) => value.ends_with(part.as_bytes()),
        Test::Contains(part) => {
            let part = part.as_bytes();
            (0..=value.len()).any(|at| value[at..].starts_with(part))
        }
        Test::In(wanted) => wanted.iter().any(|wanted| wanted.as_bytes() == value),
        Test::Regex(regex) => std::str::from_utf8(value).is_ok_and(|value| {
            let whole = Regex::new(&format!(r"\A(?:{regex})\z")).unwrap();
            whole.is_match(value)
        }),
        Test::Present(wanted) => *wanted,
    }
}

/// Whether the regexes of a canary may come to the end of what they look at in a request. The page
/// does not say in which order rules use it up, so what follows is left open.
pub(super) fn may_run_out(canary: &Canary, seen: &Seen) -> bool {
    let mut looked = 0;
    for rule in &canary.spec.rules {
        let mut leaves = Vec::new();
        leaves_of(&rule.when, &mut leaves);
        let asked: Vec<_> = leaves.iter().map(|leaf| asked(leaf, seen)).collect();
        let by_regex = asked
            .iter()
            .filter(|(_, test)| matches!(test, Test::Regex(_)));
        let bytes: usize = by_regex.flat_map(|(values, _)| values).map(Vec::len).sum();
        // A rule may be tried once for each value of one name.
        let tries = asked.iter().map(|(values, _)| values.len()).max();
        looked += bytes * tries.unwrap_or(1).max(1);
    }
    looked > REGEX_INPUT
}

fn leaves_of<'c>(condition: &'c Condition, leaves: &mut Vec<&'c Condition>) {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().for_each(|part| leaves_of(part, leaves));
        }
        Condition::Not(part) => leaves_of(part, leaves),
        leaf => leaves.push(leaf),
    }
}
