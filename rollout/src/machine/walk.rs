//! When the next step is taken.

use super::{Phase, Run, Turn};
use crate::journal::Kind;
use crate::text::length;
use coalmine::Timestamp;
use coalmine::bucket::Share;

/// Evidence older than so many times the usual distance between readings is not fresh.
const FRESH: i64 = 3;

/// And in any case not before this, in milliseconds: Prometheus reads proxies every minute at most.
const SCRAPES: i64 = 90_000;

impl Turn<'_> {
    /// A step is next; it is taken at once if nothing is in its way.
    pub(super) fn enter(&mut self, index: usize) {
        let Some(run) = &mut self.state.run else {
            return;
        };
        run.phase = Phase::Waiting(index);
        run.approved = None;
        if let Some(step) = self.plan.steps.get(index)
            && step.approve
        {
            let message = format!("waits for an approval before it has {}", step.share);
            self.record(Kind::Waiting, message, None, Vec::new());
        }
        self.go_on();
    }

    /// Takes a step.
    pub(super) fn take(&mut self, index: usize, share: Share) {
        let Some(run) = &mut self.state.run else {
            return;
        };
        run.phase = Phase::Walking(index);
        run.share = share;
        run.since = None;
        run.moved = self.now;
        run.alerted = false;
        run.evidence.begin_step();
        let of = self.plan.steps.len();
        self.record(
            Kind::Stepped,
            format!("step {} of {of}: {share}", index.saturating_add(1)),
            None,
            Vec::new(),
        );
        self.apply();
    }

    /// Everyone has the variant.
    pub(super) fn everyone(&mut self, by: Option<String>) {
        let everyone = self.plan.everyone;
        let Some(run) = &mut self.state.run else {
            return;
        };
        run.phase = Phase::Promoted;
        run.share = everyone;
        run.since = None;
        run.paused = None;
        run.holding.clear();
        let message = match &by {
            Some(by) => format!("promoted by {by}: {everyone}"),
            None => format!("promoted: every step was taken without harm; {everyone}"),
        };
        self.record(Kind::Promoted, message, by, Vec::new());
        self.apply();
    }

    /// A plan that was changed: the walk goes on from the last step that is not above its share.
    pub(super) fn seat(&mut self) {
        let plan = self.plan;
        let Some(run) = &mut self.state.run else {
            return;
        };
        let seated = match run.phase {
            Phase::Promoted | Phase::RolledBack | Phase::Aborted => true,
            Phase::Walking(index) => plan.share_of(index) == Some(run.share),
            Phase::Waiting(0) => plan.share_of(0).is_some_and(|first| run.share < first),
            Phase::Waiting(index) => plan.share_of(index.saturating_sub(1)) == Some(run.share),
        };
        if seated {
            return;
        }
        let index = plan.steps.iter().rposition(|step| step.share <= run.share);
        run.phase = index.map_or(Phase::Waiting(0), Phase::Walking);
        let share = index
            .and_then(|index| plan.share_of(index))
            .unwrap_or(run.share);
        if share != run.share {
            run.share = share;
            run.since = None;
        }
        run.approved = None;
        run.evidence.begin_step();
        let message = format!("the plan was changed; it goes on from {share}");
        self.record(Kind::Replanned, message, None, Vec::new());
        self.apply();
    }

    /// Takes the next step if nothing holds it, and says what does.
    pub(super) fn go_on(&mut self) {
        let Some(run) = &mut self.state.run else {
            return;
        };
        run.holding.clear();
        let phase = run.phase;
        let Some(holding) = self.held() else {
            return;
        };
        if holding.is_empty() {
            return match phase {
                Phase::Walking(index) => self.enter(index.saturating_add(1)),
                Phase::Waiting(index) => match self.plan.steps.get(index) {
                    Some(step) => self.take(index, step.share),
                    None => self.everyone(None),
                },
                Phase::Promoted | Phase::RolledBack | Phase::Aborted => {}
            };
        }
        if let Some(run) = &mut self.state.run {
            run.holding = holding;
        }
        self.alert();
    }

    /// Says what holds the next step, and takes none.
    pub(super) fn say_held(&mut self) {
        let holding = self.held().unwrap_or_default();
        if let Some(run) = &mut self.state.run {
            run.holding = holding;
        }
    }

    /// What holds the next step, if there is one.
    fn held(&self) -> Option<Vec<String>> {
        match self.state.run.as_ref()?.phase {
            Phase::Walking(index) => Some(self.before_next(index)),
            Phase::Waiting(_) => Some(self.before()),
            Phase::Promoted | Phase::RolledBack | Phase::Aborted => None,
        }
    }

    /// What has to be seen at a step before another is thought of.
    fn before_next(&self, index: usize) -> Vec<String> {
        let mut holding = self.before_any();
        let (Some(run), Some(step)) = (&self.state.run, self.plan.steps.get(index)) else {
            return holding;
        };
        if let Some(gone) = run.since.map(|since| between(since, self.now))
            && gone < i64::from(step.hold)
        {
            holding.push(format!(
                "{} of {} have passed",
                length(gone),
                length(i64::from(step.hold))
            ));
        }
        // Of both arms together, which are equally large.
        let requests = run.evidence.requests_of_step / 2;
        if requests < u64::from(step.min_requests) {
            holding.push(format!(
                "{requests} of {} requests an arm were counted",
                step.min_requests
            ));
        }
        holding.extend(self.want_of_evidence(run));
        holding
    }

    /// What is in the way of the step that is next.
    fn before(&self) -> Vec<String> {
        let mut holding = self.before_any();
        let Some(run) = &self.state.run else {
            return holding;
        };
        if let Some(share) = run.awaits(self.plan) {
            holding.push(format!("{share} needs an approval"));
        }
        // Before the first step there is nothing to see.
        if run.share != Share::NONE {
            holding.extend(self.want_of_evidence(run));
        }
        holding
    }

    /// What is in the way of any step.
    fn before_any(&self) -> Vec<String> {
        let mut holding = Vec::new();
        let paused = self.state.run.as_ref().and_then(|run| run.paused.as_ref());
        if let Some(by) = paused {
            holding.push(format!("{by} has paused it"));
        }
        if let Some(until) = self.plan.frozen_until(self.now) {
            holding.push(format!("no step is taken until {until}"));
        }
        holding
    }

    /// What is wanting of evidence for the share that is in force.
    fn want_of_evidence(&self, run: &Run) -> Vec<String> {
        let Some(since) = run.since else {
            return vec![format!("{} is not in force yet", run.share)];
        };
        let most = i64::from(self.plan.analysis.every).saturating_mul(FRESH);
        let most = most.max(SCRAPES);
        let mut wanting = run.evidence.doubts(self.plan);
        if run.diverted > 0 {
            wanting.push(format!(
                "a guard holds {} back: {} of its requests went to another",
                self.plan.variant, run.diverted
            ));
        }
        if run.late {
            wanting.push(format!(
                "Prometheus has what was counted more than {} after the fact, and what comes later is missed: \
                 raise analysis.delay",
                length(i64::from(self.plan.analysis.delay))
            ));
        }
        if let Some(proxy) = &run.twice {
            wanting.push(format!(
                "Prometheus reads {proxy} twice, so its requests count twice: let one job read it"
            ));
        }
        match (&run.unread, run.sampled) {
            (Some(why), _) => wanting.push(format!("evidence cannot be read: {why}")),
            // What was counted before the share was in force says nothing of it.
            (None, Some(at)) if at >= since && (0..=most).contains(&between(at, self.now)) => {}
            (None, Some(at)) => {
                wanting.push(format!("there is no fresh evidence: the last is of {at}"))
            }
            (None, None) => wanting.push("there is no evidence yet".to_owned()),
        }
        wanting
    }

    /// Tells somebody, once, if it has been held for want of evidence for too long.
    pub(super) fn alert(&mut self) {
        let most = i64::from(self.plan.analysis.alert_after);
        let Some(run) = &mut self.state.run else {
            return;
        };
        // A clock that was put back has not been in the future.
        run.moved = run.moved.min(self.now);
        let still = between(run.moved, self.now);
        if run.alerted || still < most || run.paused.is_some() {
            return;
        }
        run.alerted = true;
        let message = format!("held for {}: {}", length(still), run.holding.join("; "));
        self.record(Kind::Alerted, message, None, Vec::new());
    }
}

/// Milliseconds from one time to another.
pub(super) fn between(from: Timestamp, to: Timestamp) -> i64 {
    to.unix_millis().saturating_sub(from.unix_millis())
}
