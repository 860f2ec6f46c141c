//! Shares by variant and reason, with their intervals.

use super::traffic::UnitPlace;
use crate::interval::{Interval, Z_95, compatible};
use coalmine::policy::CanaryPolicy;
use coalmine::{Reason, Timestamp, VariantId};
use serde::Serialize;

/// What a canary did to requests.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Simulation {
    /// The canary.
    pub canary: String,
    /// The time of all requests; none if each has its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Where synthetic requests carry their unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitPlace>,
    /// How many requests it decided.
    pub requests: u64,
    /// How many requests no canary governed.
    pub untouched: u64,
    /// How many requests got which variant, and why.
    pub outcomes: Vec<Outcome>,
    /// What was drawn, against what was asked.
    pub draws: Vec<Draw>,
    /// Whether every share that was seen is compatible with the one that was asked.
    pub as_asked: bool,
}

/// A variant given for a reason.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The variant.
    pub variant: String,
    /// The reason, as in metrics.
    pub reason: String,
    /// How many requests.
    pub requests: u64,
    /// Their part of all requests of the canary, 0 to 1.
    pub share: f64,
}

/// Everything that was drawn by one set of shares.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Draw {
    /// The reason: `share`, `random`, `rule:<name>`.
    pub reason: String,
    /// What each variant got of it.
    pub variants: Vec<DrawnVariant>,
}

/// What a variant got of a draw.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DrawnVariant {
    /// The variant.
    pub variant: String,
    /// Its share as asked, 0 to 1: the mean over the times of the requests, where it changes.
    pub asked: f64,
    /// Over requests.
    pub requests: Seen,
    /// Over units, where a unit has more than one request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<Seen>,
    /// Whether what was seen is compatible with what was asked.
    pub as_asked: bool,
}

/// A share that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Seen {
    /// How many.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// The share, 0 to 1.
    pub share: f64,
    /// Its interval, which holds the true share in 95 of 100 cases.
    pub interval: Interval,
}

/// Everything decided for one reason.
#[derive(Debug)]
pub(super) struct Group<'p> {
    pub(super) canary: &'p CanaryPolicy,
    pub(super) reason: Reason,
    /// By the number of the variant.
    requests: Vec<u64>,
    /// Sums over requests of what was asked, in millionths; none where nothing is drawn.
    asked: Option<Vec<u128>>,
    pub(super) units: Option<Units>,
}

/// The units of a draw.
#[derive(Clone, Debug, Default)]
pub(super) struct Units {
    /// How many have which variant, at their last request.
    pub(super) variants: Vec<u64>,
    /// Sums over units of what was asked at their last request.
    pub(super) asked: Vec<i128>,
    /// The sum over units of their requests' number squared.
    pub(super) squares: u128,
}

impl<'p> Group<'p> {
    pub(super) fn new(canary: &'p CanaryPolicy, reason: Reason) -> Self {
        Self {
            canary,
            reason,
            requests: vec![0; canary.variant_names().len()],
            asked: None,
            units: None,
        }
    }

    /// Counts requests with the same outcome, and what was asked for each of them.
    pub(super) fn add_many(&mut self, variant: VariantId, count: u64, asked: Option<&[u32]>) {
        self.requests[variant.index()] += count;
        if let Some(shares) = asked {
            let sums = self.asked.get_or_insert_with(|| vec![0; shares.len()]);
            for (sum, share) in sums.iter_mut().zip(shares) {
                *sum += u128::from(*share) * u128::from(count);
            }
        }
    }

    fn reason_name(&self) -> String {
        match self.reason {
            Reason::Never => "never".to_owned(),
            Reason::Pin => "pin".to_owned(),
            Reason::Share => "share".to_owned(),
            Reason::Random => "random".to_owned(),
            Reason::NoUnit => "no-unit".to_owned(),
            Reason::Default => "default".to_owned(),
            Reason::Inherited => "inherited".to_owned(),
            Reason::Guard => "guard".to_owned(),
            Reason::Rule(rule) => format!("rule:{}", self.canary.rule_name(rule)),
        }
    }

    fn draw(&self) -> Option<Draw> {
        let asked = self.asked.as_ref()?;
        let of: u64 = self.requests.iter().sum();
        let variants = self.canary.variant_names().enumerate();
        let variants = variants.map(|(index, name)| self.drawn(index, name, asked, of));
        Some(Draw {
            reason: self.reason_name(),
            variants: variants.collect(),
        })
    }

    fn drawn(&self, index: usize, name: &str, asked: &[u128], of: u64) -> DrawnVariant {
        let asked = asked[index] as f64 / of as f64 / 1e6;
        let count = self.requests[index];
        let Some(units) = &self.units else {
            return DrawnVariant {
                variant: name.to_owned(),
                asked,
                requests: seen(count, of, of as f64),
                units: None,
                as_asked: compatible(count as f64, of as f64, asked),
            };
        };
        let all: u64 = units.variants.iter().sum();
        let asked_of_units = units.asked[index] as f64 / all as f64 / 1e6;
        let count_of_units = units.variants[index];
        // The requests of a unit are drawn together. The share over requests then varies as that
        // of so many independent ones (L. Kish, "Survey Sampling", 1965, on unequal weights).
        let effective = (of as f64).powi(2) / units.squares as f64;
        DrawnVariant {
            variant: name.to_owned(),
            asked,
            requests: seen(count, of, effective),
            units: (all != of).then(|| seen(count_of_units, all, all as f64)),
            as_asked: compatible(count_of_units as f64, all as f64, asked_of_units),
        }
    }
}

/// What was seen, its interval as wide as for so many independent trials.
fn seen(count: u64, of: u64, effective: f64) -> Seen {
    let share = count as f64 / of as f64;
    Seen {
        count,
        of,
        share,
        interval: Interval::wilson(share * effective, effective, Z_95),
    }
}

impl Simulation {
    pub(super) fn new(
        canary: String,
        at: Option<Timestamp>,
        unit: Option<UnitPlace>,
        untouched: u64,
        groups: &[Group<'_>],
    ) -> Self {
        let requests: u64 = groups.iter().flat_map(|group| &group.requests).sum();
        let mut outcomes: Vec<Outcome> = groups
            .iter()
            .flat_map(|group| {
                let names = group.canary.variant_names().zip(&group.requests);
                names
                    .filter(|(_, count)| **count > 0)
                    .map(|(name, count)| Outcome {
                        variant: name.to_owned(),
                        reason: group.reason_name(),
                        requests: *count,
                        share: *count as f64 / requests as f64,
                    })
            })
            .collect();
        outcomes.sort_by(|one, other| {
            let key = |outcome: &Outcome| (outcome.variant.clone(), outcome.reason.clone());
            key(one).cmp(&key(other))
        });
        let mut draws: Vec<Draw> = groups.iter().filter_map(Group::draw).collect();
        draws.sort_by(|one, other| one.reason.cmp(&other.reason));
        let as_asked = draws
            .iter()
            .flat_map(|draw| &draw.variants)
            .all(|variant| variant.as_asked);
        Self {
            canary,
            at,
            unit,
            requests,
            untouched,
            outcomes,
            draws,
            as_asked,
        }
    }
}
