//! One try of a variant with probes.

use super::{Counts, Limits};
use crate::bucket::POSITIONS;

/// The probes of a guard that is half-open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    began: u64,
    last_sent: u64,
    sent: u32,
    waiting: u32,
    /// Whose response has begun and not ended.
    responding: u32,
    good: u32,
    failed: u32,
}

/// What a round has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Good(Counts),
    Bad(Counts),
    /// Nothing in a whole cool-down.
    Unknown,
}

impl Round {
    pub(super) fn new(time: u64) -> Self {
        Self {
            began: time,
            last_sent: time,
            sent: 0,
            waiting: 0,
            responding: 0,
            good: 0,
            failed: 0,
        }
    }

    /// Sends one more probe, if it may. None takes the place of one that was given up: clients that
    /// lose patience would otherwise be let through without end.
    pub(super) fn send(&mut self, limits: &Limits, time: u64) -> bool {
        if self.sent >= limits.probes {
            return false;
        }
        self.sent = self.sent.saturating_add(1);
        self.waiting = self.waiting.saturating_add(1);
        self.last_sent = time;
        true
    }

    /// A probe does not wait for the variant alone.
    pub(super) fn untime(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
    }

    /// The response to a probe has begun.
    pub(super) fn respond(&mut self, was_waiting: bool, late: bool) {
        self.waiting = self.waiting.saturating_sub(u32::from(was_waiting));
        let count = if late {
            &mut self.failed
        } else {
            &mut self.responding
        };
        *count = count.saturating_add(1);
    }

    /// A probe has ended, which may show nothing. `was_waiting` is `None` for one that was counted
    /// nowhere meanwhile.
    pub(super) fn finish(&mut self, was_waiting: Option<bool>, failed: Option<bool>) {
        match was_waiting {
            Some(true) => self.waiting = self.waiting.saturating_sub(1),
            Some(false) => self.responding = self.responding.saturating_sub(1),
            None => {}
        }
        let count = match failed {
            Some(true) => &mut self.failed,
            Some(false) => &mut self.good,
            None => return,
        };
        *count = count.saturating_add(1);
    }

    /// What the answers so far decide; `None` as long as it is open.
    pub(super) fn verdict(&self, limits: &Limits, time: u64) -> Option<Verdict> {
        let over = |length: Option<u32>, since: u64| {
            length.is_some_and(|length| time.saturating_sub(since) > u64::from(length))
        };
        let counts = |failed: u32, good: u32| Counts {
            failed: u64::from(failed),
            all: u64::from(failed).saturating_add(u64::from(good)),
        };
        // As many may fail as the rate allows among all probes.
        let rate = u64::from(limits.max_error_rate.millionths());
        let allowed = rate
            .saturating_mul(u64::from(limits.probes))
            .checked_div(u64::from(POSITIONS))
            .unwrap_or_default();
        let allowed = u32::try_from(allowed).unwrap_or(u32::MAX);
        let needed = limits.probes.saturating_sub(allowed).max(1);
        let hanging = if over(limits.max_latency, self.last_sent) {
            self.waiting
        } else {
            0
        };
        let failed = self.failed.saturating_add(hanging);
        if failed > allowed {
            return Some(Verdict::Bad(counts(failed, self.good)));
        }
        if self.good >= needed {
            return Some(Verdict::Good(counts(self.failed, self.good)));
        }
        if !over(Some(limits.cool_down), self.began) {
            return None;
        }
        // Streams that have gone on all the while are as good as ended.
        let good = self.good.saturating_add(self.responding);
        if good >= needed {
            return Some(Verdict::Good(counts(self.failed, good)));
        }
        Some(Verdict::Unknown)
    }
}
