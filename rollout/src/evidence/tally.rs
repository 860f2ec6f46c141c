//! Counts: of one arm, and of two arms by slice.

use serde::{Deserialize, Serialize};

/// Each arm is cut into so many slices by the hash of the unit, as the filter does.
pub const SLICES: usize = 16;

/// The slices of both arms.
pub(crate) const CELLS: usize = 2 * SLICES;

/// Requests, and how many of them were bad. Any numbers are taken: of more bad ones than requests
/// only as many as there are requests count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// All of them.
    pub requests: u64,
    /// Those that failed, or were slower than a bound.
    pub bad: u64,
}

/// The counts of the two arms by slice, cumulative since the rollout began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arms {
    /// Who was drawn into the new version.
    pub canary: [Tally; SLICES],
    /// Who was drawn into its control cohort.
    pub control: [Tally; SLICES],
}

/// A sum over slices, which no number of requests can overflow.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sum {
    pub(crate) requests: u128,
    pub(crate) bad: u128,
}

// === impl Tally ===

impl Tally {
    /// Bad ones of all, `None` without a request.
    pub fn rate(self) -> Option<f64> {
        Sum::of([self]).rate()
    }

    /// What was counted since `before`; nothing where a count went backwards.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(before.requests),
            bad: self.bad.saturating_sub(before.bad),
        }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            bad: self.bad.saturating_add(other.bad),
        }
    }

    /// Never more bad ones than requests.
    pub(crate) fn sane(self) -> Self {
        Self {
            requests: self.requests,
            bad: self.bad.min(self.requests),
        }
    }
}

// === impl Arms ===

impl Arms {
    /// What was counted since `before`; nothing where a count went backwards.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let each = |now: &[Tally; SLICES], before: &[Tally; SLICES]| {
            std::array::from_fn(|slice| now[slice].since(before[slice]))
        };
        Self {
            canary: each(&self.canary, &before.canary),
            control: each(&self.control, &before.control),
        }
    }

    /// The slices of the canary, and then those of its control, with no more bad ones than requests.
    pub(crate) fn cells(&self) -> [Tally; CELLS] {
        std::array::from_fn(|cell| match cell.checked_sub(SLICES) {
            None => self.canary[cell].sane(),
            Some(slice) => self.control[slice].sane(),
        })
    }

    pub(crate) fn canary_sum(&self) -> Sum {
        Sum::of(self.canary)
    }

    pub(crate) fn control_sum(&self) -> Sum {
        Sum::of(self.control)
    }
}

// === impl Sum ===

impl Sum {
    pub(crate) fn of(tallies: impl IntoIterator<Item = Tally>) -> Self {
        tallies.into_iter().map(Tally::sane).fold(
            Self::default(),
            |Self { requests, bad }, tally| Self {
                requests: requests + u128::from(tally.requests),
                bad: bad + u128::from(tally.bad),
            },
        )
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            bad: self.bad + other.bad,
        }
    }

    pub(crate) fn rate(self) -> Option<f64> {
        (self.requests > 0).then(|| self.bad as f64 / self.requests as f64)
    }
}
