//! What evidence, and the want of it, makes of a walk.

use crate::setting::{TWO_STEPS, Walk, plan, reading};
use coalmine::Timestamp;
use coalmine_rollout::journal::Kind;
use coalmine_rollout::machine::{Ask, Event, Phase};

/// Arms that are equally large have equally many requests, but for chance.
#[test]
fn arms_that_differ_in_requests_are_held() {
    let mut walk = Walk::new(plan(TWO_STEPS));
    for _ in 0..8 {
        walk.wait(60);
        let Event::Read(mut reading) = reading(walk.now, 1000, [0, 0]) else {
            unreachable!()
        };
        for tally in &mut reading.canary {
            tally.requests = 500;
        }
        walk.event(Event::Read(reading));
        walk.check(Phase::Walking(0), 10);
        walk.holds("which chance does not explain");
    }
    walk.ask(Ask::Promote);
    walk.check(Phase::Promoted, 100);
}

#[test]
fn harm_ends_it_and_is_remembered() {
    let mut walk = Walk::new(plan(TWO_STEPS));
    walk.read(30, 1000, [100, 1]);
    walk.check(Phase::RolledBack, 0);
    let entry = walk.state.journal.last().unwrap();
    assert_eq!(entry.kind, Kind::RolledBack);
    assert!(
        entry
            .message
            .contains("errors: 10.00% of 16000 against 0.10% of 16000"),
        "{}",
        entry.message
    );
    assert_eq!(entry.findings[0].canary, [16_000, 1_600]);
    // It stays so, also for a state that was lost but for what failed.
    walk.good(3600, 1000);
    walk.check(Phase::RolledBack, 0);
    walk.state.run = None;
    walk.event(Event::Tick);
    walk.check(Phase::RolledBack, 0);
    assert_eq!(walk.kinds.last(), Some(&Kind::Refused));
    walk.ask(Ask::Retry);
    walk.check(Phase::Walking(0), 10);
    assert!(walk.state.failed.is_empty());
}

#[test]
fn the_limit_acts_where_nobody_is_to_compare_with() {
    let mut walk = Walk::new(plan(TWO_STEPS));
    // Both arms fail alike, which is no difference, and too much all the same.
    walk.read(30, 10, [3, 3]);
    walk.check(Phase::RolledBack, 0);
    assert!(
        walk.state
            .journal
            .last()
            .unwrap()
            .message
            .starts_with("limit: 30.00% of 160")
    );
    // Sixteen are fewer than the twenty that it needs, and prove nothing yet.
    let mut walk = Walk::new(plan(TWO_STEPS));
    walk.read(30, 1, [1, 1]);
    walk.check(Phase::Walking(0), 10);
}

#[test]
fn without_evidence_it_holds_and_tells_somebody_once() {
    let mut walk = Walk::new(plan(TWO_STEPS));
    walk.wait(1000);
    walk.event(Event::NotRead("connection refused".to_owned()));
    walk.check(Phase::Walking(0), 10);
    walk.holds("evidence cannot be read: connection refused");
    walk.wait(1000);
    walk.event(Event::NotRead("connection refused".to_owned()));
    walk.wait(1000);
    walk.event(Event::NotRead("connection refused".to_owned()));
    assert_eq!(
        walk.kinds
            .iter()
            .filter(|kind| **kind == Kind::Alerted)
            .count(),
        1
    );
    walk.check(Phase::Walking(0), 10);
    walk.good(30, 100);
    walk.check(Phase::Walking(1), 50);
}

#[test]
fn evidence_from_before_a_step_does_not_count_for_it() {
    let mut walk = Walk::new(plan(TWO_STEPS));
    let old = Timestamp::from_unix_millis(walk.now.unix_millis() - 1);
    walk.wait(120);
    walk.event(reading(old, 100, [0, 0]));
    walk.check(Phase::Walking(0), 10);
    walk.holds("there is no fresh evidence");
}

#[test]
fn harm_is_seen_while_it_waits_or_is_paused() {
    let steps = "steps: [{share: 10%, for: 1m}, {share: 50%, for: 1m, approve: true}]";
    let mut walk = Walk::new(plan(steps));
    walk.good(60, 10);
    walk.check(Phase::Waiting(1), 10);
    walk.read(30, 1000, [100, 1]);
    walk.check(Phase::RolledBack, 0);
    let mut walk = Walk::new(plan(TWO_STEPS));
    walk.ask(Ask::Pause);
    walk.good(600, 100);
    walk.check(Phase::Walking(0), 10);
    walk.holds("ada has paused it");
    walk.read(30, 1000, [100, 1]);
    walk.check(Phase::RolledBack, 0);
}

/// What is under way when a rollout begins is of another, and so is what was counted before a step.
#[test]
fn counts_from_before_count_for_nobody() {
    let mut walk = Walk::new(plan(TWO_STEPS));
    walk.wait(1);
    walk.event(reading(walk.now, 10_000, [9_000, 0]));
    walk.check(Phase::Walking(0), 10);
    assert_eq!(walk.run().evidence.requests_of_step, 0);
}

/// An answer with old samples in it is an answer, and no evidence.
#[test]
fn old_samples_are_no_fresh_evidence() {
    let mut walk = Walk::new(plan(TWO_STEPS));
    walk.good(30, 1000);
    for _ in 0..10 {
        walk.wait(100);
        let Event::Read(mut reading) = reading(walk.now, 0, [0, 0]) else {
            unreachable!()
        };
        reading.sampled = None;
        walk.event(Event::Read(reading));
    }
    walk.check(Phase::Walking(0), 10);
    walk.holds("there is no fresh evidence");
}

/// What one source could not say is not lost: the next reading begins where the last one did.
#[test]
fn a_silent_source_moves_nothing() {
    let mut walk = Walk::new(plan(TWO_STEPS));
    walk.good(30, 1);
    let until = walk.run().read_until;
    walk.wait(30);
    let Event::Read(mut reading) = reading(walk.now, 1000, [0, 0]) else {
        unreachable!()
    };
    reading
        .silent
        .insert("evidence".to_owned(), "too many samples".to_owned());
    walk.event(Event::Read(reading));
    assert_eq!(walk.run().read_until, until);
    walk.holds("evidence cannot be read: evidence: too many samples");
}
