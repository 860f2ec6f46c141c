//! Requests that are not whole: how long their clients take is no matter.

use coalmine::bucket::Share;
use coalmine::guard::{Change, Guard, Limits, Outcome, State};

const LIMITS: Limits = Limits {
    window: 10_000,
    min_requests: 5,
    max_error_rate: Share::NONE,
    max_latency: Some(100),
    cool_down: 1_000,
    probes: 3,
};

/// A request that begins, is answered after so long if at all, and ends so.
struct Upload {
    answered_after: Option<u64>,
    outcome: Outcome,
}

/// Sends more of them than conclusions need, and gives the state that the guard is in a while later.
fn after(upload: &Upload) -> State {
    let mut guard = Guard::new(LIMITS);
    for number in 0..20 {
        let began = number * 10;
        let (ticket, _) = guard.admit(began);
        let Some(mut ticket) = ticket else { break };
        guard.untime(&mut ticket);
        let mut now = began;
        if let Some(after) = upload.answered_after {
            now += after;
            guard.respond(&mut ticket, now);
        }
        guard.finish(ticket, upload.outcome, now + 1);
    }
    guard.admit(5_000);
    guard.state()
}

#[test]
fn slow_uploads_open_nothing_and_failing_ones_do() {
    let check = |answered_after, outcome, expected| {
        let upload = Upload {
            answered_after,
            outcome,
        };
        assert_eq!(after(&upload), expected, "{answered_after:?} {outcome:?}");
    };
    check(Some(5), Outcome::Good, State::Closed);
    check(Some(4_000), Outcome::Good, State::Closed);
    check(None, Outcome::Unknown, State::Closed);
    check(Some(4_000), Outcome::Unknown, State::Closed);
    check(Some(5), Outcome::Failed, State::HalfOpen);
    check(None, Outcome::Failed, State::HalfOpen);
}

#[test]
fn uploads_that_are_stalled_open_nothing() {
    let mut guard = Guard::new(LIMITS);
    let mut tickets = Vec::new();
    for now in 0..20 {
        let mut ticket = guard.admit(now).0.expect("it is closed");
        guard.untime(&mut ticket);
        tickets.push(ticket);
    }
    // Whole requests that hang as long are noticed.
    assert!(guard.admit(5_000).0.is_some());
    assert_eq!(guard.state(), State::Closed);
    for ticket in tickets {
        assert_eq!(guard.finish(ticket, Outcome::Unknown, 6_000), None);
    }
    assert_eq!(guard.state(), State::Closed);
}

#[test]
fn probes_that_are_stalled_decide_nothing_and_good_ones_close() {
    let mut guard = Guard::new(LIMITS);
    for now in 0..5 {
        let ticket = guard.admit(now).0.expect("it is closed");
        guard.finish(ticket, Outcome::Failed, now);
    }
    assert_eq!(guard.state(), State::Open);
    let mut stalled = guard.admit(2_000).0.expect("it is tried");
    guard.untime(&mut stalled);
    for now in [2_100, 2_500] {
        let mut probe = guard.admit(now).0.expect("a probe is left");
        guard.untime(&mut probe);
        guard.respond(&mut probe, now + 300);
        assert_eq!(guard.finish(probe, Outcome::Good, now + 301), None);
    }
    assert_eq!(guard.state(), State::HalfOpen);
    let change = guard.finish(stalled, Outcome::Good, 2_950);
    assert!(matches!(change, Some(Change::Closed(_))), "{change:?}");
}
