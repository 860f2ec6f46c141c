//! The plan of a rollout, as a canary says it.

use crate::evidence::Settings;
use crate::text::length;
use coalmine::Timestamp;
use coalmine::bucket::Share;
use coalmine::config::{Analysis, Canary, Freeze, Origin, Proxies, Query, Ratio, Selector, Step};

/// What a rollout goes by.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The canary, with its namespace and `/` in front if it has one: its label in metrics.
    pub canary: String,
    /// The variant that walks.
    pub variant: String,
    /// What of it is rolled out.
    pub revision: Option<String>,
    /// What draws the users of this revision. It is also what the rollout is known by: a failed one
    /// is not tried again.
    pub salt: String,
    /// The shares on the way.
    pub steps: Vec<Step>,
    /// The share at the end: everyone, or the most that the variant may have.
    pub everyone: Share,
    /// What it is judged by.
    pub analysis: Analysis,
    /// When it takes no step forward.
    pub freeze: Vec<Freeze>,
    /// Whether the filter counts responses by arm.
    pub counted: bool,
    /// The bounds in milliseconds by which it counts slow responses.
    pub bounds: Vec<u32>,
    /// What it is compared by beside what the filter counts.
    pub comparisons: Vec<Comparison>,
}

/// A comparison beside those of what the filter counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What it is called.
    pub name: String,
    /// What is counted.
    pub counters: Counters,
    /// How many requests count as one.
    pub design_effect: u32,
}

/// What is counted of two variants, for a comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum Counters {
    /// Numbers, by queries that people wrote.
    Numbers {
        /// Of the variant.
        canary: Ratio,
        /// Of what it is compared with.
        control: Ratio,
    },
    /// Series that proxies have anyway.
    Series {
        /// Whose.
        of: Proxies,
        /// What tells those of the variant, and those of the default.
        arms: [Selector; 2],
    },
}

// === impl Plan ===

impl Plan {
    /// The plan of a canary; `None` if it has none. `revision` stands before the one in the file.
    pub fn of(canary: &Canary, revision: Option<&str>) -> Option<Self> {
        let rollout = canary.spec.rollout.as_ref()?;
        let revision = revision
            .map(str::to_owned)
            .or_else(|| rollout.revision.clone());
        let mut variants = canary.spec.variants.iter();
        let variant = variants.find(|(name, _)| *name == rollout.variant);
        Some(Self {
            canary: canary.full_name(),
            variant: rollout.variant.clone(),
            salt: canary.salt_of(revision.as_deref()),
            revision,
            steps: rollout.steps.clone(),
            everyone: variant
                .and_then(|(_, variant)| variant.max)
                .unwrap_or(Share::ALL)
                .min(left_by_others(canary, &rollout.variant)),
            analysis: rollout.analysis.clone(),
            freeze: rollout.freeze.clone(),
            counted: canary.spec.evidence.is_some(),
            bounds: match &canary.spec.evidence {
                Some(evidence) => evidence.slower_than.clone(),
                None => Vec::new(),
            },
            comparisons: comparisons(canary, &rollout.variant, &rollout.analysis.queries),
        })
    }

    /// Every check, by the names that findings have.
    pub fn checks(&self) -> Vec<String> {
        let mut checks = Vec::new();
        if self.counted {
            checks.push("errors".to_owned());
            checks.extend(self.bounds.iter().map(|bound| slower_than(*bound)));
            checks.push("limit".to_owned());
        }
        let others = self.comparisons.iter();
        checks.extend(others.map(|comparison| comparison.name.clone()));
        checks
    }

    /// Until when no step forward is taken; `None` if one may be taken now.
    pub fn frozen_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.freeze
            .iter()
            .filter_map(|freeze| freeze.until(now))
            .max()
    }

    /// What each comparison is held to: the chance of a false rollback is shared evenly among all.
    pub fn settings(&self) -> Settings {
        let counted = match self.counted {
            true => self.bounds.len().saturating_add(1),
            false => 0,
        };
        let all = counted.saturating_add(self.comparisons.len()).max(1);
        Settings {
            alpha: part(self.analysis.false_rollback) / all as f64,
            tolerance: part(self.analysis.tolerance),
        }
    }

    /// The share of a step, from 0 on; `None` behind the last one.
    pub fn share_of(&self, step: usize) -> Option<Share> {
        self.steps.get(step).map(|step| step.share)
    }
}

/// What is known of the queries' counters. What the reader would have refused is left out.
fn comparisons(canary: &Canary, variant: &str, queries: &[Query]) -> Vec<Comparison> {
    let counters = |origin: &Origin| match origin {
        Origin::Written { canary, control } => Some(Counters::Numbers {
            canary: canary.clone(),
            control: control.clone(),
        }),
        Origin::Proxies(of) => {
            let arm = |variant| canary.selector(*of, variant).ok();
            let arms = [arm(variant)?, arm(&canary.spec.default)?];
            Some(Counters::Series { of: *of, arms })
        }
    };
    let known = queries.iter().filter_map(|query| {
        Some(Comparison {
            name: query.name.clone(),
            counters: counters(&query.origin)?,
            design_effect: query.design_effect,
        })
    });
    known.collect()
}

/// The check of a bound in milliseconds.
pub(crate) fn slower_than(bound: u32) -> String {
    format!("slower than {}", length(i64::from(bound)))
}

/// A share as a number from 0 to 1.
pub(crate) fn part(share: Share) -> f64 {
    f64::from(share.millionths()) / 1e6
}

/// What the shares of the variants beside this one leave of the line.
fn left_by_others(canary: &Canary, variant: &str) -> Share {
    let others = canary
        .spec
        .shares
        .iter()
        .filter(|(name, _)| name != variant);
    let taken = others.map(|(_, share)| share.millionths()).sum::<u32>();
    let left = Share::ALL.millionths().saturating_sub(taken);
    Share::from_millionths(left).unwrap_or_default()
}
