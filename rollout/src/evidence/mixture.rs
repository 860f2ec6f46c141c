//! The mixture e-process: for counts of two arms without slices.
//!
//! Given that a request was bad, and the requests of the two arms since the last look, it was the
//! canary's with probability `q(r) = r n_c / (r n_c + n_d)`, where `r` is how much worse the canary
//! is. The likelihood of some `r` over that of what is still tolerated, multiplied over looks and
//! averaged over several `r`, has a mean of at most 1 at all times as long as the canary is no
//! worse, so it ever reaches `1 / alpha` with probability `alpha` at most (J. Ville, 1939; mixtures:
//! H. Robbins, 1970). That the counts are those of requests, of which none can be bad twice, only
//! makes it smaller (W. Hoeffding, 1963, theorem 4), as long as `r` is taken for a ratio of odds.
//!
//! All of this is for requests that are independent. Where bad ones come in clumps of `f`, as those
//! of one user do, a clump counts as one if each likelihood is taken to the power of `1 / f`: then it
//! is the same process, of clumps. Smaller clumps are safe, because the power is convex in the size
//! of a clump and has a mean of 1 at the sizes 0 and `f`; larger ones are not. For independent
//! requests the power only makes the mean smaller (J. L. W. V. Jensen, 1906).

use crate::evidence::look::Compared;
use crate::evidence::tally::Sum;
use crate::evidence::{Look, Settings, Tally, Verdict, stored};
use serde::{Deserialize, Serialize};

/// How much worse a canary may be, in units of the control's rate. All of them are tried at once.
const RATIOS: [f64; 5] = [1.5, 2.0, 3.0, 5.0, 10.0];

/// The e-process: what was seen so far. `Default` is nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Mixture {
    canary: Tally,
    control: Tally,
    /// The logarithms of the likelihood ratios.
    logs: [f64; RATIOS.len()],
    /// The same if every bad one had been the canary's.
    worst: [f64; RATIOS.len()],
    /// The largest logarithm that the mean of the ratios ever had.
    highest: f64,
}

/// How it is written.
#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    canary: Tally,
    control: Tally,
    logs: [f64; RATIOS.len()],
    worst: [f64; RATIOS.len()],
    highest: f64,
}

// === impl Mixture ===

impl Mixture {
    /// Looks at the cumulative counts of both arms. Where a count went backwards, what that arm had
    /// since the last look is left out.
    ///
    /// `design_effect` is how many bad requests count as one. With 1 the promise of `alpha` holds
    /// for independent requests; with more, where bad requests come in clumps of at most so many,
    /// each in one arm. Less than 1, or not a number, counts as 1.
    pub fn look(
        &mut self,
        settings: &Settings,
        canary: Tally,
        control: Tally,
        design_effect: f64,
    ) -> Look {
        let bounds = settings.bounds();
        let (canary, control) = (canary.sane(), control.sane());
        let window = |now: Tally, before: Tally| {
            let back = now.requests < before.requests || now.bad < before.bad;
            if back {
                Tally::default()
            } else {
                now.since(before).sane()
            }
        };
        let windows = (window(canary, self.canary), window(control, self.control));
        (self.canary, self.control) = (canary, control);
        self.weigh(windows.0, windows.1, bounds.matters_from, design_effect);
        self.highest = self.highest.max(log_mean(&self.logs));
        let p = (-self.highest).exp().min(1.0);
        let (canary, control) = (Sum::of([canary]), Sum::of([control]));
        let compared = Compared::rates(canary, control, bounds.matters_from);
        let crossed = p <= bounds.alpha;
        let possible = (-log_mean(&self.worst)).exp() <= bounds.alpha;
        Look {
            verdict: Verdict::of(crossed, compared.matters, possible),
            p,
            allowed: bounds.alpha,
            canary_rate: canary.rate(),
            control_rate: control.rate(),
            ratio: compared.ratio,
            step_ratio: None,
            detectable_rate: None,
            matters_from: bounds.matters_from,
            crossed,
        }
    }

    /// Multiplies what one window says into the likelihood ratios.
    fn weigh(&mut self, canary: Tally, control: Tally, tolerated: f64, design_effect: f64) {
        // In a window with one arm only every bad request is that arm's, whatever the ratio.
        if canary.requests == 0 || control.requests == 0 {
            return;
        }
        let odds = canary.requests as f64 / control.requests as f64;
        let effect = if design_effect > 1.0 {
            design_effect
        } else {
            1.0
        };
        let (bad, good) = (canary.bad as f64 / effect, control.bad as f64 / effect);
        for ((ratio, log), worst) in RATIOS.iter().zip(&mut self.logs).zip(&mut self.worst) {
            // A canary that is tolerated is no alternative.
            if *ratio <= tolerated {
                continue;
            }
            let (for_canary, for_control) = log_likelihood_ratios(odds, *ratio, tolerated);
            *log += bad * for_canary + good * for_control;
            *worst += (bad + good) * for_canary;
        }
    }
}

/// What one bad request says for `ratio` against `tolerated`: the canary's, and the control's.
fn log_likelihood_ratios(odds: f64, ratio: f64, tolerated: f64) -> (f64, f64) {
    let rest = ((tolerated * odds + 1.0) / (ratio * odds + 1.0)).ln();
    ((ratio / tolerated).ln() + rest, rest)
}

/// The logarithm of the mean of the exponentials.
fn log_mean(logs: &[f64]) -> f64 {
    let highest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logs.iter().map(|log| (log - highest).exp()).sum();
    highest + (sum / logs.len() as f64).ln()
}

impl From<Mixture> for Stored {
    fn from(test: Mixture) -> Self {
        Self {
            version: stored::VERSION,
            canary: test.canary,
            control: test.control,
            logs: test.logs,
            worst: test.worst,
            highest: test.highest,
        }
    }
}

impl TryFrom<Stored> for Mixture {
    type Error = String;

    fn try_from(from: Stored) -> Result<Self, String> {
        stored::check(from.version)?;
        Ok(Self {
            canary: from.canary,
            control: from.control,
            logs: from.logs,
            worst: from.worst,
            highest: from.highest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::function::factorial::ln_binomial;

    const SETTINGS: Settings = Settings {
        alpha: 0.01,
        tolerance: 0.1,
    };

    /// The value of the process after these windows of the canary and its control.
    fn value(windows: &[(Tally, Tally)], design_effect: f64) -> f64 {
        let mut test = Mixture::default();
        for (canary, control) in windows {
            test.weigh(
                *canary,
                *control,
                SETTINGS.bounds().matters_from,
                design_effect,
            );
        }
        log_mean(&test.logs).exp()
    }

    fn tally(requests: u64, bad: u64) -> Tally {
        Tally { requests, bad }
    }

    /// The mean of the process after one window with so many bad ones, which come in clumps, where
    /// the log-probability of so many clumps in the canary arm is known but for a constant.
    fn mean(of: (u64, u64), bad: u64, clump: u64, effect: f64, log: impl Fn(u64) -> f64) -> f64 {
        let weights = (0..=bad / clump).map(|clumps| {
            let canarys = clumps * clump;
            let possible = canarys <= of.0 && bad - canarys <= of.1;
            let weight = if possible { log(clumps).exp() } else { 0.0 };
            let seen = (tally(of.0, canarys), tally(of.1, bad - canarys));
            (weight, value(&[seen], effect))
        });
        let (all, sum) = weights.fold((0.0, 0.0), |(all, sum), (weight, value)| {
            (all + weight, sum + weight * value)
        });
        sum / all
    }

    #[test]
    fn its_mean_is_one_at_what_is_tolerated_and_less_below() {
        for of in [(1_000, 1_000), (100, 2_000), (3_000, 50)] {
            for bad in [1, 8, 40] {
                let binomial = |ratio: f64| {
                    let odds = ratio * of.0 as f64 / of.1 as f64;
                    move |clumps: u64| ln_binomial(bad, clumps) + clumps as f64 * odds.ln()
                };
                let at = |ratio| mean(of, bad, 1, 1.0, binomial(ratio));
                assert!((at(1.1) - 1.0).abs() < 1e-6, "{of:?}, {bad}: {}", at(1.1));
                assert!(at(1.0) < 1.0 && at(0.5) < at(1.0), "{of:?}, {bad}");
                assert!(at(2.0) > 1.0, "{of:?}, {bad}");
            }
        }
    }

    /// Given their number, bad requests that are independent have Fisher's noncentral hypergeometric
    /// distribution (R. A. Fisher, 1935), here at odds that are just tolerated.
    #[test]
    fn its_mean_is_below_one_for_requests_none_of_which_is_bad_twice() {
        for of in [(20, 20), (100, 30), (10, 60)] {
            for bad in [1, 7, 19] {
                for odds in [0.5, 1.0, 1.1f64] {
                    let mean = mean(of, bad, 1, 1.0, |canarys| {
                        ln_binomial(of.0, canarys)
                            + ln_binomial(of.1, bad - canarys)
                            + canarys as f64 * odds.ln()
                    });
                    assert!(mean <= 1.0 + 1e-6, "{of:?}, {bad}, {odds}: {mean}");
                }
            }
        }
    }

    #[test]
    fn clumps_of_the_design_effect_count_as_one() {
        let check = |clump: u64, effect: f64| {
            let bad = 24;
            let odds = 1.1f64;
            mean((1_000, 1_000), bad, clump, effect, |clumps| {
                ln_binomial(bad / clump, clumps) + clumps as f64 * odds.ln()
            })
        };
        assert!((check(4, 4.0) - 1.0).abs() < 1e-6);
        assert!(check(2, 4.0) < 1.0 && check(1, 4.0) < 1.0);
        assert!(check(8, 4.0) > 1.0, "larger clumps are not covered");
        assert!(check(4, 1.0) > 2.0, "clumps that are taken for independent");
    }

    #[test]
    fn windows_of_one_arm_say_nothing() {
        assert_eq!(value(&[(tally(10, 9), tally(0, 0))], 1.0), 1.0);
        assert_eq!(value(&[(tally(0, 0), tally(10, 9))], 1.0), 1.0);
    }

    #[test]
    fn looks_at_what_was_added() {
        let mut test = Mixture::default();
        let mut check = |canary, control, verdict| {
            let look = test.look(&SETTINGS, canary, control, 1.0);
            assert_eq!(look.verdict, verdict, "{look:?}");
        };
        check(tally(100, 1), tally(100, 1), Verdict::TooLittle);
        check(tally(1_000, 20), tally(1_000, 1), Verdict::Harm);
        // What crossed stays so: also after the counts began anew.
        check(tally(100, 1), tally(100, 0), Verdict::Harm);
        let mut healthy = Mixture::default();
        for n in 1..50 {
            let look = healthy.look(&SETTINGS, tally(n * 100, n), tally(n * 100, n), 1.0);
            assert_ne!(look.verdict, Verdict::Harm);
        }
        let back = healthy.look(&SETTINGS, tally(50, 40), tally(5_000, 50), 1.0);
        assert_ne!(back.verdict, Verdict::Harm, "a restart is no evidence");
    }
}
