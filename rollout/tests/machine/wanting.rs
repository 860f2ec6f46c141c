//! What is strange about evidence, or about clocks, and what follows from it.

use crate::setting::{TWO_STEPS, Walk, plan, reading};
use coalmine_rollout::journal::Kind;
use coalmine_rollout::machine::{Event, Phase};

/// Scrapes that come later than the plan believes have been counted by no reading.
#[test]
fn scrapes_that_come_late_hold_it() {
    let mut walk = Walk::new(plan(TWO_STEPS));
    let read = |walk: &mut Walk, before: Option<u64>, now: u64| {
        walk.wait(20);
        let Event::Read(mut reading) = reading(walk.now, 1000, [0, 0]) else {
            unreachable!()
        };
        (reading.scrapes_before, reading.scrapes) = (before, Some(now));
        walk.event(Event::Read(reading));
    };
    walk.wait(40);
    read(&mut walk, None, 1_000);
    walk.check(Phase::Walking(1), 50);
    walk.wait(40);
    read(&mut walk, Some(1_001), 2_000);
    walk.check(Phase::Walking(1), 50);
    walk.holds("Prometheus has what was counted more than 5s after the fact");
    // A proxy that is gone has taken its last time along, and a delay that is long enough is.
    read(&mut walk, Some(1_500), 3_000);
    walk.check(Phase::Promoted, 100);
}

#[test]
fn a_proxy_that_is_read_twice_holds_it() {
    let mut walk = Walk::new(plan(TWO_STEPS));
    let read = |walk: &mut Walk, twice: Option<&str>| {
        walk.wait(60);
        let Event::Read(mut reading) = reading(walk.now, 1000, [0, 0]) else {
            unreachable!()
        };
        reading.twice = twice.map(str::to_owned);
        walk.event(Event::Read(reading));
    };
    read(&mut walk, Some("10.0.0.1:9901"));
    walk.check(Phase::Walking(0), 10);
    walk.holds("Prometheus reads 10.0.0.1:9901 twice");
    read(&mut walk, None);
    walk.check(Phase::Walking(1), 50);
}

/// Times of a future that a clock has left again keep nobody waiting.
#[test]
fn a_clock_that_is_put_back_has_not_been_in_the_future() {
    let mut walk = Walk::new(plan(TWO_STEPS));
    walk.good(30, 100);
    walk.wait(-86_400);
    walk.event(Event::InForce(walk.in_force.clone()));
    walk.check(Phase::Walking(0), 10);
    walk.good(30, 100);
    assert_eq!(walk.run().evidence.requests_of_step, 100 * 16 * 2 * 2);
    walk.good(30, 100);
    walk.check(Phase::Walking(1), 50);
    // And whoever waits in vain is told.
    walk.wait(-86_400);
    for _ in 0..3 {
        walk.wait(1000);
        walk.event(Event::NotRead("away".to_owned()));
    }
    assert_eq!(walk.kinds.last(), Some(&Kind::Alerted));
}
