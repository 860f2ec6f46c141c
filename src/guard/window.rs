//! What was answered over the last while: a ring of slots, each a tenth of the window.

use super::Counts;

const SLOTS: usize = 10;

/// Responses by the slot that their request began in, or that they ended in where that one is gone.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// Milliseconds in a slot.
    width: u64,
    slots: [Slot; SLOTS],
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Its time in widths: a place of the ring is used again for every tenth.
    number: u64,
    waiting: u32,
    good: u32,
    failed: u32,
}

impl Window {
    pub(super) fn new(length: u32) -> Self {
        let width = u64::from(length).div_ceil(SLOTS as u64).max(1);
        Self {
            width,
            slots: [Slot::default(); SLOTS],
        }
    }

    /// A request begins.
    pub(super) fn wait(&mut self, time: u64) {
        if let Some(slot) = self.current(time) {
            slot.waiting = slot.waiting.saturating_add(1);
        }
    }

    /// A request that began at a time waits no longer.
    pub(super) fn leave(&mut self, began: u64, time: u64) {
        if let Some(slot) = self.slot(began, time) {
            slot.waiting = slot.waiting.saturating_sub(1);
        }
    }

    /// Counts a response. Gives a time of the slot that it counts in.
    pub(super) fn count(&mut self, began: u64, time: u64, failed: bool) -> u64 {
        let at = match self.slot(began, time) {
            Some(_) => began,
            None => time,
        };
        if let Some(slot) = self.current(at) {
            let count = if failed {
                &mut slot.failed
            } else {
                &mut slot.good
            };
            *count = count.saturating_add(1);
        }
        at
    }

    /// A response that was counted as good has failed in the end.
    pub(super) fn revoke(&mut self, counted: u64, time: u64) {
        if let Some(slot) = self.slot(counted, time) {
            slot.good = slot.good.saturating_sub(1);
        }
        self.count(counted, time, true);
    }

    /// What the window holds. Requests that have waited longer than `max_latency` since the end of
    /// their slot have failed already.
    pub(super) fn counts(&self, time: u64, max_latency: Option<u32>) -> Counts {
        let current = self.number(time);
        let waits_too_long = |slot: &Slot| {
            let end = slot.number.saturating_add(1).saturating_mul(self.width);
            max_latency.is_some_and(|most| end.saturating_add(u64::from(most)) <= time)
        };
        let mut counts = Counts::default();
        for slot in self.slots.iter().filter(|slot| slot.is_within(current)) {
            let waiting = if waits_too_long(slot) {
                u64::from(slot.waiting)
            } else {
                0
            };
            let failed = u64::from(slot.failed).saturating_add(waiting);
            counts.failed = counts.failed.saturating_add(failed);
            let all = u64::from(slot.good).saturating_add(failed);
            counts.all = counts.all.saturating_add(all);
        }
        counts
    }

    fn number(&self, time: u64) -> u64 {
        time.checked_div(self.width).unwrap_or_default()
    }

    /// The place of a slot in the ring.
    fn place(&mut self, number: u64) -> Option<&mut Slot> {
        let place = number.checked_rem(SLOTS as u64)?;
        self.slots.get_mut(usize::try_from(place).ok()?)
    }

    /// The slot of a time that has one still.
    fn slot(&mut self, at: u64, time: u64) -> Option<&mut Slot> {
        let (number, current) = (self.number(at), self.number(time));
        self.place(number)
            .filter(|slot| slot.number == number && slot.is_within(current))
    }

    /// The slot of a time, whatever was in its place before.
    fn current(&mut self, time: u64) -> Option<&mut Slot> {
        let number = self.number(time);
        let slot = self.place(number)?;
        if slot.number != number {
            *slot = Slot {
                number,
                ..Slot::default()
            };
        }
        Some(slot)
    }
}

impl Slot {
    /// Whether it belongs to the window whose last slot has this number.
    fn is_within(&self, current: u64) -> bool {
        self.number <= current && self.number.saturating_add(SLOTS as u64) > current
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_stay_at_their_end() {
        let mut window = Window::new(10_000);
        window.slots = [Slot {
            number: 0,
            waiting: u32::MAX,
            good: u32::MAX,
            failed: u32::MAX,
        }; SLOTS];
        window.wait(0);
        window.count(0, 0, true);
        window.count(0, 0, false);
        let slot = window.slots.first().copied().unwrap_or_default();
        assert_eq!([slot.waiting, slot.good, slot.failed], [u32::MAX; 3]);
        window.leave(0, 0);
        window.revoke(0, 0);
        let mut empty = Window::new(10_000);
        empty.leave(0, 0);
        empty.revoke(0, 0);
        let one = Counts { failed: 1, all: 1 };
        assert_eq!(empty.counts(0, Some(1)), one);
    }
}
