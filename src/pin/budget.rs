//! So many verifications a second.

/// A bucket of verifications that fills with time up to what one second brings.
///
/// It lives on the wall clock, which is asked for a token's times anyhow. A jump of the clock in either direction
/// costs or brings one second's worth at most: forwards the bucket is full, backwards it goes on
/// from the new time with what it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    a_second: u32,
    /// What is left, in thousandths of a verification.
    left: u64,
    /// When that was so, in milliseconds since 1970.
    at: i64,
}

impl Budget {
    /// Full.
    pub(super) fn new(a_second: u32) -> Self {
        Self {
            a_second,
            left: thousandths(a_second),
            at: i64::MIN,
        }
    }

    /// Fills it up to a time; whether there is a verification in it then.
    pub(super) fn has(&mut self, now: i64) -> bool {
        // No time has passed on a clock that went back.
        let passed = u64::try_from(now.saturating_sub(self.at)).unwrap_or(0);
        let more = passed.saturating_mul(u64::from(self.a_second));
        self.left = self
            .left
            .saturating_add(more)
            .min(thousandths(self.a_second));
        self.at = now;
        self.left >= ONE
    }

    /// Takes one out.
    pub(super) fn take(&mut self) {
        self.left = self.left.saturating_sub(ONE);
    }
}

const ONE: u64 = 1000;

fn thousandths(verifications: u32) -> u64 {
    u64::from(verifications).saturating_mul(ONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `asked` are granted at each of some times.
    fn check(a_second: u32, times: &[(i64, u32)], expected: &[u32]) {
        let mut budget = Budget::new(a_second);
        let granted: Vec<u32> = times
            .iter()
            .map(|(now, asked)| {
                let granted = (0..*asked).filter(|_| {
                    let has = budget.has(*now);
                    if has {
                        budget.take();
                    }
                    has
                });
                u32::try_from(granted.count()).unwrap()
            })
            .collect();
        assert_eq!(granted, expected, "{a_second} a second at {times:?}");
    }

    #[test]
    fn a_second_brings_its_verifications_and_no_more() {
        const T: i64 = 1_800_000_000_000;
        check(10, &[(T, 100)], &[10]);
        check(10, &[(T, 5), (T, 100)], &[5, 5]);
        check(10, &[(T, 100), (T + 100, 100), (T + 150, 100)], &[10, 1, 0]);
        check(10, &[(T, 100), (T + 150, 9), (T + 200, 9)], &[10, 1, 1]);
        check(10, &[(T, 100), (T + 3_600_000, 100)], &[10, 10]);
        check(1, &[(T, 9), (T + 999, 9), (T + 1000, 9)], &[1, 0, 1]);
        // Asked every millisecond, for a second.
        let every: Vec<(i64, u32)> = (0..=1000).map(|passed| (T + passed, 1)).collect();
        let mut budget = Budget::new(7);
        let granted = every.iter().filter(|(now, _)| {
            let has = budget.has(*now);
            if has {
                budget.take();
            }
            has
        });
        assert_eq!(granted.count(), 14);
    }

    #[test]
    fn a_clock_that_jumps_neither_freezes_it_nor_opens_it() {
        const T: i64 = 1_800_000_000_000;
        const YEAR: i64 = 365 * 86_400_000;
        // Back a year: nothing at once, and as ever from there on.
        let back = [(T, 100), (T - YEAR, 100), (T - YEAR + 1000, 100)];
        check(10, &back, &[10, 0, 10]);
        // Forward a year, and back again.
        let forward = [(T, 100), (T + YEAR, 100), (T, 100), (T + 500, 100)];
        check(10, &forward, &[10, 10, 0, 5]);
        let extremes = [(i64::MAX, 100), (i64::MIN, 100), (i64::MIN + 1000, 100)];
        check(10, &extremes, &[10, 0, 10]);
        check(10, &[(0, 100), (0, 100), (i64::MAX, 100)], &[10, 0, 10]);
    }
}
