//! `coalmine_decisions`: how many requests got which variant of which canary, and why.

use crate::host::Host;
use crate::metric::{Label, Metric};
use coalmine::{Decision, Policy};

/// The counters of a policy.
#[derive(Debug)]
pub(crate) struct Counters(Vec<Metric>);

impl Counters {
    pub(crate) fn of(policy: &Policy) -> Self {
        let mut counters = Vec::new();
        counters.resize_with(policy.counters(), Metric::default);
        Self(counters)
    }

    /// Counts a decision.
    pub(crate) fn count(&self, host: &Host, decision: &Decision<'_>) {
        if let Some(counter) = self.0.get(decision.counter()) {
            counter.count(host, || {
                format!(
                    "{}{}{}coalmine_decisions",
                    Label("canary", decision.canary.name()),
                    Label("variant", decision.variant_name()),
                    Label("reason", decision.reason_name()),
                )
            });
        }
    }
}
