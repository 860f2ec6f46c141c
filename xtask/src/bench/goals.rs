//! What the numbers should come to. A goal that is missed fails nothing: budgets do that.

use super::report::Report;
use super::scenarios::{
    DISABLED, EVIDENCE_CANARY, EVIDENCE_STABLE, KNOWN_TOKEN, MANY_RULES, OUT_OF_SCOPE,
    POLICY_STABLE, WORD_PIN,
};

/// Instructions over no filter.
const OVER_NO_FILTER: [(&str, u64); 9] = [
    (OUT_OF_SCOPE, 12_000),
    (DISABLED, 12_000),
    (POLICY_STABLE, 22_000),
    (EVIDENCE_STABLE, 26_000),
    (EVIDENCE_CANARY, 26_000),
    // Within 10 % of the real policy's.
    ("pins-1000", 24_200),
    ("pin-rules-1000", 24_200),
    (MANY_RULES, 24_200),
    ("canaries-500-stable", 24_200),
];

/// A signed pin that the worker knows may cost so much more than one without a signature.
const SIGNED_PIN: (&str, u64) = (KNOWN_TOKEN, 5_000);

/// Bytes of the module.
pub(super) const MODULE: u64 = 150 * 1024;

/// KiB of a worker's virtual machine with a large config.
pub(super) const LARGE_KIB: u64 = 2048;

/// Milliseconds in which a large config is applied.
pub(super) const LARGE_MS: f64 = 50.0;

/// Nanoseconds of the decision alone, natively.
pub(super) const DECIDE: (&str, f64) = ("real/share by header", 150.0);

/// What a scenario should cost over no filter, if it has a goal.
pub(super) fn of(report: &Report, id: &str) -> Option<u64> {
    let (signed, more) = SIGNED_PIN;
    if id == signed {
        let unsigned = report.over_no_filter(WORD_PIN)?;
        return u64::try_from(unsigned).ok()?.checked_add(more);
    }
    let goal = OVER_NO_FILTER.iter().find(|(known, _)| *known == id);
    goal.map(|(_, goal)| *goal)
}

/// A goal, and whether it is reached.
pub(super) fn judged(reached: bool, goal: &str) -> String {
    format!("{goal} {}", if reached { "reached" } else { "missed" })
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::super::scenarios::{self, NO_FILTER};
    use super::*;

    #[test]
    fn every_goal_is_one_of_a_scenario() {
        let all = scenarios::all("coalmine.wasm".as_ref());
        let ids = OVER_NO_FILTER.iter().map(|(id, _)| id);
        for id in ids.chain([&SIGNED_PIN.0, &WORD_PIN]) {
            assert!(all.iter().any(|scenario| scenario.id == *id), "{id}");
        }
    }

    #[test]
    fn a_signed_pin_is_held_against_an_unsigned_one() {
        let check = |measured: &[(&str, u64)], id: &str, expected| {
            assert_eq!(of(&report(measured, 1), id), expected, "{id}");
        };
        let both = [(NO_FILTER, 100), (WORD_PIN, 300)];
        check(&both, SIGNED_PIN.0, Some(5_200));
        check(&both[..1], SIGNED_PIN.0, None);
        check(&both, POLICY_STABLE, Some(22_000));
        check(&both, WORD_PIN, None);
    }
}
