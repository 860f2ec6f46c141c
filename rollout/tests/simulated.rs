//! Rollouts of simulated users: the promise is kept, and harm is seen. A smaller part of what
//! `cargo bench -p coalmine-rollout --bench rollouts` prints, with the same users.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the bench, which prints more"
)]

#[path = "../benches/rollouts/judges.rs"]
mod judges;
#[path = "../benches/rollouts/population.rs"]
mod population;
#[path = "../benches/rollouts/rollouts.rs"]
mod rollouts;

use crate::judges::SETTINGS;
use crate::population::{Population, Users};
use crate::rollouts::{LOOKS, RATE, Scenario, run};
use coalmine_rollout::evidence::{Arms, Mismatch, Settings, Verdict, detectable};
use statrs::distribution::{Binomial, DiscreteCDF};

/// Seeds that neither the choice of the statistic nor the tables of the bench have seen.
const FIRST: u64 = 2_000_000;

fn scenario(users: Users, per_look: f64, worse: f64, worse_from: usize) -> Scenario {
    Scenario {
        users,
        per_look,
        rate: RATE,
        worse,
        worse_from,
    }
}

/// So many of `of` are too many to come from `alpha` by chance, once in a thousand times.
fn too_many(of: u64, alpha: f64) -> u64 {
    Binomial::new(alpha, of).unwrap().inverse_cdf(0.999) + 1
}

#[test]
fn healthy_rollouts_are_not_rolled_back() {
    for users in [Users::Alike, Users::Clustered] {
        let (mut rolled_back, mut of) = (0, 0);
        for (per_look, rollouts) in [(50.0, 250), (500.0, 150), (2_000.0, 40)] {
            let [ours, ..] = run(scenario(users, per_look, 1.0, 0), FIRST..FIRST + rollouts);
            rolled_back += ours.rolled_back.len() as u64;
            of += ours.rollouts;
        }
        assert!(
            rolled_back < too_many(of, SETTINGS.alpha),
            "{users:?}: {rolled_back} of {of}"
        );
    }
}

#[test]
fn harm_is_seen() {
    let check = |users, per_look, worse, worse_from, percent, by_look| {
        let [ours, ..] = run(
            scenario(users, per_look, worse, worse_from),
            FIRST..FIRST + 60,
        );
        let seen = ours.rolled_back.len() * 100 / 60;
        assert!(seen >= percent, "{users:?}, {per_look}, {worse}: {seen} %");
        let middle = ours.rolled_back[ours.rolled_back.len() / 2];
        assert!(
            middle <= by_look,
            "{users:?}, {per_look}, {worse}: look {middle}"
        );
    };
    check(Users::Alike, 500.0, 4.0, 0, 97, 4);
    check(Users::Alike, 500.0, 2.0, 0, 65, 16);
    check(Users::Alike, 500.0, 4.0, 15, 88, 21);
    check(Users::Alike, 5_000.0, 10.0, 0, 100, 1);
    check(Users::Clustered, 500.0, 4.0, 0, 88, 9);
    check(Users::Clustered, 5_000.0, 4.0, 0, 95, 3);
}

/// The users of this simulation, taken for coins, cost a test its promise.
#[test]
fn a_test_that_takes_clustered_requests_for_independent_fails() {
    let clustered = scenario(Users::Clustered, 500.0, 1.0, 0);
    let [_, mixture, ..] = run(clustered, FIRST..FIRST + 150);
    let rolled_back = mixture.rolled_back.len() as u64;
    assert!(rolled_back > too_many(150, SETTINGS.alpha), "{rolled_back}");
}

#[test]
fn what_is_detectable_is_seen() {
    for per_look in [80.0, 500.0, 4_000.0] {
        let requests = (per_look * LOOKS as f64) as u64;
        let worse = detectable(&SETTINGS, requests, RATE, 1.0).unwrap();
        let [ours, ..] = run(
            scenario(Users::Alike, per_look, worse, 0),
            FIRST..FIRST + 100,
        );
        let seen = ours.rolled_back.len();
        assert!(
            (62..=95).contains(&seen),
            "{worse:.2} at {per_look}: {seen} %"
        );
    }
}

/// Requests by arm and slice at one share, where so many of the canary's are lost on the way.
fn mismatch(users: Users, seed: u64, lost: f64) -> bool {
    let settings = Settings {
        alpha: 0.001,
        tolerance: 0.05,
    };
    let mut population = Population::new(users, seed);
    let drawn = population.draw(0.5, 5_000.0);
    let mut test = Mismatch::default();
    let (mut arms, mut sum) = (Arms::default(), 0.0);
    (0..5).any(|_| {
        population.look(&drawn, RATE, 1.0, |sent| {
            sum += if sent.canary { lost } else { 0.0 };
            if sent.canary && sum >= 1.0 {
                sum -= 1.0;
                return;
            }
            let arm = if sent.canary {
                &mut arms.canary
            } else {
                &mut arms.control
            };
            arm[sent.slice].requests += 1;
        });
        test.look(&settings, &arms).verdict == Verdict::Harm
    })
}

#[test]
fn a_split_that_is_not_what_was_asked_is_seen() {
    let seen = |users, lost| (0..60).filter(|n| mismatch(users, FIRST + n, lost)).count();
    assert!(seen(Users::Alike, 0.2) >= 58);
    for users in [Users::Alike, Users::Clustered] {
        let healthy = seen(users, 0.0) as u64;
        assert!(healthy < too_many(60, 0.001), "{users:?}: {healthy}");
    }
}
