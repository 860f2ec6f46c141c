//! One turn: what was counted is read, and then what is in force; the machine decides, what it decided is
//! written, and then done. Nobody else decides meanwhile, or nothing is written and all is thought over.
//!
//! Prometheus is asked before that, so that an abort never waits for it; if somebody has had a turn
//! meanwhile, the answers are dropped. Whoever is killed in the midst has either written
//! nothing, and nothing has happened, or has written what shall be in force, and the next turn finds
//! that it is not and puts it there.

use super::args::Drive;
use super::prometheus::Prometheus;
use super::target::{Hold, Written};
use crate::outcome::Failure;
use crate::request::wall_clock;
use coalmine::Timestamp;
use coalmine_rollout::config::InForce;
use coalmine_rollout::journal::Entry;
use coalmine_rollout::machine::{Ask, Command, Event, Reading, State, step};
use coalmine_rollout::reading::{self, Clocks, Span};

/// How often what was decided is thought over because somebody else was faster: whoever is outrun so
/// often is not alone with another rollout.
const ATTEMPTS: usize = 10;

/// What a turn came to.
pub(super) struct Done {
    pub(super) state: State,
    /// What was decided in it.
    pub(super) entries: Vec<Entry>,
    /// What is in force at its end.
    pub(super) in_force: InForce,
    /// Why what was decided is not in force yet, if it is not.
    pub(super) pending: Option<Failure>,
    /// What could not be done beside it, for people.
    pub(super) warning: Option<String>,
    /// That the clock here is not Prometheus', for people.
    pub(super) clock: Option<String>,
}

/// Takes a turn; `ask` is what a person wants.
pub(super) fn turn(drive: &Drive, ask: Option<Ask>) -> Result<Done, Failure> {
    let evidence = match ask {
        None => Some(Evidence::read(drive)?),
        Some(_) => None,
    };
    let mut entries = Vec::new();
    for _ in 0..ATTEMPTS {
        let mut seen = drive.target.seen(&drive.plan)?;
        if ask.is_some_and(|ask| ask != Ask::Retry) && seen.state.run.is_none() {
            return Err(Failure::refused(format!(
                "no rollout has begun that {} knows of; run it first, or name its state with --state",
                drive.target.name()
            )));
        }
        if seen.state.next_entry == 1 {
            seen.state.next_entry = drive.journal.next(&drive.plan.canary);
        }
        let first = seen.state.next_entry;
        let mut turn = Turn {
            drive,
            state: seen.state,
            now: wall_clock(),
            wanted: None,
            in_force: seen.found.clone(),
            written: first,
        };
        turn.event(Event::InForce(seen.found));
        turn.event(match (ask, &evidence) {
            // It was said before somebody else was faster with what followed from it.
            (Some(_), _) if !entries.is_empty() => Event::Tick,
            (Some(ask), _) => Event::Asked {
                ask,
                by: drive.by.clone(),
            },
            (None, Some(evidence)) if evidence.base == Base::of(&turn.state) => {
                evidence.event.clone()
            }
            (None, _) => Event::Tick,
        });
        let written = turn.finish(&mut *seen.hold)?;
        let ours = turn.state.journal.iter();
        let ours = ours.filter(|entry| (first..turn.written).contains(&entry.number));
        entries.extend(ours.cloned());
        let pending = match written {
            Written::Done => None,
            Written::Pending(why) => Some(why),
            Written::Outrun => continue,
        };
        // What is sent is written down under a hold of its own.
        drop(seen.hold);
        // That the journal lacks something, or that nobody can be told, holds nothing up.
        let appended = drive.journal.append(&turn.state).err();
        let appended = appended.map(|failure| failure.message);
        let notify = &drive.notify;
        let untold = notify.send(
            &drive.target,
            &drive.plan,
            &turn.state,
            (first, pending.is_some()),
        );
        let warnings: Vec<String> = appended.into_iter().chain(untold).collect();
        return Ok(Done {
            entries,
            state: turn.state,
            in_force: turn.in_force,
            pending,
            warning: (!warnings.is_empty()).then(|| warnings.join("\n")),
            clock: evidence.and_then(|evidence| evidence.clock),
        });
    }
    Err(Failure::cannot(format!(
        "what was decided could not be written: somebody else was faster {ATTEMPTS} times; \
         see who changes {}, and try again",
        drive.target.name()
    )))
}

struct Turn<'d> {
    drive: &'d Drive,
    state: State,
    now: Timestamp,
    /// What is to be put in force.
    wanted: Option<InForce>,
    /// What is.
    in_force: InForce,
    /// The number of the first entry that is not written yet.
    written: u64,
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

    /// Writes what was decided and does it, until there is nothing more to do.
    fn finish(&mut self, hold: &mut dyn Hold) -> Result<Written, Failure> {
        loop {
            let wanted = self.wanted.take();
            let written = hold.write(&self.state, wanted.as_ref())?;
            if !matches!(written, Written::Outrun) {
                self.written = self.state.next_entry;
            }
            let (Written::Done, Some(wanted)) = (&written, wanted) else {
                return Ok(written);
            };
            self.in_force = wanted.clone();
            self.event(Event::InForce(wanted));
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
    clock: Option<String>,
}

impl Evidence {
    fn read(drive: &Drive) -> Result<Self, Failure> {
        let state = drive.target.state(&drive.plan.canary)?;
        let (event, clock) = match read(drive, &state) {
            Ok(read) => read,
            Err(why) => (Event::NotRead(why), None),
        };
        Ok(Self {
            base: Base::of(&state),
            event,
            clock,
        })
    }
}

/// What Prometheus says was counted, and what there is to say of its clock; or why it says nothing.
fn read(drive: &Drive, state: &State) -> Result<(Event, Option<String>), String> {
    let Drive { plan, .. } = drive;
    let (Some(run), Some(prometheus)) = (&state.run, &drive.prometheus) else {
        return Ok((Event::Tick, None));
    };
    if !run.phase.is_open() || !reading::is_due(&plan.analysis, run.read_at, wall_clock()) {
        return Ok((Event::Tick, None));
    }
    let clocks = clocks(prometheus)?;
    let event = match reading::span(&plan.analysis, run.read_until, clocks) {
        Span::Nothing => Event::Tick,
        Span::From(until) => Event::Read(Box::new(Reading {
            until: Some(until),
            ..Reading::default()
        })),
        Span::Between(from, until) => {
            let questions = reading::questions(plan);
            let before = prometheus.ask(&questions, Some(from))?;
            let now = prometheus.ask(&questions, Some(until))?;
            let reading = reading::between(plan, (from, until), clocks, &before, &now);
            Event::Read(Box::new(reading))
        }
    };
    Ok((event, clocks.differ()))
}

/// What the clock here and Prometheus' say, the former in the middle of the question.
fn clocks(prometheus: &Prometheus) -> Result<Clocks, String> {
    let asked = wall_clock();
    let answer = prometheus.ask(&[reading::CLOCK.to_owned()], None)?;
    let half = (wall_clock().unix_millis() - asked.unix_millis()) / 2;
    let first = answer.into_iter().next();
    Ok(Clocks {
        ours: Timestamp::from_unix_millis(asked.unix_millis() + half),
        theirs: reading::time(first.unwrap_or_else(|| Ok(Vec::new())))?,
    })
}
