//! What must be true of any step of the machine, whatever happens and in which order.

use coalmine::Timestamp;
use coalmine::bucket::Share;
use coalmine_rollout::evidence::Tally;
use coalmine_rollout::journal::{Entry, Kind};
use coalmine_rollout::machine::{Ask, Event, Phase, State};
use coalmine_rollout::plan::Plan;

/// What must be true of any step.
pub(crate) fn check_step(
    plan: &Plan,
    before: &State,
    after: &State,
    event: &Event,
    now: Timestamp,
) {
    let Some(run) = &after.run else { return };
    // Never above the step's share.
    match run.phase {
        Phase::Walking(index) => assert_eq!(run.share, plan.steps[index].share),
        Phase::Waiting(0) => assert_eq!(run.share, Share::NONE),
        Phase::Waiting(index) => assert_eq!(run.share, plan.steps[index - 1].share),
        Phase::Promoted => assert_eq!(run.share, plan.everyone),
        Phase::RolledBack | Phase::Aborted => assert_eq!(run.share, Share::NONE),
    }
    let news: Vec<_> = after
        .journal
        .iter()
        .filter(|entry| entry.number >= before.next_entry)
        .collect();
    let said = |kind| news.iter().any(|entry| entry.kind == kind);
    let old = before.run.as_ref().filter(|old| old.salt == run.salt);
    let asked = |wanted: Ask| matches!(event, Event::Asked { ask, .. } if *ask == wanted);
    // No word but these raises a share, and what is in force raises none by itself.
    let before_all = before.run.as_ref().map_or(Share::NONE, |run| run.share);
    if run.share > before_all {
        let raises = [Ask::Approve, Ask::Resume, Ask::Promote, Ask::Retry];
        let may = match event {
            Event::Asked { ask, .. } => raises.contains(ask),
            Event::InForce(_) => before.run.as_ref().is_none_or(|old| old.salt != run.salt),
            _ => true,
        };
        assert!(may, "{event:?}");
    }
    // What failed, or lost its place, comes back by one word alone.
    let came = before.run.as_ref().is_some_and(|old| old.salt != run.salt) && run.phase.is_open();
    assert!(
        !came || before.failed(&run.salt).is_none() || asked(Ask::Retry),
        "{event:?}"
    );
    // Nor does it take anything from another that serves.
    let another = before.run.as_ref().filter(|other| other.salt != run.salt);
    if another.is_some_and(|other| other.phase.serves()) {
        let known = before.failed(&run.salt).is_some();
        assert!(!known || asked(Ask::Retry), "{event:?}");
    }
    let Some(old) = old else { return };
    // Who is ahead has waited, was approved, was not paused, and was not frozen.
    if run.share > old.share && !asked(Ask::Promote) && !said(Kind::Retried) {
        assert!(plan.frozen_until(now).is_none(), "{event:?}");
        assert!(old.paused.is_none() || asked(Ask::Resume), "{event:?}");
        let next = plan.steps.iter().find(|step| step.share > old.share);
        if next.is_some_and(|step| step.approve) {
            assert!(
                old.approved == next.map(|step| step.share) || asked(Ask::Approve),
                "{event:?}"
            );
        }
        assert!(
            news.iter()
                .filter(|entry| entry.kind == Kind::Stepped)
                .count()
                <= 1
        );
    }
    // Who leaves a step forwards has had its time and its requests there, and evidence of it.
    let forwards = matches!(
        run.phase,
        Phase::Waiting(_) | Phase::Walking(_) | Phase::Promoted
    );
    if let Phase::Walking(index) = old.phase
        && run.phase != old.phase
        && forwards
        && !asked(Ask::Promote)
    {
        let step = &plan.steps[index];
        let since = old.since.expect("it is in force").unix_millis();
        assert!(
            now.unix_millis() - since >= i64::from(step.hold),
            "{event:?}"
        );
        let requests = old.evidence.requests_of_step.saturating_add(read(event));
        assert!(requests / 2 >= u64::from(step.min_requests), "{event:?}");
        assert!(run.unread.is_none(), "{event:?}");
    }
    // Nothing but harm that was read rolls it back.
    if run.phase == Phase::RolledBack && old.phase != run.phase {
        assert!(matches!(event, Event::Read(_)), "{event:?}");
        let harm = |entry: &Entry| entry.kind == Kind::RolledBack && !entry.findings.is_empty();
        assert!(news.iter().any(|entry| harm(entry)), "{event:?}");
    }
    // A rollout that has ended goes on only if somebody says so.
    if !old.phase.is_open() {
        assert!(
            run.phase == old.phase || asked(Ask::Retry) || asked(Ask::Abort),
            "{event:?}: {:?} to {:?}",
            old.phase,
            run.phase
        );
    }
    // Every change of the share has an entry.
    if run.share != old.share {
        assert!(!news.is_empty(), "{event:?}");
    }
}

/// At most so many requests bring a step nearer: those of both arms, or twice those of a query.
fn read(event: &Event) -> u64 {
    let Event::Read(reading) = event else {
        return 0;
    };
    let arms = reading.canary.iter().chain(&reading.control);
    let all = |sum: u64, tally: &Tally| sum.saturating_add(tally.requests);
    let queries = reading.queries.values();
    let twice = queries.map(|[canary, _]| canary.requests.saturating_mul(2));
    arms.fold(0, all)
        .saturating_mul(2)
        .max(twice.max().unwrap_or(0))
}
