//! What people can say to a rollout.

use super::state::Failed;
use super::{Ask, Phase, Turn};
use crate::journal::{Finding, Kind};
use coalmine::bucket::Share;

impl Turn<'_> {
    /// What somebody says is about the rollout that there is: no word but `retry` begins one.
    pub(super) fn asked(&mut self, ask: Ask, by: String) {
        if ask == Ask::Retry {
            return self.retry(by);
        }
        let run = self.state.run.as_ref();
        if run.is_none_or(|run| run.salt != self.plan.salt) {
            return;
        }
        self.seat();
        match ask {
            Ask::Approve => self.approve(by),
            Ask::Pause => self.pause(by),
            Ask::Resume => self.resume(by),
            Ask::Promote => self.promote(by),
            Ask::Abort => self.abort(by),
            Ask::Retry => self.retry(by),
        }
    }

    /// The step that waits for an approval has one.
    fn approve(&mut self, by: String) {
        let Some(run) = &mut self.state.run else {
            return;
        };
        let Phase::Waiting(index) = run.phase else {
            return;
        };
        let Some(step) = self.plan.steps.get(index) else {
            return;
        };
        if !step.approve || run.approved == Some(step.share) {
            return;
        }
        run.approved = Some(step.share);
        run.moved = self.now;
        run.alerted = false;
        let message = format!("{by} has approved {}", step.share);
        self.record(Kind::Approved, message, Some(by), Vec::new());
        self.go_on();
    }

    /// It stays where it is; it is still rolled back on evidence.
    fn pause(&mut self, by: String) {
        let Some(run) = &mut self.state.run else {
            return;
        };
        if run.paused.is_some() || !run.phase.is_open() {
            return;
        }
        run.paused = Some(by.clone());
        self.record(
            Kind::Paused,
            format!("{by} has paused it"),
            Some(by),
            Vec::new(),
        );
        self.go_on();
    }

    /// It goes on.
    fn resume(&mut self, by: String) {
        let Some(run) = &mut self.state.run else {
            return;
        };
        if run.paused.take().is_none() {
            return;
        }
        run.moved = self.now;
        run.alerted = false;
        let puts_back = run.since.is_none();
        self.record(
            Kind::Resumed,
            format!("{by} lets it go on"),
            Some(by),
            Vec::new(),
        );
        if puts_back {
            self.apply();
        }
        self.go_on();
    }

    /// Everyone has the variant, whatever is still to be seen.
    fn promote(&mut self, by: String) {
        if self.is_open() {
            self.everyone(Some(by));
        }
    }

    /// Nobody has it; also after it was promoted.
    fn abort(&mut self, by: String) {
        let phase = self.state.run.as_ref().map(|run| run.phase);
        if self.is_open() || phase == Some(Phase::Promoted) {
            let why = format!("aborted by {by}");
            self.nobody(Phase::Aborted, why, Some(by), Vec::new());
        }
    }

    /// A revision that failed begins again, with new evidence.
    fn retry(&mut self, by: String) {
        let salt = &self.plan.salt;
        if self.state.failed(salt).is_none() {
            return;
        }
        self.state.failed.retain(|failed| failed.salt != *salt);
        self.supersede();
        self.begin(Some(by));
    }

    /// Ends the rollout with the variant given to nobody.
    pub(super) fn nobody(
        &mut self,
        phase: Phase,
        why: String,
        by: Option<String>,
        findings: Vec<Finding>,
    ) {
        let now = self.now;
        let Some(run) = &mut self.state.run else {
            return;
        };
        run.phase = phase;
        run.share = Share::NONE;
        run.since = None;
        run.paused = None;
        run.holding.clear();
        let salt = run.salt.clone();
        self.state.fail(Failed {
            salt,
            at: now,
            why: why.clone(),
        });
        let kind = match phase {
            Phase::Aborted => Kind::Aborted,
            _ => Kind::RolledBack,
        };
        self.record(kind, why, by, findings);
        self.apply();
    }

    fn is_open(&self) -> bool {
        self.state
            .run
            .as_ref()
            .is_some_and(|run| run.phase.is_open())
    }
}
