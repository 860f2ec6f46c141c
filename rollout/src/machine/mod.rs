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
pub use state::{Failed, Phase, Run, State};

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
    match event {
        Event::Asked { ask, by } => turn.asked(ask, by),
        event if turn.begin_if_new() => match event {
            Event::InForce(found) => turn.in_force(&found),
            Event::Read(reading) => turn.read(&reading),
            Event::NotRead(why) => turn.not_read(why),
            Event::Tick | Event::Asked { .. } => turn.go_on(),
        },
        _ => {}
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
    /// was at; one that failed, or that another has taken the place of, does not. A plan that was
    /// changed takes the walk where it is. Whether there is a rollout of this plan then.
    fn begin_if_new(&mut self) -> bool {
        let serves = match &self.state.run {
            Some(run) if run.salt == self.plan.salt => {
                self.seat();
                return true;
            }
            Some(run) => run.phase.serves(),
            None => false,
        };
        let Some(failed) = self.state.failed(&self.plan.salt) else {
            self.supersede();
            self.begin(None);
            return true;
        };
        // Whoever still drives what was superseded has no say in what took its place.
        if serves {
            return false;
        }
        let message = format!("this revision failed at {}: {}", failed.at, failed.why);
        self.state.run = Some(Run::closed(self.plan, self.now));
        self.apply();
        self.record(Kind::Refused, message, None, Vec::new());
        true
    }

    /// Ends the rollout of another revision, for good: two that are driven at once would take turns, and
    /// a job of one that was promoted long ago, run once more, is no release.
    fn supersede(&mut self) {
        let Some(run) = &self.state.run else { return };
        if !run.phase.serves() || run.salt == self.plan.salt {
            return;
        }
        let open = run.phase.is_open();
        let name = |revision: &Option<String>, salt: &String| {
            revision.clone().unwrap_or_else(|| salt.clone())
        };
        let old = name(&run.revision, &run.salt);
        let new = name(&self.plan.revision, &self.plan.salt);
        let failed = Failed {
            salt: run.salt.clone(),
            at: self.now,
            why: format!("{new} took its place"),
        };
        self.state.fail(failed);
        if open {
            let message = format!("{new} takes the place of {old}");
            self.record(Kind::Superseded, message, None, Vec::new());
        }
    }

    /// The first step, or the wait for it.
    fn begin(&mut self, again: Option<String>) {
        self.state.run = Some(Run::new(self.plan, self.now));
        if let Some(by) = again {
            self.record(
                Kind::Retried,
                format!("{by} tries it again"),
                Some(by),
                Vec::new(),
            );
        }
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
            canary: self.plan.canary.clone(),
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

    /// What is in force, as whoever drives the machine has found it. No step follows from it alone:
    /// whoever found it may go on to say what somebody wants, or what was counted.
    fn in_force(&mut self, found: &InForce) {
        let now = self.now;
        let Some(run) = &mut self.state.run else {
            return;
        };
        // Nobody is drawn by a salt that gives nothing.
        let nobody = found.share == Share::NONE && run.share == Share::NONE;
        if nobody || (found.share == run.share && found.salt == run.salt) {
            // A clock that was put back has not been in the future.
            let since = run.since.filter(|since| *since <= now);
            let news = run.since.is_none();
            run.since = Some(since.unwrap_or(now));
            if run.share != Share::NONE {
                let settled = now
                    .unix_millis()
                    .saturating_add(i64::from(self.plan.analysis.every));
                let settled = Timestamp::from_unix_millis(settled);
                run.counts_from = Some(run.counts_from.unwrap_or(settled).min(settled));
            }
            if news {
                // What held it was that this was not so.
                self.say_held();
            }
            return;
        }
        // Whoever has promoted a variant goes on to make it the default, with another config.
        if run.phase == Phase::Promoted && run.since.is_some() {
            return;
        }
        // Before it was ever as it shall be, the change is merely still to be made.
        let drifted = run.since.take().is_some();
        let lowered = found.share < run.share;
        if drifted && lowered && run.phase.is_open() {
            let message = format!(
                "{} is in force, where {} was: somebody has lowered it, so it is paused; resume puts it back",
                found.share, run.share
            );
            run.paused = Some("whoever lowered the share".to_owned());
            self.record(Kind::Drifted, message, None, Vec::new());
            return;
        }
        if lowered && run.paused.is_some() {
            return;
        }
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
