//! The circuit breaker for a variant that fails.
//!
//! While it is **closed** the variant serves, and its responses are counted over a sliding window.
//! When too many of them have failed it **opens**: the variant serves nobody for the cool-down.
//! Then it is **half-open**: a few requests, the probes, are let through, and their answers close it
//! or open it for another cool-down.
//!
//! The best of what is around: the rate over a window of time, the least number of requests and slow
//! responses that count as failed are resilience4j's and Polly's; that an answer counts only in the
//! state its request began in is gobreaker's generation; that half-open has an end of its own, so
//! that probes without an answer cannot wedge it, took resilience4j some bug reports. What none of
//! them has: requests that hang count while they hang, and a stream counts when it begins.
//!
//! Times are milliseconds of a clock that should not jump. If it goes back, time goes on from where
//! it was; if it leaps, the window is empty and the cool-down over sooner, and requests that are
//! under way count as slow.
//!
//! | file | what |
//! |---|---|
//! | `window` | what was answered over the last while |
//! | `round` | one try of a variant with probes |

mod round;
mod window;

use crate::bucket::{POSITIONS, Share};
use crate::config;
use core::fmt;
use round::{Round, Verdict};
use window::Window;

/// When a guard opens, and for how long. Lengths of time are milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Over how long responses are counted, to a tenth of it.
    pub window: u32,
    /// With fewer responses in the window nothing is concluded.
    pub min_requests: u32,
    /// It opens when more than this part of the responses failed.
    pub max_error_rate: Share,
    /// A response that begins later than this has failed, and so has a request that waits longer.
    pub max_latency: Option<u32>,
    /// How long the variant gives nothing.
    pub cool_down: u32,
    /// How many requests are let through to try it, in one cool-down.
    pub probes: u32,
}

/// How many responses were looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that failed.
    pub failed: u64,
    /// All of them.
    pub all: u64,
}

/// The state of a guard, by the words of circuit breakers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The variant serves.
    Closed,
    /// It serves nobody.
    Open,
    /// It is tried.
    HalfOpen,
}

/// What made a guard change its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Too many responses of the window failed.
    Opened(Counts),
    /// Too many probes failed.
    Reopened(Counts),
    /// Another guard of the same variant has opened.
    Followed,
    /// The cool-down is over.
    HalfOpened,
    /// Enough probes were answered well.
    Closed(Counts),
}

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

/// Time that never goes back.
#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    last: u64,
    /// How far the clock that was asked has gone back so far.
    behind: u64,
}

// === impl Limits ===

impl Limits {
    /// Whether so many failures are too many, by their rate alone.
    fn exceeded_by(&self, counts: Counts) -> bool {
        let allowed = u64::from(self.max_error_rate.millionths());
        counts.failed.saturating_mul(u64::from(POSITIONS)) > allowed.saturating_mul(counts.all)
    }

    /// Whether these counts open a guard.
    fn open_by(&self, counts: Counts) -> bool {
        counts.all >= u64::from(self.min_requests) && self.exceeded_by(counts)
    }

    fn is_late(&self, began: u64, time: u64) -> bool {
        self.max_latency
            .is_some_and(|most| time.saturating_sub(began) > u64::from(most))
    }
}

impl From<&config::Guard> for Limits {
    fn from(guard: &config::Guard) -> Self {
        Self {
            window: guard.window,
            min_requests: guard.min_requests,
            max_error_rate: guard.max_error_rate,
            max_latency: guard.max_latency,
            cool_down: guard.cool_down,
            probes: guard.probes,
        }
    }
}

// === impl State ===

impl State {
    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

// === impl Change ===

impl Change {
    /// The state that it led to.
    pub fn state(self) -> State {
        match self {
            Self::Opened(_) | Self::Reopened(_) | Self::Followed => State::Open,
            Self::HalfOpened => State::HalfOpen,
            Self::Closed(_) => State::Closed,
        }
    }
}

// === impl Guard ===

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

// === impl Clock ===

impl Clock {
    fn at(&mut self, now: u64) -> u64 {
        let time = now.saturating_add(self.behind);
        let back = self.last.saturating_sub(time);
        self.behind = self.behind.saturating_add(back);
        self.last = time.saturating_add(back);
        self.last
    }
}
