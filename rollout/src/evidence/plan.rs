//! What a rollout can see, before it starts.

use crate::evidence::Settings;
use statrs::distribution::{ContinuousCDF, Normal};

/// How many independent looks the many looks of a rollout come to, by simulation.
const LOOKS: f64 = 40.0;
/// The probability to see what is detectable.
const POWER: f64 = 0.8;

/// The ratio of rates that a rollout sees with a probability of 80 %, when each arm has had so many
/// requests and the control's rate of bad ones is `base_rate`: 2 means twice as many. `None` where
/// not even a canary that is always bad would be seen, or nothing can be asked (a rate of 0).
///
/// A difference of roots has the same scatter at any rate, so with `n` bad requests of the control,
/// `sqrt(2 n) (sqrt(ratio) - 1)` must reach the quantiles of the normal distribution for `alpha` and
/// for the power. `alpha` is divided by what looking again and again costs, a number that was found
/// by simulating [`Sequential`](crate::evidence::Sequential), which the result is for. In other
/// simulations, with 10 to 2,000 bad requests of the control, 70 to 90 % of such ratios were seen.
///
/// That is for requests that are independent: many users, none of whom sends much of all. Where
/// they are not, `design_effect` says how many bad requests count as one: the variance of the bad
/// ones in a slice, in units of their mean. Less than 1, or not a number, counts as 1.
pub fn detectable(
    settings: &Settings,
    requests: u64,
    base_rate: f64,
    design_effect: f64,
) -> Option<f64> {
    let rate = detectable_rate(settings, requests as f64, base_rate, design_effect)?;
    // Of a rate that hardly is a number nothing can be a multiple.
    let ratio = rate / base_rate;
    ratio.is_finite().then_some(ratio)
}

/// The canary's rate instead of the ratio; also for a control that is never bad.
pub(crate) fn detectable_rate(
    settings: &Settings,
    requests: f64,
    base_rate: f64,
    design_effect: f64,
) -> Option<f64> {
    let bounds = settings.bounds();
    let effect = if design_effect > 1.0 {
        design_effect
    } else {
        1.0
    };
    let root = (2.0 * requests / effect).sqrt();
    if root <= 0.0 || !(0.0..=1.0).contains(&base_rate) || bounds.alpha <= 0.0 {
        return None;
    }
    let normal = Normal::standard();
    let power = normal.inverse_cdf(POWER) / root;
    let chance = normal.inverse_cdf(1.0 - bounds.alpha / LOOKS) / root;
    // It must be more than chance, and also seem to matter.
    let control = base_rate.sqrt();
    let matters = (bounds.matters_from * base_rate).sqrt();
    let rate = (control + chance).max(matters) + power;
    Some(rate * rate).filter(|rate| *rate <= 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_can_be_seen() {
        let check = |alpha, requests, base_rate, effect, ratio: Option<f64>| {
            let settings = Settings {
                alpha,
                tolerance: 0.1,
            };
            let seen = detectable(&settings, requests, base_rate, effect);
            let near = match (seen, ratio) {
                (Some(seen), Some(ratio)) => (seen - ratio).abs() < 0.01,
                (seen, ratio) => seen == ratio,
            };
            assert!(near, "{requests} at {base_rate}: {seen:?}");
        };
        check(0.01, 1_250, 0.005, 1.0, Some(4.94));
        check(0.01, 12_500, 0.005, 1.0, Some(1.92));
        check(0.01, 12_500, 0.005, 4.0, Some(3.144));
        check(0.01, 125_000, 0.005, 1.0, Some(1.26));
        // From here on the tolerance bounds it.
        check(0.01, 100_000_000, 0.005, 1.0, Some(1.10));
        // Half of all are bad: it cannot be three times as many.
        check(0.01, 10, 0.5, 1.0, None);
        check(0.01, 0, 0.5, 1.0, None);
        check(0.01, 1_000, 0.0, 1.0, None);
        check(0.01, 1_000, 1e-320, 1.0, None);
        check(0.01, 1_000, f64::NAN, 1.0, None);
        check(0.01, 1_000, -0.1, 1.0, None);
        check(f64::NAN, 1_000, 0.1, 1.0, None);
        check(0.01, 12_500, 0.005, f64::NAN, Some(1.92));
    }

    #[test]
    fn a_control_that_is_never_bad_has_a_rate_too() {
        let settings = Settings {
            alpha: 0.01,
            tolerance: 0.1,
        };
        let rate = detectable_rate(&settings, 1_000.0, 0.0, 1.0).unwrap();
        assert!((rate - 0.0093).abs() < 0.0001, "{rate}");
        assert_eq!(detectable(&settings, 1_000, 0.0, 1.0), None);
        assert_eq!(detectable_rate(&settings, 0.0, 0.0, 1.0), None);
        assert_eq!(detectable_rate(&settings, 5.0, 0.0, 1.0), None);
    }
}
