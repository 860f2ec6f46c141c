//! When one condition holds only where another does: what makes a rule unreachable.
//!
//! Both answers are sound and not complete: `true` is certain, `false` may mean "cannot tell". They
//! are looked for within a number of [`Steps`], because nested alternatives can be compared in more
//! ways than there is time for, and a worker of a proxy waits for the answer.

use super::{Condition, Named, Test};

/// How many more comparisons may be made.
pub(super) struct Steps(u32);

impl Steps {
    /// Enough for a thousand rules, each against each, in some milliseconds.
    pub(super) fn new() -> Self {
        Self(1_000_000)
    }

    /// Takes one step, if one is left.
    fn take(&mut self) -> bool {
        let left = self.0.checked_sub(1);
        self.0 = left.unwrap_or(0);
        left.is_some()
    }
}

/// Whether every request that satisfies `narrow` satisfies `wide`.
pub(super) fn implies(narrow: &Condition, wide: &Condition, steps: &mut Steps) -> bool {
    if !steps.take() {
        return false;
    }
    if narrow == wide {
        return true;
    }
    match (narrow, wide) {
        (Condition::Any(parts), _) => parts.iter().all(|part| implies(part, wide, steps)),
        (_, Condition::All(parts)) => parts.iter().all(|part| implies(narrow, part, steps)),
        (Condition::All(parts), Condition::Any(wides)) => {
            parts.iter().any(|part| implies(part, wide, steps))
                || wides.iter().any(|wide| implies(narrow, wide, steps))
        }
        (Condition::All(parts), _) => parts.iter().any(|part| implies(part, wide, steps)),
        (_, Condition::Any(parts)) => parts.iter().any(|part| implies(narrow, part, steps)),
        (Condition::Not(narrow), Condition::Not(wide)) => implies(wide, narrow, steps),
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
pub(super) fn never_matches(condition: &Condition, steps: &mut Steps) -> bool {
    match condition {
        Condition::Any(parts) => parts.iter().all(|part| never_matches(part, steps)),
        Condition::All(parts) => {
            parts.iter().any(|part| never_matches(part, steps))
                || parts.iter().enumerate().any(|(index, part)| {
                    let mut others = parts.iter().skip(index);
                    others.any(|other| contradict(part, other, steps))
                })
        }
        _ => false,
    }
}

fn contradict(one: &Condition, other: &Condition, steps: &mut Steps) -> bool {
    if !steps.take() {
        return false;
    }
    match (one, other) {
        (Condition::Not(negated), positive) | (positive, Condition::Not(negated)) => {
            implies(positive, negated, steps)
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
