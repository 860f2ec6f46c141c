//! Who judges a rollout: this crate's tests, and the rules of others as they are published.

use coalmine_rollout::evidence::{Arms, Mixture, Sequential, Settings, Tally, Verdict};

pub(crate) const SETTINGS: Settings = Settings {
    alpha: 0.01,
    tolerance: 0.1,
};

/// What a judge has seen, and what it rolls back by.
#[derive(Clone)]
pub(crate) enum Judge {
    /// The randomization test.
    Ours(Sequential),
    /// The e-process, with a design effect.
    Mixture(Mixture, f64),
    /// Rolls back when so many looks failed, each with less than 99 % of the canary's requests good.
    /// Flagger's `threshold` counts all failed checks of a rollout; Argo Rollouts fails when more
    /// than `failureLimit` measurements have.
    Checks { failed: u32, until: u32 },
}

/// The judges of the table, and their names.
pub(crate) const NAMES: [&str; 7] = [
    "randomization test",
    "e-process",
    "e-process, effect 4",
    "Flagger, 5 failed",
    "Flagger, 10 failed",
    "Argo, limit 0",
    "Argo, limit 3",
];

pub(crate) fn all() -> [Judge; NAMES.len()] {
    let checks = |until| Judge::Checks { failed: 0, until };
    [
        Judge::Ours(Sequential::default()),
        Judge::Mixture(Mixture::default(), 1.0),
        Judge::Mixture(Mixture::default(), 4.0),
        checks(5),
        checks(10),
        checks(1),
        checks(4),
    ]
}

impl Judge {
    /// Whether it rolls back, having seen the counts since the rollout began, as they were when the
    /// step began, and what the canary had since the last look.
    pub(crate) fn look(&mut self, now: &Arms, step_began: &Arms, window: Tally) -> bool {
        match self {
            Self::Ours(test) => {
                test.look(&SETTINGS, now, Some(step_began)).verdict == Verdict::Harm
            }
            Self::Mixture(test, effect) => {
                let look = test.look(&SETTINGS, sum(&now.canary), sum(&now.control), *effect);
                look.verdict == Verdict::Harm
            }
            Self::Checks { failed, until } => {
                *failed += u32::from(window.rate().is_some_and(|rate| rate > 0.01));
                failed >= until
            }
        }
    }
}

fn sum(slices: &[Tally]) -> Tally {
    Tally {
        requests: slices.iter().map(|slice| slice.requests).sum(),
        bad: slices.iter().map(|slice| slice.bad).sum(),
    }
}
