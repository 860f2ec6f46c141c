//! Rollouts: the same requests before all judges, until each has rolled back or the end has come.

use crate::judges::{self, NAMES};
use crate::population::{Population, USERS, Users};
use coalmine_rollout::evidence::{Arms, Tally};
use std::num::NonZero;
use std::thread;

/// The shares of the steps, and how often each is looked at.
pub(crate) const SHARES: [f64; 5] = [0.01, 0.05, 0.1, 0.25, 0.5];
pub(crate) const LOOKS_A_STEP: usize = 5;
/// All looks of a rollout.
pub(crate) const LOOKS: usize = SHARES.len() * LOOKS_A_STEP;
/// The usual rate of bad requests of a healthy version.
pub(crate) const RATE: f64 = 0.005;

/// One kind of rollout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) users: Users,
    /// Requests of the canary at a look, on average.
    pub(crate) per_look: f64,
    /// The rate of bad requests of a healthy version.
    pub(crate) rate: f64,
    /// How many times as many bad requests the canary has.
    pub(crate) worse: f64,
    /// From this look on, counted from 0; before, it is healthy.
    pub(crate) worse_from: usize,
}

/// What became of many rollouts before one judge.
#[derive(Clone, Default)]
pub(crate) struct Outcome {
    pub(crate) rollouts: u64,
    /// The looks at which it rolled back, counted from 1, in order.
    pub(crate) rolled_back: Vec<usize>,
    /// Users who had a bad response from the canary before it did, of all rollouts.
    pub(crate) hurt: u64,
}

/// Runs rollouts of these numbers.
pub(crate) fn run(scenario: Scenario, seeds: std::ops::Range<u64>) -> [Outcome; NAMES.len()] {
    let threads = thread::available_parallelism().map_or(1, NonZero::get) as u64;
    let mut all: [Outcome; NAMES.len()] = Default::default();
    thread::scope(|scope| {
        let seeds = &seeds;
        let parts: Vec<_> = (0..threads)
            .map(|first| {
                scope.spawn(move || {
                    let mut part: [Outcome; NAMES.len()] = Default::default();
                    for seed in seeds.clone().skip(first as usize).step_by(threads as usize) {
                        rollout(scenario, seed, &mut part);
                    }
                    part
                })
            })
            .collect();
        for part in parts {
            let part = part.join().expect("a rollout that ends");
            for (all, part) in all.iter_mut().zip(part) {
                all.rollouts += part.rollouts;
                all.rolled_back.extend(part.rolled_back);
                all.hurt += part.hurt;
            }
        }
    });
    for outcome in &mut all {
        outcome.rolled_back.sort_unstable();
    }
    all
}

/// One rollout, added to the outcomes.
fn rollout(scenario: Scenario, seed: u64, outcomes: &mut [Outcome; NAMES.len()]) {
    let mut users = Population::new(scenario.users, seed);
    let mut arms = Arms::default();
    let mut judges = judges::all();
    let mut verdicts = [None; NAMES.len()];
    // At which look a user was first hurt.
    let mut hurt: Vec<usize> = vec![usize::MAX; USERS];
    for (step, share) in SHARES.into_iter().enumerate() {
        let drawn = users.draw(share, scenario.per_look);
        let step_began = arms;
        for look in step * LOOKS_A_STEP..(step + 1) * LOOKS_A_STEP {
            let worse = if look >= scenario.worse_from {
                scenario.worse
            } else {
                1.0
            };
            let mut window = Tally::default();
            users.look(&drawn, scenario.rate, worse, |sent| {
                let arm = if sent.canary {
                    &mut arms.canary
                } else {
                    &mut arms.control
                };
                arm[sent.slice].requests += 1;
                arm[sent.slice].bad += u64::from(sent.bad);
                if sent.canary {
                    window.requests += 1;
                    window.bad += u64::from(sent.bad);
                    if sent.bad {
                        hurt[sent.user] = hurt[sent.user].min(look);
                    }
                }
            });
            for (judge, verdict) in judges.iter_mut().zip(&mut verdicts) {
                if verdict.is_none() && judge.look(&arms, &step_began, window) {
                    *verdict = Some(look);
                }
            }
        }
    }
    for (outcome, verdict) in outcomes.iter_mut().zip(verdicts) {
        outcome.rollouts += 1;
        outcome.rolled_back.extend(verdict.map(|look| look + 1));
        let last = verdict.unwrap_or(LOOKS);
        outcome.hurt += hurt.iter().filter(|look| **look <= last).count() as u64;
    }
}
