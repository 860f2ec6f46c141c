//! `baggage` on its way to the next hop, and `coalmine_baggage`: how often a decision could not go on.

use crate::host::Host;
use crate::metric::{Label, Metric};
use crate::plugin::Plugin;
use coalmine::baggage::{BaggageEdit, Dropped};
use coalmine::metrics::Metric as Name;
use coalmine::{Decision, Policy, Request};

/// The counters of a policy: one for each canary and cause.
#[derive(Debug)]
pub(crate) struct Drops(Vec<Metric>);

impl Drops {
    pub(crate) fn of(policy: &Policy) -> Self {
        let mut counters = Vec::new();
        let number = policy.canaries().len().saturating_mul(Dropped::ALL);
        counters.resize_with(number, Metric::default);
        Self(counters)
    }

    #[cold]
    fn count(&self, host: &Host, decision: &Decision<'_>, dropped: Dropped) {
        let first = decision.canary.number().saturating_mul(Dropped::ALL);
        if let Some(counter) = self.0.get(first.saturating_add(dropped.index())) {
            counter.count(host, || {
                let canary = Label("canary", decision.canary.name());
                let outcome = Label("outcome", dropped.name());
                format!("{canary}{outcome}{}", Name::Baggage.name())
            });
        }
    }
}

/// Makes the header say what was decided, if the canary or an edge wants that.
pub(crate) fn send_on(plugin: &Plugin, request: &impl Request, decision: Option<&Decision<'_>>) {
    let Some(onward) = plugin.policy.send_on(request, decision) else {
        return;
    };
    let host = &plugin.host;
    match &onward.edit {
        BaggageEdit::Keep => {}
        BaggageEdit::Remove => _ = host.remove_baggage(),
        BaggageEdit::Replace(line) => {
            if !host.replace_baggage(line) {
                // Rather none than one that says what nobody decided.
                host.remove_baggage();
            }
        }
    }
    if let (Some(decision), Some(dropped)) = (decision, onward.dropped) {
        plugin.drops.count(host, decision, dropped);
    }
}
