//! `coalmine_decisions`: how many requests got which variant of which canary, and why; and
//! `coalmine_pin_refusals`: on how many a pin was refused, and for what cause.

use crate::host::Host;
use crate::metric::{Label, Metric};
use coalmine::metrics::Metric as Name;
use coalmine::{Decision, Policy};

/// The counters of a policy.
#[derive(Debug)]
pub(crate) struct Counters {
    decisions: Vec<Metric>,
    refusals: Vec<Metric>,
}

impl Counters {
    pub(crate) fn of(policy: &Policy) -> Self {
        Self {
            decisions: metrics(policy.counters()),
            refusals: metrics(policy.refusal_counters()),
        }
    }

    /// Counts a decision.
    pub(crate) fn count(&self, host: &Host, decision: &Decision<'_>) {
        if let Some(counter) = self.decisions.get(decision.counter()) {
            counter.count(host, || {
                format!(
                    "{}{}{}{}",
                    Label("canary", decision.canary.name()),
                    Label("variant", decision.variant_name()),
                    Label("reason", decision.reason_name()),
                    Name::Decisions.name(),
                )
            });
        }
    }

    /// Counts why pins of a request were refused, each cause once.
    #[cold]
    pub(crate) fn count_refusals(&self, host: &Host, decision: &Decision<'_>) {
        for cause in decision.refused.iter() {
            let number = decision.canary.refusal_counter(cause);
            if let Some(counter) = number.and_then(|number| self.refusals.get(number)) {
                counter.count(host, || {
                    let canary = Label("canary", decision.canary.name());
                    let cause = Label("cause", cause.word());
                    format!("{canary}{cause}{}", Name::PinRefusals.name())
                });
            }
        }
    }
}

fn metrics(count: usize) -> Vec<Metric> {
    let mut metrics = Vec::new();
    metrics.resize_with(count, Metric::default);
    metrics
}
