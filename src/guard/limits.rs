//! When a guard opens, and what is counted for it.

use crate::bucket::{POSITIONS, Share};
use crate::config;

/// When a guard opens, and for how long. Lengths of time are milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Over how long responses are counted, to a tenth of it.
    pub window: u32,
    /// With fewer responses in the window nothing is concluded.
    pub min_requests: u32,
    /// It opens when more than this part of the responses failed.
    pub max_error_rate: Share,
    /// A response that begins later than this has failed, and so has a request that waits longer.
    pub max_latency: Option<u32>,
    /// How long the variant gives nothing.
    pub cool_down: u32,
    /// How many requests are let through to try it, in one cool-down.
    pub probes: u32,
}

/// How many responses were looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that failed.
    pub failed: u64,
    /// All of them.
    pub all: u64,
}

impl Limits {
    /// Whether so many failures are too many, by their rate alone.
    pub(super) fn exceeded_by(&self, counts: Counts) -> bool {
        let allowed = u64::from(self.max_error_rate.millionths());
        counts.failed.saturating_mul(u64::from(POSITIONS)) > allowed.saturating_mul(counts.all)
    }

    /// Whether these counts open a guard.
    pub(super) fn open_by(&self, counts: Counts) -> bool {
        counts.all >= u64::from(self.min_requests) && self.exceeded_by(counts)
    }

    /// Whether what began at one time takes too long by another.
    pub(super) fn is_late(&self, began: u64, time: u64) -> bool {
        self.max_latency
            .is_some_and(|most| time.saturating_sub(began) > u64::from(most))
    }
}

impl From<&config::Guard> for Limits {
    fn from(guard: &config::Guard) -> Self {
        Self {
            window: guard.window,
            min_requests: guard.min_requests,
            max_error_rate: guard.max_error_rate,
            max_latency: guard.max_latency,
            cool_down: guard.cool_down,
            probes: guard.probes,
        }
    }
}
