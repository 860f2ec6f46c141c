//! What a look is asked for, and what it says.

use crate::evidence::tally::Sum;
use serde::{Deserialize, Serialize};

/// What a test is held to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The probability, over a whole rollout, that a version which makes no difference is called
    /// harmful. Must stay the same during a rollout. Not above 0 (or not a number): nothing is.
    pub alpha: f64,
    /// By how much more a rate must be to matter: 0.1 is a tenth more than the control's.
    pub tolerance: f64,
}

/// What one look at the counts says, with the numbers that it says it by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// What it comes to.
    pub verdict: Verdict,
    /// How often chance alone comes so far up to now, looking as often as was looked. It crosses
    /// where this is at most `allowed`, and stays what it was then.
    pub p: f64,
    /// How much of `alpha` may be used up to now.
    pub allowed: f64,
    /// Bad ones of all requests in the canary arm, `None` without requests.
    pub canary_rate: Option<f64>,
    /// Bad ones of all requests in the control cohort, `None` without requests.
    pub control_rate: Option<f64>,
    /// The canary's rate in units of the control's, `None` where that is 0 or unknown.
    pub ratio: Option<f64>,
    /// The same since the step began, where the caller said how it began.
    pub step_ratio: Option<f64>,
    /// The ratio from which a difference matters.
    pub matters_from: f64,
    /// The rate of the canary that would have been seen by now with a probability of 80 %, given the
    /// control's, if requests were independent; `None` where none would, or none is asked for. Where
    /// the verdict is [`Verdict::TooLittle`] because hardly anything was bad, this says what the
    /// requests are worth.
    pub detectable_rate: Option<f64>,
    /// Whether the difference is more than chance, also where it is too small to matter.
    pub crossed: bool,
}

/// What a look comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The version is worse, by more than chance and by more than is tolerated.
    Harm,
    /// Harm could have been seen, and was not.
    NoHarm,
    /// Of all the ways in which what was counted could have fallen to the arms, none would have been
    /// called harm. So it is when few requests were counted, and also when hardly any was bad: then
    /// whether there were enough requests is for the caller to say.
    TooLittle,
}

/// By so many standard deviations a rate is above what is tolerated, if requests were independent.
const CLEARLY: f64 = 3.0;

/// How two rates compare, and whether their difference matters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compared {
    pub(crate) ratio: Option<f64>,
    pub(crate) matters: bool,
}

/// `Settings` without what cannot be meant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) alpha: f64,
    /// 1 + tolerance.
    pub(crate) matters_from: f64,
}

// === impl Settings ===

impl Settings {
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds {
            alpha: if self.alpha > 0.0 {
                self.alpha.min(1.0)
            } else {
                0.0
            },
            matters_from: 1.0
                + if self.tolerance > 0.0 {
                    self.tolerance
                } else {
                    0.0
                },
        }
    }
}

// === impl Verdict ===

impl Verdict {
    pub(crate) fn of(crossed: bool, matters: bool, possible: bool) -> Self {
        match (crossed, matters, possible) {
            (true, true, _) => Self::Harm,
            (true, false, _) | (false, _, true) => Self::NoHarm,
            (false, _, false) => Self::TooLittle,
        }
    }
}

// === impl Compared ===

impl Compared {
    /// The same, where a rate that only seems to matter does not count: what was added since a step
    /// began may be one reading, and the difference may have crossed long before it.
    pub(crate) fn clearly(canary: Sum, control: Sum, matters_from: f64) -> Self {
        let compared = Self::rates(canary, control, matters_from);
        let scatter = |sum: Sum| (sum.bad.max(1) as f64).sqrt() / (sum.requests.max(1) as f64);
        let (Some(rate), Some(control_rate)) = (canary.rate(), control.rate()) else {
            return compared;
        };
        let noise = scatter(canary).hypot(matters_from * scatter(control));
        Self {
            matters: compared.matters && rate - matters_from * control_rate > CLEARLY * noise,
            ..compared
        }
    }

    /// The rate of `canary` in units of that of `control`.
    pub(crate) fn rates(canary: Sum, control: Sum, matters_from: f64) -> Self {
        let (Some(canary), Some(control)) = (canary.rate(), control.rate()) else {
            return Self {
                ratio: None,
                matters: false,
            };
        };
        Self {
            ratio: (control > 0.0).then(|| canary / control),
            matters: canary > 0.0 && canary >= matters_from * control,
        }
    }

    /// The requests of `canary` in units of those of `control`; too few matter as too many do.
    pub(crate) fn counts(canary: u128, control: u128, matters_from: f64) -> Self {
        let (canary, control) = (canary as f64, control as f64);
        Self {
            ratio: (control > 0.0).then(|| canary / control),
            matters: canary.max(control) > 0.0
                && canary.max(control) >= matters_from * canary.min(control),
        }
    }
}
