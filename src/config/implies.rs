//! When one condition holds only where another does: what makes a rule unreachable.
//!
//! Both answers are sound and not complete: `true` is certain, `false` may mean "cannot tell".

use super::{Condition, Named, Test};

/// Whether every request that satisfies `narrow` satisfies `wide`.
pub(super) fn implies(narrow: &Condition, wide: &Condition) -> bool {
    if narrow == wide {
        return true;
    }
    match (narrow, wide) {
        (Condition::Any(parts), _) => parts.iter().all(|part| implies(part, wide)),
        (_, Condition::All(parts)) => parts.iter().all(|part| implies(narrow, part)),
        (Condition::All(parts), Condition::Any(wides)) => {
            parts.iter().any(|part| implies(part, wide))
                || wides.iter().any(|wide| implies(narrow, wide))
        }
        (Condition::All(parts), _) => parts.iter().any(|part| implies(part, wide)),
        (_, Condition::Any(parts)) => parts.iter().any(|part| implies(narrow, part)),
        (Condition::Not(narrow), Condition::Not(wide)) => implies(wide, narrow),
        (Condition::Header(narrow), Condition::Header(wide))
        | (Condition::Cookie(narrow), Condition::Cookie(wide))
        | (Condition::Query(narrow), Condition::Query(wide)) => named_implies(narrow, wide),
        (Condition::Path(narrow), Condition::Path(wide))
        | (Condition::Method(narrow), Condition::Method(wide))
        | (Condition::Host(narrow), Condition::Host(wide)) => test_implies(narrow, wide),
        _ => false,
    }
}

/// Whether no request can satisfy it.
pub(super) fn never_matches(condition: &Condition) -> bool {
    match condition {
        Condition::Any(parts) => parts.iter().all(never_matches),
        Condition::All(parts) => {
            parts.iter().any(never_matches)
                || parts.iter().enumerate().any(|(index, part)| {
                    parts
                        .iter()
                        .skip(index)
                        .any(|other| contradict(part, other))
                })
        }
        _ => false,
    }
}

fn contradict(one: &Condition, other: &Condition) -> bool {
    match (one, other) {
        (Condition::Not(negated), positive) | (positive, Condition::Not(negated)) => {
            implies(positive, negated)
        }
        // A header, cookie or parameter may be there twice with two values; these may not.
        (Condition::Path(one), Condition::Path(other))
        | (Condition::Method(one), Condition::Method(other))
        | (Condition::Host(one), Condition::Host(other)) => exclude(one, other),
        _ => false,
    }
}

fn named_implies(narrow: &Named, wide: &Named) -> bool {
    narrow.name == wide.name && test_implies(&narrow.test, &wide.test)
}

fn test_implies(narrow: &Test, wide: &Test) -> bool {
    if narrow == wide {
        return true;
    }
    match (narrow, wide) {
        (Test::Present(false), _) | (_, Test::Present(false)) => false,
        (_, Test::Present(true)) => true,
        (Test::Exact(value), wide) => holds(wide, value),
        (Test::In(values), wide) => values.iter().all(|value| holds(wide, value)),
        (Test::Prefix(part), Test::Prefix(wide)) => part.starts_with(wide.as_str()),
        (Test::Suffix(part), Test::Suffix(wide)) => part.ends_with(wide.as_str()),
        (Test::Prefix(part) | Test::Suffix(part) | Test::Contains(part), Test::Contains(wide)) => {
            part.contains(wide.as_str())
        }
        _ => false,
    }
}

/// Whether a value passes a test; a regex cannot tell here.
fn holds(test: &Test, value: &str) -> bool {
    match test {
        Test::Exact(wanted) => value == wanted,
        Test::Prefix(part) => value.starts_with(part.as_str()),
        Test::Suffix(part) => value.ends_with(part.as_str()),
        Test::Contains(part) => value.contains(part.as_str()),
        Test::In(values) => values.iter().any(|wanted| wanted == value),
        Test::Present(wanted) => *wanted,
        Test::Regex(_) => false,
    }
}

/// Whether one value cannot pass both.
fn exclude(one: &Test, other: &Test) -> bool {
    match (one, other) {
        (Test::Regex(_), _) | (_, Test::Regex(_)) => false,
        (Test::Exact(value), test) | (test, Test::Exact(value)) => !holds(test, value),
        (Test::In(values), test) | (test, Test::In(values)) => {
            !values.iter().any(|value| holds(test, value))
        }
        (Test::Prefix(one), Test::Prefix(other)) => {
            !one.starts_with(other.as_str()) && !other.starts_with(one.as_str())
        }
        _ => false,
    }
}
