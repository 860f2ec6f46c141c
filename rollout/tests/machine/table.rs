//! Walks, told step by step: what time, requests and what is in force make of them.

use crate::setting::{TWO_STEPS, Walk, plan, reading};
use coalmine_rollout::config::InForce;
use coalmine_rollout::journal::Kind;
use coalmine_rollout::machine::{Ask, Event, Phase};

#[test]
fn a_good_variant_walks_to_everyone() {
    let mut walk = Walk::new(plan(TWO_STEPS));
    walk.check(Phase::Walking(0), 10);
    walk.good(30, 10);
    walk.check(Phase::Walking(0), 10);
    walk.holds("30s of 1m have passed");
    walk.good(30, 10);
    walk.check(Phase::Walking(1), 50);
    walk.good(60, 10);
    walk.check(Phase::Promoted, 100);
    assert_eq!(
        walk.kinds,
        [Kind::Began, Kind::Stepped, Kind::Stepped, Kind::Promoted]
    );
    // Whoever makes it the default writes another config, and is left alone.
    walk.in_force.share = crate::setting::share(0);
    walk.event(Event::InForce(walk.in_force.clone()));
    assert_eq!(walk.in_force.share, crate::setting::share(0));
}

#[test]
fn time_alone_and_requests_alone_are_not_enough() {
    let mut walk = Walk::new(plan(TWO_STEPS));
    walk.good(600, 0);
    walk.check(Phase::Walking(0), 10);
    walk.holds("0 of 100 requests an arm were counted");
    walk.good(1, 6);
    walk.holds("96 of 100 requests an arm");
    walk.good(1, 1);
    walk.check(Phase::Walking(1), 50);
    walk.good(1, 1000);
    walk.check(Phase::Walking(1), 50);
    walk.holds("1s of 1m have passed");
}

/// Requests that come to the control cohort alone are no evidence of anything.
#[test]
fn a_variant_that_nothing_reaches_is_held() {
    let mut walk = Walk::new(plan(TWO_STEPS));
    walk.wait(60);
    let Event::Read(mut reading) = reading(walk.now, 10_000, [0, 0]) else {
        unreachable!()
    };
    reading.canary = Default::default();
    walk.event(Event::Read(reading));
    walk.check(Phase::Walking(0), 10);
    walk.holds("no request has come to canary");
}

#[test]
fn no_step_is_taken_in_a_freeze() {
    // It begins on a Thursday at 09:00.
    let frozen = format!("{TWO_STEPS}, freeze: [{{from: 'thu 09:01', to: 'thu 10:00'}}]");
    let mut walk = Walk::new(plan(&frozen));
    walk.check(Phase::Walking(0), 10);
    walk.good(120, 10);
    walk.check(Phase::Walking(0), 10);
    walk.holds("no step is taken until 2026-11-26T10:00:00Z");
    walk.read(60, 1000, [100, 1]);
    walk.check(Phase::RolledBack, 0);
    let mut walk = Walk::new(plan(&frozen));
    walk.good(3600, 10);
    walk.check(Phase::Walking(1), 50);
    let frozen = format!("{TWO_STEPS}, freeze: [{{from: '08:00', to: '09:30'}}]");
    let mut walk = Walk::new(plan(&frozen));
    walk.check(Phase::Waiting(0), 0);
    walk.wait(1800);
    walk.event(Event::Tick);
    walk.check(Phase::Walking(0), 10);
}

/// A share that somebody has lowered at night is not raised again by a machine.
#[test]
fn what_others_lower_is_held() {
    let mut walk = Walk::new(plan(TWO_STEPS));
    walk.good(60, 10);
    walk.check(Phase::Walking(1), 50);
    walk.in_force.share = crate::setting::share(0);
    for _ in 0..3 {
        walk.event(Event::InForce(walk.in_force.clone()));
        walk.good(600, 10);
        assert_eq!(walk.in_force.share, crate::setting::share(0));
        walk.holds("whoever lowered the share has paused it");
    }
    assert_eq!(
        walk.kinds
            .iter()
            .filter(|kind| **kind == Kind::Drifted)
            .count(),
        1
    );
    walk.ask(Ask::Resume);
    walk.check(Phase::Walking(1), 50);
}

/// A guard that holds the variant back makes its arm look sound.
#[test]
fn a_variant_that_a_guard_holds_back_is_held() {
    let mut walk = Walk::new(plan(TWO_STEPS));
    walk.wait(60);
    let Event::Read(mut reading) = reading(walk.now, 10_000, [0, 0]) else {
        unreachable!()
    };
    reading.diverted = 70_000;
    walk.event(Event::Read(reading));
    walk.check(Phase::Walking(0), 10);
    walk.holds("a guard holds canary back: 70000 of its requests");
}

#[test]
fn what_others_put_in_force_is_put_right() {
    let mut walk = Walk::new(plan(TWO_STEPS));
    walk.in_force.share = crate::setting::share(90);
    walk.event(Event::InForce(walk.in_force.clone()));
    walk.check(Phase::Walking(0), 10);
    assert_eq!(walk.kinds.last(), Some(&Kind::Drifted));
    walk.ask(Ask::Abort);
    walk.event(Event::InForce(InForce {
        share: crate::setting::share(10),
        salt: "bookinfo/reviews".to_owned(),
    }));
    walk.check(Phase::Aborted, 0);
}

#[test]
fn a_plan_that_changes_moves_nobody_up() {
    let mut walk = Walk::new(plan(TWO_STEPS));
    walk.good(60, 10);
    walk.check(Phase::Walking(1), 50);
    walk.plan = plan("steps: [{share: 5%, for: 1m}, {share: 40%, for: 1m}, {share: 45%, for: 1m}]");
    walk.event(Event::Tick);
    walk.check(Phase::Walking(2), 45);
    assert_eq!(walk.kinds.last(), Some(&Kind::Replanned));
    walk.plan = plan("steps: [{share: 48%, for: 1m}]");
    walk.event(Event::Tick);
    // Evidence for 45% is there, so the first step of the new plan is next, and taken.
    walk.check(Phase::Walking(0), 48);
    walk.good(60, 10);
    walk.check(Phase::Promoted, 100);
}
