//! Every order of events up to a depth, with small limits.

use super::limits;
use coalmine::guard::{Change, Guard, Limits, Outcome, State, Ticket};

/// A guard with the requests under way, and what it has let through.
#[derive(Clone)]
struct Life {
    guard: Guard,
    now: u64,
    under_way: Vec<Ticket>,
    /// Let through since it was closed last.
    served: u32,
    /// Let through since it became half-open or was given a new round.
    probes: u32,
    round_began: u64,
    history: Vec<String>,
}

impl Life {
    fn new(limits: Limits) -> Self {
        Self {
            guard: Guard::new(limits),
            now: 0,
            under_way: Vec::new(),
            served: 0,
            probes: 0,
            round_began: 0,
            history: Vec::new(),
        }
    }

    fn admit(&mut self) {
        let before = self.guard.state();
        let (ticket, change) = self.guard.admit(self.now);
        self.changed(before, change);
        let let_through = u32::from(ticket.is_some());
        let (here, limits) = (&self.history, *self.guard.limits());
        match self.guard.state() {
            State::Closed => {
                assert_eq!(let_through, 1, "{here:?}");
                self.served += 1;
            }
            State::Open => assert_eq!(let_through, 0, "{here:?}"),
            State::HalfOpen => {
                if self.now - self.round_began > u64::from(limits.cool_down) {
                    (self.probes, self.round_began) = (0, self.now);
                }
                self.probes += let_through;
                assert!(self.probes <= limits.probes, "{here:?}");
            }
        }
        self.under_way.extend(ticket);
    }

    fn finish(&mut self, number: usize, outcome: Outcome) {
        let ticket = self.under_way.remove(number);
        let before = self.guard.state();
        let change = self.guard.finish(ticket, outcome, self.now);
        self.changed(before, change);
    }

    fn respond(&mut self, number: usize) {
        let before = self.guard.state();
        let change = self.guard.respond(&mut self.under_way[number], self.now);
        self.changed(before, change);
    }

    /// Holds a change against what is promised of it.
    fn changed(&mut self, before: State, change: Option<Change>) {
        let after = self.guard.state();
        let limits = *self.guard.limits();
        let here = || format!("{change:?} after {:?}", self.history);
        match change {
            None => assert_eq!(before, after, "{}", here()),
            Some(Change::Opened(counts)) => {
                assert_eq!((before, after), (State::Closed, State::Open), "{}", here());
                assert!(counts.all <= u64::from(self.served), "{}", here());
                assert!(self.served >= limits.min_requests, "{}", here());
            }
            Some(Change::Reopened(counts)) => {
                assert_eq!(
                    (before, after),
                    (State::HalfOpen, State::Open),
                    "{}",
                    here()
                );
                assert!(counts.all <= u64::from(limits.probes), "{}", here());
            }
            Some(Change::HalfOpened) => {
                assert_eq!(
                    (before, after),
                    (State::Open, State::HalfOpen),
                    "{}",
                    here()
                );
                (self.probes, self.round_began) = (0, self.now);
            }
            Some(Change::Closed(_)) => {
                assert_eq!(
                    (before, after),
                    (State::HalfOpen, State::Closed),
                    "{}",
                    here()
                );
                self.served = 0;
            }
            Some(Change::Followed) => panic!("{}", here()),
        }
    }

    /// From here on all is well: it must be closed after a cool-down, the rest of a round that is
    /// under way, and one for its own probes, and stay so.
    fn recovers(mut self) {
        let (cool_down, probes) = (
            u64::from(self.guard.limits().cool_down) + 1,
            self.guard.limits().probes,
        );
        // What is under way ends well too.
        while !self.under_way.is_empty() {
            self.finish(0, Outcome::Unknown);
        }
        for _ in 0..3 {
            for _ in 0..=probes {
                self.admit();
                if !self.under_way.is_empty() {
                    self.finish(0, Outcome::Good);
                }
            }
            self.now += cool_down;
        }
        let history = &self.history;
        assert_eq!(self.guard.state(), State::Closed, "{history:?}");
    }

    /// All that may happen next.
    fn nexts(&self) -> Vec<Life> {
        let mut nexts = Vec::new();
        let mut add = |name: String, act: &dyn Fn(&mut Life)| {
            let mut next = self.clone();
            next.history.push(name);
            act(&mut next);
            nexts.push(next);
        };
        add("admit".to_owned(), &|life| life.admit());
        for time in [10, 60, 101] {
            add(format!("pass {time}"), &|life| life.now += time);
        }
        // The oldest and the newest stand for those between.
        let last = self.under_way.len().checked_sub(1);
        for number in last
            .into_iter()
            .chain(last.filter(|last| *last > 0).map(|_| 0))
        {
            for outcome in [Outcome::Good, Outcome::Failed, Outcome::Unknown] {
                add(format!("{outcome:?} {number}"), &|life| {
                    life.finish(number, outcome)
                });
            }
            add(format!("respond {number}"), &|life| life.respond(number));
        }
        nexts
    }
}

fn check(limits: Limits, depth: usize) -> usize {
    fn go(life: Life, depth: usize) -> usize {
        life.clone().recovers();
        if depth == 0 {
            return 1;
        }
        life.nexts()
            .into_iter()
            .map(|next| go(next, depth - 1))
            .sum()
    }
    go(Life::new(limits), depth)
}

#[test]
fn every_order_keeps_the_promises() {
    let small = Limits {
        cool_down: 100,
        probes: 2,
        ..limits(100, 2, "20%")
    };
    let lives = [
        check(small, 6),
        check(
            Limits {
                max_latency: Some(50),
                ..small
            },
            6,
        ),
        check(
            Limits {
                min_requests: 1,
                probes: 1,
                ..small
            },
            6,
        ),
    ];
    // They open, and are tried, within so few steps.
    assert!(lives.iter().all(|lives| *lives > 10_000), "{lives:?}");
}

#[test]
fn the_depth_reaches_every_change() {
    // The shortest way to each: what the orders above go through.
    let small = Limits {
        cool_down: 100,
        probes: 1,
        ..limits(100, 1, "20%")
    };
    let mut seen = Vec::new();
    fn go(life: &Life, depth: usize, seen: &mut Vec<State>) {
        let state = life.guard.state();
        if !seen.contains(&state) {
            seen.push(state);
        }
        if depth > 0 {
            for next in life.nexts() {
                go(&next, depth - 1, seen);
            }
        }
    }
    go(&Life::new(small), 5, &mut seen);
    assert_eq!(seen.len(), 3, "{seen:?}");
}
