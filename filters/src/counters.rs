//! `coalmine_decisions`: how many requests got which variant of which canary, and why.
//!
//! The ABI has no labels, so they are part of the metric's name, in the form that Istio's sidecars
//! take apart for tags of their `extraStatTags`; a plain Envoy does the same with the `stats_tags`
//! that the companion writes into its bootstrap.

use crate::host::Host;
use coalmine::{Decision, Policy};
use core::cell::Cell;

/// The counters of a policy; most combinations never occur.
#[derive(Debug)]
pub(crate) struct Counters(Vec<Cell<Counter>>);

/// A counter, made known to the host when it counts for the first time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Counter {
    #[default]
    Undefined,
    Defined(u32),
    /// The host would not have it, and is not asked again.
    Refused,
}

impl Counter {
    /// Adds one; `name` is asked for once.
    pub(crate) fn count(counter: &Cell<Self>, host: &Host, name: impl FnOnce() -> String) {
        let id = match counter.get() {
            Self::Defined(id) => id,
            Self::Refused => return,
            Self::Undefined => match host.define_counter(&name()) {
                Some(id) => {
                    counter.set(Self::Defined(id));
                    id
                }
                None => return counter.set(Self::Refused),
            },
        };
        host.increment(id);
    }
}

impl Counters {
    pub(crate) fn of(policy: &Policy) -> Self {
        let mut counters = Vec::new();
        counters.resize_with(policy.counters(), Cell::default);
        Self(counters)
    }

    /// Counts a decision.
    pub(crate) fn count(&self, host: &Host, decision: &Decision<'_>) {
        if let Some(counter) = self.0.get(decision.counter()) {
            Counter::count(counter, host, || metric_name(decision));
        }
    }
}

fn metric_name(decision: &Decision<'_>) -> String {
    format!(
        "canary=.={};.;variant=.={};.;reason=.={};.;coalmine_decisions",
        decision.canary.name(),
        decision.variant_name(),
        decision.reason_name(),
    )
}
