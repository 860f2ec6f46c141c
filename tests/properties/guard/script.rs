//! Scripts of what happens to a guard, and of what it says to that.

use super::{limits, words};
use coalmine::guard::{Change, Guard, Limits, Outcome, Ticket};
use std::collections::VecDeque;

/// Plays a script. A line is a time in milliseconds, events, and the changes that they make.
///
/// `good`, `fail`, `gone`: a request that is let through and ends so at once. `held`: one that is
/// not let through. `send`: one that is let through and stays under way; `head`: the response to
/// the one that is under way longest begins; `+good`, `+fail`, `+gone`: it ends. `follow`: another
/// guard is open for 10 s more. `good*3` is three of it.
pub(super) fn check(limits: Limits, script: &[&str]) {
    let mut guard = Guard::new(limits);
    let mut under_way: VecDeque<Ticket> = VecDeque::new();
    for line in script {
        let (events, expected) = line.split_once("->").unwrap_or((line, ""));
        let mut events = events.split_whitespace();
        let now: u64 = events.next().unwrap().parse().unwrap();
        let mut found = Vec::new();
        for event in events {
            let (event, times) = event.split_once('*').unwrap_or((event, "1"));
            for _ in 0..times.parse::<u32>().unwrap() {
                found.extend(play(&mut guard, &mut under_way, event, now, line));
            }
        }
        let found: Vec<String> = found.into_iter().map(words).collect();
        assert_eq!(found.join(", "), expected.trim(), "in `{line}`");
    }
}

fn play(
    guard: &mut Guard,
    under_way: &mut VecDeque<Ticket>,
    event: &str,
    now: u64,
    line: &str,
) -> Vec<Change> {
    let outcome = match event.trim_start_matches('+') {
        "good" => Some(Outcome::Good),
        "fail" => Some(Outcome::Failed),
        "gone" => Some(Outcome::Unknown),
        _ => None,
    };
    let oldest = |under_way: &mut VecDeque<Ticket>| {
        let oldest = under_way.pop_front();
        oldest.unwrap_or_else(|| panic!("nothing is under way in `{line}`"))
    };
    let mut changes = Vec::new();
    match (event, outcome) {
        ("held", _) => {
            let (ticket, change) = guard.admit(now);
            assert!(ticket.is_none(), "let through in `{line}`");
            changes.extend(change);
        }
        ("head", _) => {
            let mut ticket = oldest(under_way);
            changes.extend(guard.respond(&mut ticket, now));
            under_way.push_front(ticket);
        }
        ("follow", _) => changes.extend(guard.follow(10_000, now)),
        (event, Some(outcome)) if event.starts_with('+') => {
            changes.extend(guard.finish(oldest(under_way), outcome, now));
        }
        (_, outcome) => {
            assert!(outcome.is_some() || event == "send", "{event} in `{line}`");
            let (ticket, change) = guard.admit(now);
            let ticket = ticket.unwrap_or_else(|| panic!("held back in `{line}`"));
            changes.extend(change);
            match outcome {
                Some(outcome) => changes.extend(guard.finish(ticket, outcome, now)),
                None => under_way.push_back(ticket),
            }
        }
    }
    changes
}

/// 10 s, 20 requests, 20 %.
pub(super) fn usual() -> Limits {
    limits(10_000, 20, "20%")
}

pub(super) fn impatient() -> Limits {
    Limits {
        max_latency: Some(1000),
        ..usual()
    }
}
