//! What follows from what.

use crate::setting::{TWO_STEPS, Walk, plan, plan_of, reading};
use coalmine::Timestamp;
use coalmine_rollout::config::InForce;
use coalmine_rollout::journal::Kind;
use coalmine_rollout::machine::{Ask, Event, Phase, State};

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
fn approvals_are_waited_for() {
    let steps =
        "steps: [{share: 10%, for: 1m, approve: true}, {share: 50%, for: 1m, approve: true}]";
    let mut walk = Walk::new(plan(steps));
    walk.check(Phase::Waiting(0), 0);
    walk.holds("10% needs an approval");
    walk.ask(Ask::Approve);
    walk.check(Phase::Walking(0), 10);
    // One approval is for one step.
    walk.ask(Ask::Approve);
    walk.good(60, 10);
    walk.check(Phase::Waiting(1), 10);
    walk.good(60, 10);
    walk.check(Phase::Waiting(1), 10);
    walk.ask(Ask::Approve);
    walk.check(Phase::Walking(1), 50);
    walk.good(60, 10);
    walk.check(Phase::Promoted, 100);
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

#[test]
fn people_have_the_last_word() {
    let mut walk = Walk::new(plan(TWO_STEPS));
    walk.ask(Ask::Pause);
    walk.ask(Ask::Resume);
    walk.good(60, 10);
    walk.check(Phase::Walking(1), 50);
    walk.ask(Ask::Promote);
    walk.check(Phase::Promoted, 100);
    walk.ask(Ask::Abort);
    walk.check(Phase::Aborted, 0);
    walk.ask(Ask::Promote);
    walk.check(Phase::Aborted, 0);
    walk.ask(Ask::Retry);
    walk.check(Phase::Walking(0), 10);
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

#[test]
fn another_revision_begins_again_with_other_users() {
    let revision = |name| plan_of("evidence: {}", TWO_STEPS, Some(name));
    let mut walk = Walk::new(revision("v2"));
    assert_eq!(walk.in_force.salt, "bookinfo/reviews@v2");
    walk.good(60, 10);
    walk.check(Phase::Walking(1), 50);
    walk.plan = revision("v3");
    walk.event(Event::Tick);
    walk.check(Phase::Walking(0), 10);
    assert_eq!(walk.in_force.salt, "bookinfo/reviews@v3");
    assert!(walk.kinds.contains(&Kind::Superseded));
    walk.read(30, 1000, [100, 1]);
    walk.check(Phase::RolledBack, 0);
    // Neither comes back by itself: the one that failed, nor the one that lost its place.
    for name in ["v3", "v2"] {
        walk.plan = revision(name);
        walk.event(Event::Tick);
        walk.check(Phase::RolledBack, 0);
    }
    assert_eq!(walk.kinds.last(), Some(&Kind::Refused));
    walk.ask(Ask::Retry);
    walk.check(Phase::Walking(0), 10);
    assert_eq!(walk.in_force.salt, "bookinfo/reviews@v2");
}

/// Two who drive two revisions do not take turns: the later one has taken the place of the other.
#[test]
fn what_lost_its_place_has_no_say() {
    let revision = |name| plan_of("evidence: {}", TWO_STEPS, Some(name));
    let mut walk = Walk::new(revision("v2"));
    walk.plan = revision("v3");
    walk.event(Event::Tick);
    let entries = walk.kinds.len();
    walk.plan = revision("v2");
    walk.good(600, 1000);
    for ask in [Ask::Pause, Ask::Abort, Ask::Promote] {
        walk.ask(ask);
    }
    assert_eq!(walk.kinds.len(), entries);
    walk.plan = revision("v3");
    walk.check(Phase::Walking(0), 10);
}

/// A job of an old revision that is run once more takes nothing from the one that was promoted, whether the old
/// one had lost its place or was promoted in its time.
#[test]
fn an_old_revision_takes_nothing_from_one_that_was_promoted() {
    let revision = |name| plan_of("evidence: {}", TWO_STEPS, Some(name));
    let check = |promote_first: bool| {
        let mut walk = Walk::new(revision("v2"));
        if promote_first {
            walk.ask(Ask::Promote);
        }
        walk.plan = revision("v3");
        walk.event(Event::Tick);
        walk.check(Phase::Walking(0), 10);
        walk.ask(Ask::Promote);
        let entries = walk.kinds.len();
        walk.plan = revision("v2");
        walk.good(600, 1000);
        walk.ask(Ask::Abort);
        assert_eq!(walk.kinds.len(), entries);
        assert_eq!(walk.in_force.salt, "bookinfo/reviews@v3");
        walk.check(Phase::Promoted, 100);
        // But by the one word that means it.
        walk.ask(Ask::Retry);
        walk.check(Phase::Walking(0), 10);
        assert_eq!(walk.in_force.salt, "bookinfo/reviews@v2");
    };
    check(false);
    check(true);
}

/// Words are about the rollout that there is.
#[test]
fn no_word_begins_a_rollout() {
    let mut walk = Walk::new(plan(TWO_STEPS));
    walk.state = State::new("bookinfo/reviews");
    for ask in [
        Ask::Approve,
        Ask::Pause,
        Ask::Resume,
        Ask::Promote,
        Ask::Abort,
        Ask::Retry,
    ] {
        walk.ask(ask);
        assert_eq!(walk.state.run, None, "{ask:?}");
    }
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

/// What is under way when a rollout begins is of another, and so is what was counted before a step.
#[test]
fn counts_from_before_count_for_nobody() {
    let mut walk = Walk::new(plan(TWO_STEPS));
    walk.wait(1);
    walk.event(reading(walk.now, 10_000, [9_000, 0]));
    walk.check(Phase::Walking(0), 10);
    assert_eq!(walk.run().evidence.requests_of_step, 0);
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
