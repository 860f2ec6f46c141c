//! What both policies decide about a request that was made up.

use super::made::Example;
use super::report::Decided;
use super::scope::{Scope, Side};
use super::solve;
use coalmine::policy;
use coalmine::{Observer, Policy, Step, Timestamp, decide_observed};

/// A decision, and the shares it drew by, if it drew.
pub(super) struct Judged {
    pub(super) decided: Decided,
    /// Of the line, where it drew.
    pub(super) parts: Vec<policy::Part>,
}

/// Keeps the parts of the line.
struct Parts(Vec<policy::Part>);

impl Observer for Parts {
    fn step(&mut self, step: Step<'_>) {
        if let Step::Part(part) = step {
            self.0.push(part);
        }
    }
}

impl Judged {
    /// Whether the canary's own shares or nobody decided, and no pin and no rule.
    pub(super) fn by_shares(&self) -> bool {
        let reasons = ["share", "random", "no-unit", "default", "untouched"];
        reasons.contains(&self.decided.reason.as_str())
    }

    pub(super) fn by_pin(&self) -> bool {
        ["pin", "never"].contains(&self.decided.reason.as_str())
    }

    pub(super) fn is_inherited(&self) -> bool {
        self.decided.reason == "inherited"
    }
}

fn judge(
    scope: &Scope<'_>,
    (policy, side): (&Policy, Option<Side<'_>>),
    example: &Example,
    now: Timestamp,
) -> Judged {
    let mut parts = Parts(Vec::new());
    let moment = example.moment(now);
    let decision = decide_observed(policy, &example.request(), &moment, &mut parts);
    let decided = match decision {
        Some(decision) => Decided {
            variant: decision.variant_name().to_owned(),
            reason: decision.reason_name().to_string(),
        },
        None => Decided {
            variant: scope.default_of(side).to_owned(),
            reason: "untouched".to_owned(),
        },
    };
    Judged {
        decided,
        parts: parts.0,
    }
}

/// What both sides decide about a request.
pub(super) fn both(scope: &Scope<'_>, example: &Example, now: Timestamp) -> (Judged, Judged) {
    let (old, new) = scope.policies;
    (
        judge(scope, (old, scope.old), example, now),
        judge(scope, (new, scope.new), example, now),
    )
}

/// The same, without what they drew by.
pub(super) fn decided(scope: &Scope<'_>, example: &Example, now: Timestamp) -> (Decided, Decided) {
    let (old, new) = both(scope, example, now);
    (old.decided, new.decided)
}

/// The shortest request that reaches the shares on both sides; none if there is none.
pub(super) fn drawn_by_shares(scope: &Scope<'_>, now: Timestamp) -> Option<Example> {
    let reaches = |example: &Example| {
        let (old, new) = both(scope, example, now);
        old.by_shares() && new.by_shares()
    };
    let plain = Example {
        host: scope.hosts.first().cloned().unwrap_or_default(),
        ..Example::default()
    };
    if reaches(&plain) {
        return Some(plain);
    }
    let tries = solve::tries(scope);
    let found = tries.examples.into_iter().find(reaches);
    // What was not found may be there all the same, unless all was tried.
    found.or_else(|| (!tries.exhaustive).then_some(plain))
}
