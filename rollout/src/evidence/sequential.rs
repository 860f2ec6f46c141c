//! The sequential randomization test of bad requests.

use crate::evidence::look::Compared;
use crate::evidence::orbit::{Orbit, Side};
use crate::evidence::plan::detectable_rate;
use crate::evidence::score::Scores;
use crate::evidence::spending::Spending;
use crate::evidence::{Arms, Look, Settings, Verdict, score, stored};
use serde::{Deserialize, Serialize};

/// Of fewer bad requests in both arms nothing can be said: if all of eight are the canary's, each in
/// a slice of its own, chance does as well once in 800 times.
const ENOUGH: f64 = 8.0;

/// What was counted since the step began must speak so much louder than the whole: it is looked at
/// afresh at every step, and would use up what the whole may use.
const STEP: f64 = 0.85;

/// A rollout's test of bad requests: is the version harmful? `Default` is before the first look.
///
/// It compares what each slice of each arm had, and takes no request for independent of another.
/// [`Settings::alpha`] holds for the whole rollout, under the null hypothesis that the version makes
/// no difference to anybody, if
/// - the arms are parts of the line that are equally large at all times, and nobody leaves them: a
///   share of up to one half, and its mirror;
/// - which share is when, and when one looks, does not depend on how the arms differ: on time, on
///   the counts of both arms together, on what is decided elsewhere. Stopping may depend on anything.
///
/// Once the difference has crossed it stays so. The state is a few kilobytes as JSON.
///
/// ```
/// use coalmine_rollout::evidence::{Arms, Sequential, Settings, Tally, Verdict};
///
/// let settings = Settings { alpha: 0.01, tolerance: 0.1 };
/// let slices = |bad| std::array::from_fn(|slice| Tally { requests: 1_000, bad: bad + slice as u64 % 4 });
/// let verdict = |canary| {
///     let arms = Arms { canary: slices(canary), control: slices(5) };
///     Sequential::default().look(&settings, &arms, None).verdict
/// };
/// assert_eq!(verdict(5), Verdict::NoHarm);
/// assert_eq!(verdict(10), Verdict::Harm);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "stored::Test", into = "stored::Test")]
pub struct Sequential {
    pub(crate) spending: Spending,
    pub(crate) orbit: Orbit,
}

// === impl Sequential ===

impl Sequential {
    /// Looks at the counts since the rollout began, and at what was added since the step began:
    /// `step_began` has the cumulative counts of that moment.
    ///
    /// Both matter: a canary that was healthy for a week and is not since an hour shows in the
    /// latter. Nothing is `NaN` and nothing panics, whatever the counts.
    pub fn look(&mut self, settings: &Settings, now: &Arms, step_began: Option<&Arms>) -> Look {
        let bounds = settings.bounds();
        let (canary, control) = (now.canary_sum(), now.control_sum());
        let step = step_began.map(|began| now.since(began));
        let scores = score::of_bad(now);
        let since = step.map_or(scores, |step| quieter(score::of_bad(&step)));
        let parts = [scores, since];
        let bad = canary.plus(control).bad;
        let allowed = self.spending.allowed(bounds.alpha, bad, ENOUGH);
        let crossing = self.orbit.look(&parts, Side::Canary, allowed);
        let whole = Compared::rates(canary, control, bounds.matters_from);
        let step = step.map(|step| {
            Compared::clearly(step.canary_sum(), step.control_sum(), bounds.matters_from)
        });
        let matters = whole.matters || step.is_some_and(|step| step.matters);
        Look {
            verdict: Verdict::of(crossing.crossed, matters, crossing.possible),
            p: crossing.p,
            allowed,
            canary_rate: canary.rate(),
            control_rate: control.rate(),
            ratio: whole.ratio,
            step_ratio: step.and_then(|step| step.ratio),
            matters_from: bounds.matters_from,
            detectable_rate: control.rate().and_then(|rate| {
                let requests = canary.requests.min(control.requests) as f64;
                detectable_rate(settings, requests, rate, 1.0)
            }),
            crossed: crossing.crossed,
        }
    }
}

fn quieter(scores: Scores) -> Scores {
    scores.map(|score| (f64::from(score) * STEP).round() as i32)
}
