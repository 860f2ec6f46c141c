//! The guard once more, without thrift: every request is remembered, and everything is found out by
//! looking through all of them.

use coalmine::guard::{Change, Counts, Limits, Outcome};

/// What a test may tell a guard; requests by their number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    Admit,
    Respond(usize),
    Finish(usize, Outcome),
    Pass(u64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Life {
    Waiting,
    /// Since a slot.
    Responding(u64),
    /// How it counts, and in which slot.
    Over(Option<bool>, u64),
}

#[derive(Clone, Copy, Debug)]
struct Request {
    began: u64,
    generation: usize,
    life: Life,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Phase {
    Closed,
    Open(u64),
    /// Since when.
    HalfOpen(u64),
}

#[derive(Clone, Debug)]
pub(super) struct Model {
    limits: Limits,
    pub(super) phase: Phase,
    generation: usize,
    requests: Vec<Option<Request>>,
}

impl Model {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            phase: Phase::Closed,
            generation: 0,
            requests: Vec::new(),
        }
    }

    /// Whether a request is let through, and what changed.
    pub(super) fn admit(&mut self, now: u64) -> (bool, Option<Change>) {
        let change = self.settle(now);
        let admitted = match self.phase {
            Phase::Closed => true,
            Phase::Open(_) => false,
            Phase::HalfOpen(_) => self.current().count() < self.limits.probes as usize,
        };
        self.requests.push(admitted.then_some(Request {
            began: now,
            generation: self.generation,
            life: Life::Waiting,
        }));
        (admitted, change)
    }

    pub(super) fn respond(&mut self, number: usize, now: u64) -> Option<Change> {
        let slot = self.slot(now);
        let request = self.requests[number]?;
        if request.generation != self.generation || request.life != Life::Waiting {
            return None;
        }
        let place = self.place(request.began, now);
        let life = if self.late(&request, now) {
            Life::Over(Some(true), place)
        } else {
            Life::Responding(place.min(slot))
        };
        self.set(number, life);
        match life {
            Life::Over(..) => self.settle(now),
            _ => None,
        }
    }

    pub(super) fn finish(&mut self, number: usize, outcome: Outcome, now: u64) -> Option<Change> {
        let request = self.requests[number]?;
        if request.generation != self.generation {
            return None;
        }
        let life = match (request.life, outcome) {
            (Life::Over(..), _) => return None,
            (Life::Responding(place), Outcome::Failed) => {
                let gone = place + 10 <= self.slot(now);
                Life::Over(Some(true), if gone { self.slot(now) } else { place })
            }
            (Life::Responding(place), _) => Life::Over(Some(false), place),
            (Life::Waiting, outcome) => {
                let failed = match outcome {
                    _ if self.late(&request, now) => Some(true),
                    Outcome::Failed => Some(true),
                    Outcome::Good => Some(false),
                    Outcome::Unknown => None,
                };
                Life::Over(failed, self.place(request.began, now))
            }
        };
        self.set(number, life);
        self.settle(now)
    }

    fn set(&mut self, number: usize, life: Life) {
        if let Some(request) = &mut self.requests[number] {
            request.life = life;
        }
    }

    fn width(&self) -> u64 {
        u64::from(self.limits.window).div_ceil(10)
    }

    fn slot(&self, time: u64) -> u64 {
        time / self.width()
    }

    /// The slot in which what began then counts now.
    fn place(&self, began: u64, now: u64) -> u64 {
        if self.slot(began) + 10 > self.slot(now) {
            self.slot(began)
        } else {
            self.slot(now)
        }
    }

    fn late(&self, request: &Request, now: u64) -> bool {
        let most = self.limits.max_latency;
        most.is_some_and(|most| now - request.began > u64::from(most))
    }

    /// The requests of this state.
    fn current(&self) -> impl Iterator<Item = &Request> {
        let of_now = |request: &&Request| request.generation == self.generation;
        self.requests.iter().flatten().filter(of_now)
    }

    /// Failures and good answers of the window.
    fn in_window(&self, now: u64) -> Counts {
        let first = (self.slot(now) + 1).saturating_sub(10);
        let verdicts = self.current().filter_map(|request| match request.life {
            Life::Over(failed, slot) if slot >= first => failed,
            Life::Responding(slot) if slot >= first => Some(false),
            Life::Waiting if self.slot(request.began) >= first => {
                let end = (self.slot(request.began) + 1) * self.width();
                let most = self.limits.max_latency?;
                (now >= end + u64::from(most)).then_some(true)
            }
            _ => None,
        });
        counts(verdicts)
    }

    fn settle(&mut self, now: u64) -> Option<Change> {
        let (phase, change) = match self.phase {
            Phase::Closed => {
                let counts = self.in_window(now);
                let enough = counts.all >= u64::from(self.limits.min_requests);
                if !enough || !self.too_many(counts.failed, counts.all) {
                    return None;
                }
                let until = now + u64::from(self.limits.cool_down);
                (Phase::Open(until), Some(Change::Opened(counts)))
            }
            Phase::Open(until) if now < until => return None,
            Phase::Open(_) => (Phase::HalfOpen(now), Some(Change::HalfOpened)),
            Phase::HalfOpen(since) => self.judge_probes(since, now)?,
        };
        self.phase = phase;
        self.generation += 1;
        change
    }

    fn judge_probes(&self, since: u64, now: u64) -> Option<(Phase, Option<Change>)> {
        let probes = u64::from(self.limits.probes);
        let last = self.current().map(|request| request.began).max();
        let hang = |last: u64| match self.limits.max_latency {
            Some(most) => now - last > u64::from(most),
            None => false,
        };
        let hanging = last.is_some_and(hang);
        let verdict = |request: &Request| match request.life {
            Life::Over(failed, _) => failed,
            Life::Waiting => hanging.then_some(true),
            Life::Responding(_) => None,
        };
        let found = counts(self.current().filter_map(verdict));
        if self.too_many(found.failed, probes) {
            let until = now + u64::from(self.limits.cool_down);
            return Some((Phase::Open(until), Some(Change::Reopened(found))));
        }
        let over = now - since > u64::from(self.limits.cool_down);
        let is_over = |request: &&Request| matches!(request.life, Life::Over(Some(_), _));
        let responds = |request: &&Request| over && matches!(request.life, Life::Responding(_));
        let answered = counts(self.current().filter(is_over).filter_map(verdict));
        let streaming = self.current().filter(responds).count() as u64;
        // Enough even if all the others failed. Streams are counted where the rest is not enough.
        let enough = |good: u64| good > 0 && !self.too_many(probes - good.min(probes), probes);
        let ended = answered.all - answered.failed;
        let good = if enough(ended) {
            ended
        } else {
            ended + streaming
        };
        if enough(good) {
            let counts = Counts {
                all: answered.failed + good,
                ..answered
            };
            return Some((Phase::Closed, Some(Change::Closed(counts))));
        }
        over.then_some((Phase::HalfOpen(now), None))
    }

    fn too_many(&self, failed: u64, all: u64) -> bool {
        let rate = f64::from(self.limits.max_error_rate.millionths()) / 1e6;
        failed as f64 > rate * all as f64 + 1e-9
    }
}

fn counts(verdicts: impl Iterator<Item = bool>) -> Counts {
    verdicts.fold(Counts::default(), |counts, failed| Counts {
        failed: counts.failed + u64::from(failed),
        all: counts.all + 1,
    })
}
