//! Whether both arms get as many requests as each other.

use crate::evidence::look::Compared;
use crate::evidence::orbit::{Orbit, Side};
use crate::evidence::spending::Spending;
use crate::evidence::{Arms, Look, Settings, Verdict, score, stored};
use serde::{Deserialize, Serialize};

/// Of fewer requests in both arms nothing is said.
const ENOUGH: f64 = 64.0;

/// A rollout's test of the requests themselves: arms that are equally large parts of the line have
/// equally many, but for chance. If not, something is wrong with the split or with what is counted,
/// or the version makes users send more or fewer, and then the rates are not to be trusted either.
/// Two-sided; an `alpha` of 0.001 is customary, because nothing should ever come of it (A. Fabijan
/// and others, "Diagnosing sample ratio mismatch in online controlled experiments", KDD 2019).
///
/// It promises what [`Sequential`](crate::evidence::Sequential) does, on the same conditions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "stored::Test", into = "stored::Test")]
pub struct Mismatch {
    pub(crate) spending: Spending,
    pub(crate) orbit: Orbit,
}

// === impl Mismatch ===

impl Mismatch {
    /// Looks at the counts since the rollout began. [`Verdict::Harm`] stands for a mismatch, beyond
    /// chance and beyond `tolerance` either way. The rates are each arm's part of all requests.
    pub fn look(&mut self, settings: &Settings, now: &Arms) -> Look {
        let bounds = settings.bounds();
        let (canary, control) = (now.canary_sum().requests, now.control_sum().requests);
        let both = canary + control;
        let allowed = self.spending.allowed(bounds.alpha, both, ENOUGH);
        let scores = score::of_requests(now);
        let crossing = self.orbit.look(&[scores; 2], Side::Either, allowed);
        let compared = Compared::counts(canary, control, bounds.matters_from);
        let part = |of: u128| (both > 0).then(|| of as f64 / both as f64);
        Look {
            verdict: Verdict::of(crossing.crossed, compared.matters, crossing.possible),
            p: crossing.p,
            allowed,
            canary_rate: part(canary),
            control_rate: part(control),
            ratio: compared.ratio,
            step_ratio: None,
            detectable_rate: None,
            matters_from: bounds.matters_from,
            crossed: crossing.crossed,
        }
    }
}
