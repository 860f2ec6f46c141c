//! `coalmine_decisions`: how many requests got which variant of which canary, and why; and
//! `coalmine_pin_refusals`: on how many a pin was refused, and for what cause.
//!
//! The ABI has no labels, so they are part of the metric's name, in the form that Istio's sidecars
//! take apart for tags of their `extraStatTags`; a plain Envoy does the same with the `stats_tags`
//! that the companion writes into its bootstrap.

use crate::host::Host;
use coalmine::pin::Cause;
use coalmine::{Decision, Policy};
use core::cell::Cell;

/// The counters of a policy.
#[derive(Debug)]
pub(crate) struct Counters {
    decisions: Lazy,
    refusals: Lazy,
}

/// Counters, each made known to the host when it counts for the first time: most combinations never
/// occur.
#[derive(Debug)]
struct Lazy(Vec<Cell<Counter>>);

#[derive(Clone, Copy, Debug, Default)]
enum Counter {
    #[default]
    Undefined,
    Defined(u32),
    /// The host would not have it, and is not asked again.
    Refused,
}

impl Counters {
    pub(crate) fn of(policy: &Policy) -> Self {
        Self {
            decisions: Lazy::new(policy.counters()),
            refusals: Lazy::new(policy.refusal_counters()),
        }
    }

    /// Counts a decision.
    pub(crate) fn count(&self, host: &Host, decision: &Decision<'_>) {
        self.decisions
            .count(host, decision.counter(), || metric_name(decision));
    }

    /// Counts why pins of a request were refused, each cause once.
    #[cold]
    pub(crate) fn count_refusals(&self, host: &Host, decision: &Decision<'_>) {
        for cause in decision.refused.iter() {
            if let Some(number) = decision.canary.refusal_counter(cause) {
                self.refusals
                    .count(host, number, || refusal_name(decision, cause));
            }
        }
    }
}

impl Lazy {
    fn new(counters: usize) -> Self {
        let mut lazy = Vec::new();
        lazy.resize_with(counters, Cell::default);
        Self(lazy)
    }

    fn count(&self, host: &Host, number: usize, name: impl FnOnce() -> String) {
        let Some(counter) = self.0.get(number) else {
            return;
        };
        let id = match counter.get() {
            Counter::Defined(id) => id,
            Counter::Refused => return,
            Counter::Undefined => match host.define_counter(&name()) {
                Some(id) => {
                    counter.set(Counter::Defined(id));
                    id
                }
                None => return counter.set(Counter::Refused),
            },
        };
        host.increment(id);
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

fn refusal_name(decision: &Decision<'_>, cause: Cause) -> String {
    format!(
        "canary=.={};.;cause=.={};.;coalmine_pin_refusals",
        decision.canary.name(),
        cause.word(),
    )
}
