//! The decision against the naive one of `tests/naive/`, for random policies and requests that no
//! well-behaved client sends. `COALMINE_POLICIES=100000` says how many policies are tried.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod hostile;
#[path = "../../../tests/naive/mod.rs"]
mod naive;
#[path = "../../../tests/policies/mod.rs"]
mod policies;

use coalmine::Policy;
use policies::{NOW, Random};
use std::collections::{BTreeMap, BTreeSet};

/// How many requests each policy gets.
const REQUESTS: usize = 8;

fn policies() -> usize {
    let wanted = std::env::var("COALMINE_POLICIES");
    wanted.map_or(2_000, |wanted| {
        wanted.parse().expect("COALMINE_POLICIES is a number")
    })
}

#[test]
fn the_naive_decision_agrees() {
    let mut random = Random::new(5);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let policies = policies();
    for _ in 0..policies {
        let count = 1 + random.below(3);
        let mut canaries = random.canaries(count);
        canaries.edge = random.below(6) == 0;
        let policy = Policy::compile(&canaries);
        for _ in 0..REQUESTS {
            let asked_of = &canaries.canaries[random.below(count)];
            let asked = hostile::asked(&mut random, asked_of, NOW);
            let mut saw = |what: &str| *seen.entry(what.to_owned()).or_default() += 1;
            let Some(answer) = naive::check(&canaries, &policy, &asked) else {
                saw("untouched");
                continue;
            };
            saw(answer.reason.split(':').next().unwrap());
            saw(answer.edit);
            if answer.issued.is_some() {
                saw("issued");
            }
            if answer.refused == Some(true) {
                saw("refused");
            }
            match answer.arm.as_ref().map(|(arm, _)| arm.as_str()) {
                Some(arm @ ("control" | "rest")) => saw(arm),
                Some(_) => saw("arm"),
                None => {}
            }
        }
    }
    println!("{policies} policies with {REQUESTS} requests each: {seen:?}");
    let all = [
        "arm",
        "control",
        "default",
        "guard",
        "inherited",
        "issued",
        "keep",
        "never",
        "no-unit",
        "pin",
        "random",
        "refused",
        "remove",
        "replace",
        "rest",
        "rule",
        "share",
        "untouched",
    ];
    let seen: BTreeSet<&str> = seen.keys().map(String::as_str).collect();
    assert_eq!(seen, all.into(), "not everything was tried");
}
