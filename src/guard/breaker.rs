//! The guard of one variant: requests go in and their ends come back, and its state follows.

use super::clock::Clock;
use super::round::{Round, Verdict};
use super::window::Window;
use super::{Change, Limits, State};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A whole response that is no failure.
    Good,
    /// A failure of the variant.
    Failed,
    /// Nothing can be said, because the client went away or the request was not sent.
    Unknown,
}

/// A request that was let through, until it has ended.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    /// When it began; once its response has begun, a time of the slot that the response counts in.
    at: u64,
    epoch: u32,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    /// Waiting, and maybe for its client: how long that takes is no matter.
    Untimed,
    Responding,
    /// It was late, which nothing can change.
    Failed,
}

/// The guard of one variant.
#[derive(Clone, Debug)]
pub struct Guard {
    limits: Limits,
    clock: Clock,
    /// Counts changes of state, so that answers to requests of an earlier state can be told.
    epoch: u32,
    phase: Phase,
}

#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly always it is the large one"
)]
enum Phase {
    Closed(Window),
    Open { until: u64 },
    HalfOpen(Round),
}

impl Guard {
    /// A guard that is closed and has seen nothing.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            clock: Clock::default(),
            epoch: 0,
            phase: Phase::Closed(Window::new(limits.window)),
        }
    }

    /// What it goes by.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Its state. That a cool-down is over shows when the next request asks.
    pub fn state(&self) -> State {
        match self.phase {
            Phase::Closed(_) => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen(_) => State::HalfOpen,
        }
    }

    /// Asks whether the variant may serve a request now. Without a ticket it may not; a ticket has
    /// to come back by [`finish`](Self::finish).
    pub fn admit(&mut self, now: u64) -> (Option<Ticket>, Option<Change>) {
        let time = self.clock.at(now);
        let change = self.settle(time);
        let admitted = match &mut self.phase {
            Phase::Closed(window) => {
                window.wait(time);
                true
            }
            Phase::Open { .. } => false,
            Phase::HalfOpen(round) => round.send(&self.limits, time),
        };
        let ticket = admitted.then_some(Ticket {
            at: time,
            epoch: self.epoch,
            stage: Stage::Waiting,
        });
        (ticket, change)
    }

    /// The request is not whole yet: its client sends a body, and how long that takes is not the
    /// variant's doing. Whoever sends one slowly would open the guard otherwise. To be said right
    /// after it was admitted.
    pub fn untime(&mut self, ticket: &mut Ticket) {
        if ticket.epoch != self.epoch || ticket.stage != Stage::Waiting {
            return;
        }
        ticket.stage = Stage::Untimed;
        match &mut self.phase {
            Phase::Closed(window) => window.leave(ticket.at, ticket.at),
            Phase::HalfOpen(round) => round.untime(),
            Phase::Open { .. } => {}
        }
    }

    /// The response to a request has begun. While the guard is closed that counts as good until
    /// the end says otherwise, or a stream of an hour would be good an hour after the next one
    /// failed at once.
    pub fn respond(&mut self, ticket: &mut Ticket, now: u64) -> Option<Change> {
        let time = self.clock.at(now);
        let waiting = ticket.stage == Stage::Waiting;
        if ticket.epoch != self.epoch || !(waiting || ticket.stage == Stage::Untimed) {
            return None;
        }
        let late = waiting && self.limits.is_late(ticket.at, time);
        ticket.stage = if late {
            Stage::Failed
        } else {
            Stage::Responding
        };
        match &mut self.phase {
            Phase::Closed(window) => {
                if waiting {
                    window.leave(ticket.at, time);
                }
                ticket.at = window.count(ticket.at, time, late);
            }
            Phase::HalfOpen(round) => round.respond(waiting, late),
            Phase::Open { .. } => {}
        }
        // What counts as good for the time being proves nothing yet.
        if late { self.settle(time) } else { None }
    }

    /// A request has ended.
    pub fn finish(&mut self, ticket: Ticket, outcome: Outcome, now: u64) -> Option<Change> {
        let time = self.clock.at(now);
        if ticket.epoch != self.epoch {
            return None;
        }
        let late = self.limits.is_late(ticket.at, time);
        // What begins and ends at once need not have been told to begin.
        let failed = match (ticket.stage, outcome) {
            (Stage::Failed, _) => return None,
            (_, Outcome::Failed) => Some(true),
            (Stage::Waiting, Outcome::Unknown) => late.then_some(true),
            (Stage::Waiting, Outcome::Good) => Some(late),
            (Stage::Untimed, Outcome::Unknown) => None,
            (Stage::Untimed, Outcome::Good) => Some(false),
            // Many a stream ends by the client's going away.
            (Stage::Responding, Outcome::Good | Outcome::Unknown) => Some(false),
        };
        match (&mut self.phase, ticket.stage) {
            (Phase::Closed(window), stage @ (Stage::Waiting | Stage::Untimed)) => {
                if stage == Stage::Waiting {
                    window.leave(ticket.at, time);
                }
                if let Some(failed) = failed {
                    window.count(ticket.at, time, failed);
                }
            }
            (Phase::Closed(window), _) => {
                if failed == Some(true) {
                    window.revoke(ticket.at, time);
                }
            }
            (Phase::HalfOpen(round), Stage::Waiting) => round.finish(Some(true), failed),
            (Phase::HalfOpen(round), Stage::Untimed) => round.finish(None, failed),
            (Phase::HalfOpen(round), _) => round.finish(Some(false), failed),
            (Phase::Open { .. }, _) => {}
        }
        self.settle(time)
    }

    /// How many milliseconds it stays open from now on; `None` if it is not open.
    pub fn open_for(&mut self, now: u64) -> Option<u64> {
        let time = self.clock.at(now);
        match self.phase {
            Phase::Open { until } => Some(until.saturating_sub(time)),
            _ => None,
        }
    }

    /// Opens because another guard of the same variant has, and for as long as that one: at most
    /// its own cool-down.
    pub fn follow(&mut self, open_for: u64, now: u64) -> Option<Change> {
        let time = self.clock.at(now);
        let open_for = open_for.min(u64::from(self.limits.cool_down));
        if open_for == 0 || self.state() == State::Open {
            return None;
        }
        self.enter(Phase::Open {
            until: time.saturating_add(open_for),
        });
        Some(Change::Followed)
    }

    /// Changes the state if it is time to.
    fn settle(&mut self, time: u64) -> Option<Change> {
        let limits = self.limits;
        match &mut self.phase {
            Phase::Closed(window) => {
                let counts = window.counts(time, limits.max_latency);
                limits.open_by(counts).then(|| {
                    self.open(time);
                    Change::Opened(counts)
                })
            }
            Phase::Open { until } => (*until <= time).then(|| {
                self.enter(Phase::HalfOpen(Round::new(time)));
                Change::HalfOpened
            }),
            Phase::HalfOpen(round) => match round.verdict(&limits, time)? {
                Verdict::Bad(counts) => {
                    self.open(time);
                    Some(Change::Reopened(counts))
                }
                Verdict::Good(counts) => {
                    self.enter(Phase::Closed(Window::new(limits.window)));
                    Some(Change::Closed(counts))
                }
                Verdict::Unknown => {
                    self.enter(Phase::HalfOpen(Round::new(time)));
                    None
                }
            },
        }
    }

    fn open(&mut self, time: u64) {
        let until = time.saturating_add(u64::from(self.limits.cool_down));
        self.enter(Phase::Open { until });
    }

    /// Goes into another phase; whatever is under way belongs to the one before.
    fn enter(&mut self, phase: Phase) {
        self.epoch = self.epoch.wrapping_add(1);
        self.phase = phase;
    }
}
