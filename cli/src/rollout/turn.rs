//! One turn: what was counted is read, and under a lock what is in force; the machine decides, what it
//! decided is written, and then done.
//!
//! Prometheus is asked before the lock is taken, so that an abort never waits for it; if somebody has
//! had a turn meanwhile, the answers are dropped. Whoever is killed in the midst has either written
//! nothing, and nothing has happened, or has written what shall be in force, and the next turn finds
//! that it is not and puts it there.

use super::args::Drive;
use super::store::Lock;
use crate::outcome::Failure;
use crate::request::wall_clock;
use coalmine::Timestamp;
use coalmine_rollout::config::InForce;
use coalmine_rollout::journal::Entry;
use coalmine_rollout::machine::{Ask, Command, Event, Reading, State, step};
use coalmine_rollout::reading;

/// What a turn came to.
pub(super) struct Done {
    pub(super) state: State,
    /// What was decided in it.
    pub(super) entries: Vec<Entry>,
    /// What is in force at its end.
    pub(super) in_force: InForce,
    /// What could not be done beside it, for people.
    pub(super) warning: Option<String>,
}

/// Takes a turn; `ask` is what a person wants.
pub(super) fn turn(drive: &Drive, ask: Option<Ask>) -> Result<Done, Failure> {
    let evidence = match ask {
        None => Some(Evidence::read(drive)?),
        Some(_) => None,
    };
    let lock = drive.store.lock()?;
    let state = drive.store.load(&drive.plan.canary)?;
    if ask.is_some_and(|ask| ask != Ask::Retry) && state.run.is_none() {
        return Err(Failure::refused(format!(
            "no rollout has begun that {} knows of; run it first, or name its state with --state",
            drive.store.path().display()
        )));
    }
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
    turn.event(match (ask, evidence) {
        (Some(ask), _) => Event::Asked {
            ask,
            by: drive.by.clone(),
        },
        (None, Some(evidence)) if evidence.base == Base::of(&turn.state) => evidence.event,
        (None, _) => Event::Tick,
    });
    let (in_force, warning) = turn.finish(&lock, found)?;
    let entries = turn.state.journal.iter();
    let entries = entries.filter(|entry| entry.number >= first).cloned();
    Ok(Done {
        entries: entries.collect(),
        state: turn.state,
        in_force,
        warning,
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

    /// Writes what was decided and does it, until there is nothing more to do. Gives what is in force
    /// then, and why the journal lacks something, if it does: that holds nothing up.
    fn finish(
        &mut self,
        lock: &Lock,
        mut found: InForce,
    ) -> Result<(InForce, Option<String>), Failure> {
        loop {
            let saved = self.drive.store.save(lock, &self.state);
            let Some(wanted) = self.wanted.take() else {
                saved?;
                let appended = self.drive.store.append(lock, &self.state);
                return Ok((found, appended.err().map(|failure| failure.message)));
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

/// What a reading goes on from: where this is another now, somebody else has had a turn.
#[derive(Clone, Debug, PartialEq)]
struct Base {
    salt: Option<String>,
    read_until: Option<Timestamp>,
}

impl Base {
    fn of(state: &State) -> Self {
        let run = state.run.as_ref();
        Self {
            salt: run.map(|run| run.salt.clone()),
            read_until: run.and_then(|run| run.read_until),
        }
    }
}

/// What was counted since the last reading.
struct Evidence {
    base: Base,
    event: Event,
}

impl Evidence {
    fn read(drive: &Drive) -> Result<Self, Failure> {
        let state = drive.store.load(&drive.plan.canary)?;
        Ok(Self {
            base: Base::of(&state),
            event: event(drive, &state),
        })
    }
}

fn event(drive: &Drive, state: &State) -> Event {
    let (Some(run), Some(prometheus)) = (&state.run, &drive.prometheus) else {
        return Event::Tick;
    };
    if !run.phase.is_open() {
        return Event::Tick;
    }
    let analysis = &drive.plan.analysis;
    let until = wall_clock().unix_millis() - i64::from(analysis.delay);
    let until = Timestamp::from_unix_millis(until);
    // From here on is counted; also where a clock was put back, and nothing is known of between.
    let Some(from) = run.read_until.filter(|from| *from <= until) else {
        return Event::Read(Box::new(Reading {
            until: Some(until),
            ..Reading::default()
        }));
    };
    let gone = until.unix_millis() - from.unix_millis();
    if gone < i64::from(analysis.every) {
        return Event::Tick;
    }
    let questions = reading::questions(&drive.plan);
    let asked = prometheus.ask(&questions, from);
    match asked.and_then(|before| Ok((before, prometheus.ask(&questions, until)?))) {
        Ok((before, now)) => {
            let reading = reading::between(&drive.plan, (from, until), &before, &now);
            Event::Read(Box::new(reading))
        }
        Err(why) => Event::NotRead(why),
    }
}
