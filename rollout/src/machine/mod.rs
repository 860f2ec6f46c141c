//! The state machine of a rollout, without I/O: `step(plan, state, event)` says what the state is
//! then and what has to be done.
//!
//! Whoever drives it keeps the state, does what it commands, and tells it what is in force. It may
//! be killed at any instruction: the state says what shall be in force, and whoever starts again
//! makes it so. Two that drive it at once cannot both act if the state is written only where it is
//! still what was read (a lock, or compare-and-swap).
//!
//! | phase | share | goes on when |
//! |---|---|---|
//! | waiting for step n | that of the step before | somebody approves, a freeze ends |
//! | walking at step n | that of the step | its time and requests are there, with fresh evidence and no harm |
//! | promoted | everyone | another revision comes |
//! | rolled back, aborted | nobody | another revision comes, or somebody says to try again |
//!
//! | file | what |
//! |---|---|
//! | [`event`] | what can happen, and what is to be done |
//! | [`state`] | what is kept |
//! | [`history`] | what is kept of it for a report |
//! | `judge` | evidence to findings |
//! | `walk` | when the next step is taken |
//! | `people` | what people can say |

pub mod event;
pub mod history;
mod judge;
mod people;
pub mod state;
mod walk;

pub use event::{Ask, Command, Event, Reading};
pub use state::{Phase, Run, State};

use crate::config::InForce;
use crate::journal::{Entry, Finding, Kind};
use crate::plan::Plan;
use coalmine::Timestamp;
use coalmine::bucket::Share;

/// What follows from an event at a moment.
pub fn step(plan: &Plan, state: State, now: Timestamp, event: Event) -> (State, Vec<Command>) {
    let mut turn = Turn {
        plan,
        state,
        now,
        commands: Vec::new(),
    };
    let again = matches!(
        event,
        Event::Asked {
            ask: Ask::Retry,
            ..
        }
    );
    turn.begin_if_new(again);
    match event {
        Event::Tick => turn.go_on(),
        Event::InForce(found) => turn.in_force(&found),
        Event::Read(reading) => turn.read(&reading),
        Event::NotRead(why) => turn.not_read(why),
        Event::Asked { ask, by } => turn.asked(ask, by),
    }
    (turn.state, turn.commands)
}

/// One event on its way through the machine.
struct Turn<'p> {
    plan: &'p Plan,
    state: State,
    now: Timestamp,
    commands: Vec<Command>,
}

impl Turn<'_> {
    /// A revision that is not the one in the state begins from the first step, whatever the other
    /// was at; one that failed does not. A plan that was changed takes the walk where it is.
    fn begin_if_new(&mut self, again: bool) {
        match &self.state.run {
            Some(run) if run.salt == self.plan.salt => return self.seat(),
            Some(run) if run.phase.is_open() => {
                let old = run.revision.clone().unwrap_or_else(|| run.salt.clone());
                self.record(
                    Kind::Superseded,
                    format!("another revision takes the place of {old}"),
                    None,
                    Vec::new(),
                );
            }
            _ => {}
        }
        if let Some(failed) = self.state.failed(&self.plan.salt)
            && !again
        {
            let message = format!("this revision failed at {}: {}", failed.at, failed.why);
            self.state.run = Some(Run::closed(self.plan, self.now));
            self.apply();
            self.record(Kind::Refused, message, None, Vec::new());
            return;
        }
        self.begin();
    }

    /// The first step, or the wait for it.
    fn begin(&mut self) {
        self.state.run = Some(Run::new(self.plan, self.now));
        let steps = self.plan.steps.len();
        let message = format!("begins, with {steps} steps to everyone");
        self.record(Kind::Began, message, None, Vec::new());
        self.enter(0);
    }

    /// What is commanded is what the state says shall be.
    fn apply(&mut self) {
        let Some(run) = &self.state.run else { return };
        self.commands.push(Command::Apply(InForce {
            share: run.share,
            salt: run.salt.clone(),
        }));
    }

    fn record(&mut self, kind: Kind, message: String, by: Option<String>, findings: Vec<Finding>) {
        let run = self.state.run.as_ref();
        let entry = Entry {
            number: self.state.next_entry,
            at: self.now,
            kind,
            revision: run.and_then(|run| run.revision.clone()),
            share: run.map_or(Share::NONE, |run| run.share),
            message,
            by,
            findings,
        };
        self.state.keep(entry.clone());
        self.commands.push(Command::Record(Box::new(entry)));
    }

    /// What is in force, as whoever drives the machine has found it.
    fn in_force(&mut self, found: &InForce) {
        let Some(run) = &mut self.state.run else {
            return;
        };
        if found.share == run.share && found.salt == run.salt {
            if run.since.is_none() {
                run.since = Some(self.now);
            }
            return self.go_on();
        }
        // Whoever has promoted a variant goes on to make it the default, with another config.
        if run.phase == Phase::Promoted && run.since.is_some() {
            return;
        }
        // Nobody is drawn by a salt that gives nothing.
        if found.share == Share::NONE && run.share == Share::NONE {
            run.since.get_or_insert(self.now);
            return self.go_on();
        }
        // Before it was ever as it shall be, the change is merely still to be made.
        let drifted = run.since.take().is_some();
        if drifted {
            let message = format!(
                "{} was in force, put there by somebody else; {} is put back",
                found.share, run.share
            );
            self.record(Kind::Drifted, message, None, Vec::new());
        }
        self.apply();
    }
}
