//! Metrics of the host, each made known to it when it is used for the first time.
//!
//! The ABI has no labels, so they are part of a metric's name, in the form that Istio's sidecars
//! take apart for tags of their `extraStatTags`; a plain Envoy does the same with the `stats_tags`
//! that the companion writes into its bootstrap.
//!
//! Envoy gives a metric a new number whenever it is made known, and forgets none before the VM ends. A
//! VM sees many configurations, so it makes a metric known once and keeps the number for all of them.

use crate::host::Host;
use coalmine::metrics::{ENDS, EQUALS};
use core::cell::{Cell, RefCell};
use core::fmt;
use proxy_wasm::types::MetricType;
use xxhash_rust::xxh3::xxh3_64;

thread_local! {
    /// The metrics that this VM has made known: a digest of the name, and the host's number. Each metric of
    /// a configuration is looked for once, 2 us among 10,000; an index would be 6 KB of the module.
    static KNOWN: RefCell<Vec<(u64, u32)>> = const { RefCell::new(Vec::new()) };
}

/// A metric that may be unknown to the host yet: most combinations of labels never occur.
#[derive(Debug, Default)]
pub(crate) struct Metric(Cell<State>);

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Undefined,
    Defined(u32),
    /// The host would not have it, and is not asked again.
    Refused,
}

/// A label in a metric's name.
pub(crate) struct Label<V>(pub(crate) &'static str, pub(crate) V);

// === impl Metric ===

impl Metric {
    /// Adds one to a counter.
    pub(crate) fn count(&self, host: &Host, name: impl FnOnce() -> String) {
        if let Some(id) = self.id(host, MetricType::Counter, name) {
            host.increment(id);
        }
    }

    /// Adds to a gauge, which all workers share.
    pub(crate) fn add(&self, host: &Host, offset: i64, name: impl FnOnce() -> String) {
        if let Some(id) = self.id(host, MetricType::Gauge, name) {
            host.add(id, offset);
        }
    }

    /// Puts a value into a histogram.
    pub(crate) fn record(&self, host: &Host, value: u64, name: impl FnOnce() -> String) {
        if let Some(id) = self.id(host, MetricType::Histogram, name) {
            host.record(id, value);
        }
    }

    fn id(&self, host: &Host, kind: MetricType, name: impl FnOnce() -> String) -> Option<u32> {
        match self.0.get() {
            State::Defined(id) => Some(id),
            State::Refused => None,
            State::Undefined => {
                let id = known(host, kind, &name());
                self.0.set(id.map_or(State::Refused, State::Defined));
                id
            }
        }
    }
}

/// The number of a metric. No two metrics of ours share a name, of whatever kind they are.
fn known(host: &Host, kind: MetricType, name: &str) -> Option<u32> {
    let digest = xxh3_64(name.as_bytes());
    KNOWN.with(|known| {
        let Ok(mut known) = known.try_borrow_mut() else {
            return host.define_metric(kind, name);
        };
        if let Some((_, id)) = known.iter().find(|(other, _)| *other == digest) {
            return Some(*id);
        }
        let id = host.define_metric(kind, name)?;
        known.push((digest, id));
        Some(id)
    })
}

// === impl Label ===

impl<V: fmt::Display> fmt::Display for Label<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{EQUALS}{}{ENDS}", self.0, self.1)
    }
}
