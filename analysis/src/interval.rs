//! How far a share that was seen may be from the one that was asked.

use serde::Serialize;

/// The quantile of the normal distribution for an interval that holds the true share in 95 of 100
/// cases.
pub const Z_95: f64 = 1.959_963_984_540_054;

/// What happens more rarely by chance is called off. There are many shares in a report, and one in
/// twenty is outside of its 95 % by luck.
pub const BY_CHANCE: f64 = 1e-4;

/// Whether so many hits among so many independent trials may come from a share by chance, which
/// goes wrong at most once in [`BY_CHANCE`]: the probability of a share as far away is at most
/// `2 exp(-of KL(hits/of, asked))` (W. Hoeffding, "Probability inequalities for sums of bounded
/// random variables", 1963, theorem 1; also where the share differs from trial to trial and `asked`
/// is its mean). Unlike an interval from the normal distribution it holds for the smallest shares.
pub fn compatible(hits: f64, of: f64, asked: f64) -> bool {
    if of <= 0.0 {
        return true;
    }
    let seen = hits / of;
    let part = |seen: f64, asked: f64| {
        if seen <= 0.0 {
            0.0
        } else {
            seen * (seen / asked).ln()
        }
    };
    let divergence = part(seen, asked) + part(1.0 - seen, 1.0 - asked);
    2.0 * (-of * divergence).exp() >= BY_CHANCE
}

/// Two ends, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    /// The score interval for `hits` among `of` independent trials (E. B. Wilson, "Probable
    /// inference, the law of succession, and statistical inference", 1927): all shares `p` with
    /// `|hits/of - p| <= z sqrt(p (1 - p) / of)`. Unlike the textbook's interval it keeps its word
    /// near 0 and 1, where a canary begins.
    ///
    /// `of` need not be whole: trials that hang together count as fewer.
    pub fn wilson(hits: f64, of: f64, z: f64) -> Self {
        if of <= 0.0 {
            return Self {
                low: 0.0,
                high: 1.0,
            };
        }
        let seen = hits / of;
        let z2 = z * z;
        let scale = 1.0 + z2 / of;
        let middle = (seen + z2 / (2.0 * of)) / scale;
        let half = z / scale * (seen * (1.0 - seen) / of + z2 / (4.0 * of * of)).sqrt();
        Self {
            // With nothing or everything seen the ends are exact, whatever rounding says.
            low: if hits <= 0.0 {
                0.0
            } else {
                (middle - half).max(0.0)
            },
            high: if hits >= of {
                1.0
            } else {
                (middle + half).min(1.0)
            },
        }
    }

    /// Whether a share lies in it.
    pub fn holds(&self, share: f64) -> bool {
        (self.low..=self.high).contains(&share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use statrs::distribution::{Binomial, ContinuousCDF, Discrete, Normal};

    #[test]
    fn the_quantile_is_that_of_the_normal_distribution() {
        let normal = Normal::new(0.0, 1.0).unwrap();
        let expected = normal.inverse_cdf(0.975);
        assert!((Z_95 - expected).abs() < 1e-6, "{expected}");
    }

    #[test]
    fn what_comes_by_chance_is_called_off_as_rarely_as_it_says() {
        for share in [1e-6, 0.001, 0.05, 0.5, 0.999_999] {
            for trials in [10u64, 1_000, 5_000] {
                let outcomes = Binomial::new(share, trials).unwrap();
                let off = |hits: &u64| !compatible(*hits as f64, trials as f64, share);
                let called: f64 = (0..=trials)
                    .filter(off)
                    .map(|hits| outcomes.pmf(hits))
                    .sum();
                assert!(called <= BY_CHANCE, "{share} {trials}: {called}");
            }
        }
        // What cannot be is off, and what is far away.
        assert!(compatible(0.0, 100.0, 0.0) && compatible(100.0, 100.0, 1.0));
        assert!(!compatible(1.0, 100.0, 0.0) && !compatible(99.0, 100.0, 1.0));
        assert!(!compatible(520.0, 10_000.0, 0.04));
        assert!(compatible(0.0, 0.0, 0.5));
    }

    #[test]
    fn it_holds_the_true_share_as_often_as_it_says() {
        // Exactly, over every outcome of the binomial distribution.
        for (trials, share) in [(200u64, 0.5), (1_000, 0.05), (2_000, 0.01)] {
            let outcomes = Binomial::new(share, trials).unwrap();
            let held: f64 = (0..=trials)
                .filter(|hits| Interval::wilson(*hits as f64, trials as f64, Z_95).holds(share))
                .map(|hits| outcomes.pmf(hits))
                .sum();
            assert!((0.93..0.97).contains(&held), "{trials} {share}: {held}");
        }
    }

    #[test]
    fn nothing_and_everything() {
        assert_eq!(Interval::wilson(0.0, 100.0, Z_95).low, 0.0);
        assert_eq!(Interval::wilson(100.0, 100.0, Z_95).high, 1.0);
        let unknown = Interval::wilson(0.0, 0.0, Z_95);
        assert_eq!((unknown.low, unknown.high), (0.0, 1.0));
    }

    proptest! {
        #[test]
        fn its_ends_are_as_far_away_as_the_formula_allows(
            of in 1u32..1_000_000,
            part in 0.0f64..=1.0,
        ) {
            let (of, hits) = (f64::from(of), (f64::from(of) * part).floor());
            let interval = Interval::wilson(hits, of, Z_95);
            for end in [interval.low, interval.high] {
                let off = (hits / of - end).abs();
                let allowed = Z_95 * (end * (1.0 - end) / of).sqrt();
                prop_assert!((off - allowed).abs() < 1e-6, "{off} {allowed}");
            }
        }
    }
}
