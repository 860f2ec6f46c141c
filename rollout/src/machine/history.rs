//! What a report draws: counts at moments, thinned so that they stay few.

use super::state::Evidence;
use crate::evidence::{SLICES, Tally};
use crate::text;
use coalmine::Timestamp;
use coalmine::bucket::Share;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// So many moments are kept at most: a plot shows no more.
const MOST: usize = 240;

/// Counts at moments of a rollout, in the order of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// Of so many readings one is kept.
    every: u32,
    /// Readings since the last that was kept.
    passed: u32,
    /// The moments.
    pub points: Vec<Point>,
}

/// What had been counted at a moment, since the rollout began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The moment.
    #[serde(with = "text::time")]
    pub at: Timestamp,
    /// The variant's share then.
    #[serde(with = "text::share")]
    pub share: Share,
    /// By check, `errors` or a bound like `>250ms` or a query: requests and bad ones of the variant,
    /// then of its control cohort.
    pub counts: BTreeMap<String, [u64; 4]>,
}

impl History {
    /// Keeps a moment, if its turn has come.
    pub(super) fn keep(&mut self, at: Timestamp, share: Share, evidence: &Evidence) {
        self.passed = self.passed.saturating_add(1);
        if self.passed < self.every.max(1) {
            return;
        }
        self.passed = 0;
        self.points.push(Point {
            at,
            share,
            counts: evidence.counts(),
        });
        if self.points.len() > MOST {
            let mut number = 0_usize;
            self.points.retain(|_| {
                number = number.wrapping_add(1);
                number % 2 == 1
            });
            self.every = self.every.max(1).saturating_mul(2);
        }
    }
}

impl Evidence {
    /// What every check has counted: requests and bad ones of the variant, then of its control
    /// cohort.
    pub fn counts(&self) -> BTreeMap<String, [u64; 4]> {
        let of = |canary: Tally, control: Tally| {
            [canary.requests, canary.bad, control.requests, control.bad]
        };
        let slower = self.slower.iter();
        let slower = slower.map(|(bound, compared)| (format!(">{bound}ms"), compared));
        let sliced = std::iter::once(("errors".to_owned(), &self.errors)).chain(slower);
        let mut counts: BTreeMap<_, _> = sliced
            .map(|(check, compared)| {
                (
                    check,
                    of(sum(&compared.all.canary), sum(&compared.all.control)),
                )
            })
            .collect();
        let queries = self.queries.iter();
        counts.extend(
            queries.map(|(name, compared)| (name.clone(), of(compared.canary, compared.control))),
        );
        counts.retain(|_, counts| counts[0] > 0 || counts[2] > 0);
        counts
    }
}

/// All slices of an arm together.
pub(super) fn sum(arm: &[Tally; SLICES]) -> Tally {
    arm.iter()
        .fold(Tally::default(), |all, tally| all.plus(*tally))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_rollout_is_thinned_evenly() {
        let mut history = History::default();
        let evidence = Evidence::default();
        for reading in 0..10_000_i64 {
            history.keep(Timestamp::from_unix_millis(reading), Share::ALL, &evidence);
            assert!(history.points.len() <= MOST);
        }
        assert!(history.points.len() > MOST / 3, "{}", history.points.len());
        let times: Vec<i64> = history
            .points
            .iter()
            .map(|point| point.at.unix_millis())
            .collect();
        assert_eq!(times[0], 0);
        let gaps: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| (32..=64).contains(gap)), "{gaps:?}");
    }
}
