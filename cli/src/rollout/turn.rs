//! One turn: what is in force and what was counted is read, the machine decides, what it decided is
//! written, and then done.
//!
//! The lock is held throughout, so nobody else decides meanwhile. Whoever is killed in the midst has
//! either written nothing, and nothing has happened, or has written what shall be in force, and the
//! next turn finds that it is not and puts it there.

use super::args::Drive;
use super::store::Lock;
use crate::outcome::Failure;
use crate::request::wall_clock;
use coalmine::Timestamp;
use coalmine_rollout::config::InForce;
use coalmine_rollout::journal::Entry;
use coalmine_rollout::machine::{Ask, Command, Event, Reading, State, step};
use coalmine_rollout::reading;

/// What a proxy has counted by now Prometheus has by then, if it was asked to: a scrape is kept when
/// its answer has come, with the time at which it began.
const SETTLED: i64 = 500;

/// What a turn came to.
pub(super) struct Done {
    pub(super) state: State,
    /// What was decided in it.
    pub(super) entries: Vec<Entry>,
}

/// Takes a turn; `ask` is what a person wants.
pub(super) fn turn(drive: &Drive, ask: Option<Ask>) -> Result<Done, Failure> {
    let lock = drive.store.lock()?;
    let state = drive.store.load(&drive.plan.canary)?;
    let first = state.next_entry;
    let now = wall_clock();
    let found = drive.target.found(&drive.plan)?;
    let mut turn = Turn {
        drive,
        state,
        now,
        wanted: None,
    };
    turn.event(Event::InForce(found.clone()));
    turn.event(match ask {
        Some(ask) => Event::Asked {
            ask,
            by: drive.by.clone(),
        },
        None => turn.evidence(),
    });
    turn.finish(&lock, found)?;
    let entries = turn.state.journal.iter();
    let entries = entries.filter(|entry| entry.number >= first).cloned();
    Ok(Done {
        entries: entries.collect(),
        state: turn.state,
    })
}

struct Turn<'d> {
    drive: &'d Drive,
    state: State,
    now: Timestamp,
    /// What is to be put in force.
    wanted: Option<InForce>,
}

impl Turn<'_> {
    fn event(&mut self, event: Event) {
        let (state, commands) = step(&self.drive.plan, self.state.clone(), self.now, event);
        self.state = state;
        for command in commands {
            if let Command::Apply(wanted) = command {
                self.wanted = Some(wanted);
            }
        }
    }

    /// What was counted since the last reading.
    fn evidence(&self) -> Event {
        let (Some(run), Some(prometheus)) = (&self.state.run, &self.drive.prometheus) else {
            return Event::Tick;
        };
        let until = Timestamp::from_unix_millis(self.now.unix_millis().saturating_sub(SETTLED));
        let from = match run.read_until {
            _ if !run.phase.is_open() => return Event::Tick,
            // From here on is counted.
            None => {
                return Event::Read(Box::new(Reading {
                    until: Some(until),
                    ..Reading::default()
                }));
            }
            Some(from) => from,
        };
        let gone = until.unix_millis().saturating_sub(from.unix_millis());
        if gone < i64::from(self.drive.plan.analysis.every) {
            return Event::Tick;
        }
        let questions = reading::questions(&self.drive.plan);
        let asked = prometheus.ask(&questions, from);
        match asked.and_then(|before| Ok((before, prometheus.ask(&questions, until)?))) {
            Ok((before, now)) => {
                let reading = reading::between(&self.drive.plan, until, &before, &now);
                Event::Read(Box::new(reading))
            }
            Err(why) => Event::NotRead(why),
        }
    }

    /// Writes what was decided and does it, until there is nothing more to do.
    fn finish(&mut self, lock: &Lock, mut found: InForce) -> Result<(), Failure> {
        loop {
            let saved = self.drive.store.save(lock, &self.state);
            let Some(wanted) = self.wanted.take() else {
                saved?;
                return self.drive.store.append(lock, &self.state);
            };
            // A disk that is full must not keep a bad variant where it is.
            if wanted.share < found.share {
                self.drive.target.apply(&self.drive.plan, &wanted)?;
                saved?;
            } else {
                saved?;
                self.drive.target.apply(&self.drive.plan, &wanted)?;
            }
            found = wanted;
            self.event(Event::InForce(found.clone()));
        }
    }
}
