//! Time that never goes back.

/// Time that never goes back.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    last: u64,
    /// How far the clock that was asked has gone back so far.
    behind: u64,
}

impl Clock {
    /// The time when the clock that is asked says `now`.
    pub(super) fn at(&mut self, now: u64) -> u64 {
        let time = now.saturating_add(self.behind);
        let back = self.last.saturating_sub(time);
        self.behind = self.behind.saturating_add(back);
        self.last = time.saturating_add(back);
        self.last
    }
}
