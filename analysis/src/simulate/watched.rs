//! Requests of a log, whose units and times differ.

use super::report::{Group, Simulation, Units};
use super::run::asked;
use crate::sequence::Sequence;
use coalmine::bucket::Bucket;
use coalmine::config::{Canaries, Canary};
use coalmine::{
    Moment, Observer, Policy, Reason, Request, Step, Timestamp, VariantId, decide_observed,
};
use std::cell::RefCell;
use std::collections::HashMap;

/// Counts requests one after the other, by canary, reason, variant and unit.
#[derive(Debug)]
pub struct Watched<'p> {
    policy: &'p Policy,
    canaries: &'p Canaries,
    draws: RefCell<Sequence>,
    groups: Vec<Counted<'p>>,
    untouched: u64,
}

/// The requests of a canary that were decided for one reason.
#[derive(Debug)]
struct Counted<'p> {
    canary: &'p Canary,
    group: Group<'p>,
    /// By bucket: 64 bits tell users apart.
    seen: HashMap<u64, LastSeen>,
}

#[derive(Clone, Copy, Debug)]
struct LastSeen {
    variant: VariantId,
    requests: u64,
    at: Timestamp,
}

struct Now<'m> {
    now: Timestamp,
    draws: &'m RefCell<Sequence>,
}

impl Moment for Now<'_> {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn draw(&self) -> u128 {
        self.draws.borrow_mut().draw()
    }
}

/// Sees the unit's bucket.
struct UnitSeen(Option<Bucket>);

impl Observer for UnitSeen {
    fn step(&mut self, step: Step<'_>) {
        if let Step::Unit { bucket, .. } = step {
            self.0 = Some(bucket);
        }
    }
}

impl<'p> Watched<'p> {
    /// Nothing yet. `policy` is compiled from `canaries`; the seed is for requests without a unit.
    pub fn new(policy: &'p Policy, canaries: &'p Canaries, seed: u64) -> Self {
        Self {
            policy,
            canaries,
            draws: RefCell::new(Sequence::new(!seed)),
            groups: Vec::new(),
            untouched: 0,
        }
    }

    /// Decides about the next request.
    pub fn decide(&mut self, request: &impl Request, now: Timestamp) {
        let moment = Now {
            now,
            draws: &self.draws,
        };
        let mut unit = UnitSeen(None);
        let Some(decision) = decide_observed(self.policy, request, &moment, &mut unit) else {
            self.untouched += 1;
            return;
        };
        let known = self.groups.iter().position(|counted| {
            counted.group.reason == decision.reason
                && core::ptr::eq(counted.group.canary, decision.canary)
        });
        let index = known.unwrap_or_else(|| {
            let canaries = &self.canaries.canaries;
            let canary = canaries
                .iter()
                .find(|canary| canary.full_name() == decision.canary.name());
            // A policy without its config cannot be; the first stands in for what is not there.
            let Some(canary) = canary.or_else(|| canaries.first()) else {
                return usize::MAX;
            };
            self.groups.push(Counted {
                canary,
                group: Group::new(decision.canary, decision.reason),
                seen: HashMap::new(),
            });
            self.groups.len() - 1
        });
        if let Some(counted) = self.groups.get_mut(index) {
            counted.add(decision.variant, unit.0, now);
        }
    }

    /// What came out, by canary in the order of their file; canaries without a request are there
    /// as well.
    pub fn report(self) -> Vec<Simulation> {
        let mut groups = self.groups;
        let canaries = self.canaries.canaries.iter();
        canaries
            .map(|canary| {
                let own: Vec<Group<'_>> = groups
                    .extract_if(.., |counted| core::ptr::eq(counted.canary, canary))
                    .map(|counted| counted.group)
                    .collect();
                Simulation::new(canary.full_name(), None, None, self.untouched, &own)
            })
            .collect()
    }
}

impl Counted<'_> {
    fn asked_at(&self, now: Timestamp) -> Option<Vec<u32>> {
        asked(self.canary, self.group.canary, self.group.reason, now)
    }

    fn add(&mut self, variant: VariantId, unit: Option<Bucket>, now: Timestamp) {
        let asked = self.asked_at(now);
        self.group.add_many(variant, 1, asked.as_deref());
        let (Some(asked), Some(unit)) = (asked, unit) else {
            return;
        };
        if self.group.reason == Reason::Random {
            return;
        }
        let before = self.seen.get(&unit.hash()).copied();
        let asked_before = before.and_then(|before| self.asked_at(before.at));
        let units = self.group.units.get_or_insert_with(|| Units {
            variants: vec![0; asked.len()],
            asked: vec![0; asked.len()],
            squares: 0,
        });
        if let Some(before) = before {
            units.variants[before.variant.index()] -= 1;
        }
        units.variants[variant.index()] += 1;
        for (sum, share) in units.asked.iter_mut().zip(&asked) {
            *sum += i128::from(*share);
        }
        let sums = units.asked.iter_mut();
        for (sum, share) in sums.zip(asked_before.iter().flatten()) {
            *sum -= i128::from(*share);
        }
        let requests = before.map_or(0, |before| before.requests);
        // (n + 1)^2 - n^2
        units.squares += u128::from(2 * requests + 1);
        let last = LastSeen {
            variant,
            requests: requests + 1,
            at: now,
        };
        self.seen.insert(unit.hash(), last);
    }
}
