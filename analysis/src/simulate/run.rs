//! Synthetic units through a policy, and how fast that goes.

use super::report::{Group, Simulation};
use super::traffic::{Synthetic, UnitPlace};
use crate::sequence::Sequence;
use coalmine::config::{Canary, Outcome, UnitSource};
use coalmine::policy::CanaryPolicy;
use coalmine::{Moment, Policy, Reason, Timestamp, VariantId, decide};
use std::cell::RefCell;

/// After so many decisions progress is told.
const STRIDE: u64 = 1 << 16;

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Run<'r> {
    /// The headers of every request, the pseudo-headers among them.
    pub headers: &'r [(String, String)],
    /// The client's address of every request, unless it is the unit.
    pub address: Option<&'r str>,
    /// How many units.
    pub units: u64,
    /// Which units.
    pub seed: u64,
    /// When.
    pub now: Timestamp,
}

/// The moment of a synthetic request: a fixed time, and draws from a sequence.
struct Synthesized {
    now: Timestamp,
    draws: RefCell<Sequence>,
}

impl Moment for Synthesized {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn draw(&self) -> u128 {
        self.draws.borrow_mut().draw()
    }
}

/// How often each counter of the policy counted, and what it counts.
pub(super) struct Tally<'p> {
    counts: Vec<u64>,
    kinds: Vec<Option<(&'p CanaryPolicy, VariantId, Reason)>>,
    untouched: u64,
}

impl<'p> Tally<'p> {
    /// Nothing yet.
    pub(super) fn new(policy: &Policy) -> Self {
        Self {
            counts: vec![0; policy.counters()],
            kinds: vec![None; policy.counters()],
            untouched: 0,
        }
    }

    /// Decides for `units` units of a sequence, telling each stride to `progress`.
    ///
    /// This is the path that `benches/simulate.rs` times, the making of each request included.
    pub(super) fn decide(
        &mut self,
        policy: &'p Policy,
        request: &mut Synthetic,
        run: &Run<'_>,
        progress: &mut impl FnMut(u64),
    ) {
        let mut units = Sequence::new(run.seed);
        let moment = Synthesized {
            now: run.now,
            draws: RefCell::new(Sequence::new(!run.seed)),
        };
        let mut left = run.units;
        while left > 0 {
            let stride = left.min(STRIDE);
            for _ in 0..stride {
                request.set_unit(units.next_number());
                let Some(decision) = decide(policy, request, &moment) else {
                    self.untouched += 1;
                    continue;
                };
                let counter = decision.counter();
                if let Some(count) = self.counts.get_mut(counter) {
                    *count += 1;
                    if *count == 1 {
                        self.kinds[counter] =
                            Some((decision.canary, decision.variant, decision.reason));
                    }
                }
            }
            left -= stride;
            progress(stride);
        }
    }

    /// What was counted: canary, variant, reason and how often.
    pub(super) fn counted(
        &self,
    ) -> impl Iterator<Item = (&'p CanaryPolicy, VariantId, Reason, u64)> {
        let kinds = self.kinds.iter().zip(&self.counts);
        kinds.filter_map(|(kind, count)| {
            let (canary, variant, reason) = (*kind)?;
            Some((canary, variant, reason, *count))
        })
    }
}

/// Sends units through the policy, and sets what came out against what the canary asks.
pub fn simulate(
    policy: &Policy,
    canary: &Canary,
    run: &Run<'_>,
    mut progress: impl FnMut(u64),
) -> Simulation {
    let place = place_of(canary, run.headers);
    let mut request = Synthetic::new(run.headers, run.address, &place);
    let mut tally = Tally::new(policy);
    tally.decide(policy, &mut request, run, &mut progress);
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (decided_by, variant, reason, count) in tally.counted() {
        let index = groups
            .iter()
            .position(|group| group.reason == reason)
            .unwrap_or_else(|| {
                groups.push(Group::new(decided_by, reason));
                groups.len() - 1
            });
        let asked = asked(canary, decided_by, reason, run.now);
        groups[index].add_many(variant, count, asked.as_deref());
    }
    Simulation::new(
        canary.full_name(),
        Some(run.now),
        Some(place),
        tally.untouched,
        &groups,
    )
}

/// Where a synthetic request of this canary carries its unit: in the first place it looks at that
/// the fixed headers do not fill already.
fn place_of(canary: &Canary, headers: &[(String, String)]) -> UnitPlace {
    let first = UnitPlace::of(canary);
    let filled = |source: &UnitSource| match source {
        UnitSource::Header(name) => headers.iter().any(|(known, _)| known == name),
        _ => false,
    };
    // A unit that is given is the unit of all requests: nothing is left to be made.
    if canary.spec.unit.first().is_some_and(filled) {
        return UnitPlace::Nowhere;
    }
    first
}

/// The shares that were asked where the reason is one that draws, by the number of the variant.
pub(super) fn asked(
    canary: &Canary,
    policy: &CanaryPolicy,
    reason: Reason,
    now: Timestamp,
) -> Option<Vec<u32>> {
    let mut shares = vec![0; policy.variant_names().len()];
    match reason {
        Reason::Share | Reason::Random => {
            for part in policy.parts(now) {
                shares[part.variant.index()] = part.share.millionths();
            }
        }
        Reason::Rule(rule) => {
            let Outcome::Shares(own) = &canary.spec.rules.get(rule)?.outcome else {
                return None;
            };
            for (index, name) in policy.variant_names().enumerate() {
                let share = own.iter().find(|(known, _)| known == name);
                shares[index] = share.map_or(0, |(_, share)| share.millionths());
            }
        }
        Reason::Never
        | Reason::Pin
        | Reason::NoUnit
        | Reason::Default
        | Reason::Inherited
        | Reason::Guard => return None,
    }
    let default = policy.default_variant().index();
    shares[default] = 0;
    shares[default] = 1_000_000 - shares.iter().sum::<u32>().min(1_000_000);
    Some(shares)
}

/// How fast decisions are.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Speed {
    /// Decisions that were made.
    pub decisions: u64,
    /// Decisions a second in the best round: what the machine can do when nothing disturbs it.
    pub best: f64,
    /// Decisions a second over all rounds.
    pub mean: f64,
}

/// Decides in rounds of 65,536 units, the same code as [`simulate`], until `seconds` have gone by;
/// `clock` gives seconds from any beginning.
pub fn speed(
    policy: &Policy,
    canary: &Canary,
    run: &Run<'_>,
    seconds: f64,
    clock: impl Fn() -> f64,
) -> Speed {
    let place = place_of(canary, run.headers);
    let mut request = Synthetic::new(run.headers, run.address, &place);
    let mut tally = Tally::new(policy);
    let begin = clock();
    let (mut best, mut before, mut rounds) = (f64::INFINITY, begin, 0);
    while rounds == 0 || before - begin < seconds {
        let round = Run {
            units: STRIDE,
            seed: run.seed.wrapping_add(rounds),
            ..run.clone()
        };
        tally.decide(policy, &mut request, &round, &mut |_| {});
        let now = clock();
        best = best.min(now - before);
        before = now;
        rounds += 1;
    }
    let decisions = rounds * STRIDE;
    Speed {
        decisions,
        best: STRIDE as f64 / best,
        mean: decisions as f64 / (before - begin),
    }
}
