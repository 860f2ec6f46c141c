//! What people say to a walk, and what a new revision makes of it.

use crate::setting::{TWO_STEPS, Walk, plan, plan_of};
use coalmine_rollout::journal::Kind;
use coalmine_rollout::machine::{Ask, Event, Phase, State};

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
