//! How much of `alpha` may be used up to a look.
//!
//! Nobody knows how many looks a rollout takes, nor how much it sees. So what may be used goes with
//! what was counted in both arms together, against what there was at the first look that could say
//! anything: half of it at five times as much, all of it never. The last tenth is for whoever turns
//! bad after weeks: it goes with the doublings, of which there are few. All of it depends on
//! quantities that no deal of the cells changes.

use serde::{Deserialize, Serialize};

/// At so many times the first count half of most is used.
const HALF: f64 = 5.0;
/// The part that goes with doublings.
const LATE: f64 = 0.1;

/// What was counted when spending began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Spending {
    /// 0 before it has.
    first: f64,
}

// === impl Spending ===

impl Spending {
    /// What may be used of `alpha` when so many were counted in both arms; spending begins at
    /// `enough`, above 0.
    pub(crate) fn allowed(&mut self, alpha: f64, counted: u128, enough: f64) -> f64 {
        let counted = counted as f64;
        if counted < enough {
            return 0.0;
        }
        // Also of a state that was written by something else.
        if !(self.first >= enough && self.first.is_finite()) {
            self.first = counted;
        }
        let times = (counted / self.first).max(1.0);
        let doublings = times.log2();
        let used = (1.0 - LATE) * times / (times + HALF) + LATE * doublings / (1.0 + doublings);
        alpha * used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spends_with_what_was_counted() {
        let mut spending = Spending::default();
        let mut check = |counted, percent: f64| {
            let allowed = spending.allowed(0.01, counted, 8.0);
            assert!(
                (allowed * 10_000.0 - percent).abs() < 0.5,
                "at {counted}: {allowed}"
            );
        };
        check(0, 0.0);
        check(7, 0.0);
        check(10, 15.0);
        check(20, 31.0);
        check(50, 52.0);
        check(100, 68.0);
        check(1_000, 94.0);
        check(1_000_000, 99.0);
        check(u128::MAX, 100.0);
        check(3, 0.0);
    }

    #[test]
    fn begins_anew_where_the_state_makes_no_sense() {
        for first in [f64::NAN, -1.0, f64::INFINITY, 0.0] {
            let mut spending = Spending { first };
            let allowed = spending.allowed(0.01, 10, 8.0);
            assert!((allowed - 0.0015).abs() < 1e-9);
        }
    }
}
