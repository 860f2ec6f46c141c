//! What the filter has counted: `coalmine_decisions`, as Prometheus sees it.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::admin::Admin;
use crate::series::{counters, rises};

/// The name of the metric.
pub const METRIC: &str = "coalmine_decisions";

/// How many decisions of each kind.
pub type Counts = BTreeMap<Decided, u64>;

/// The labels of a counter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decided {
    /// The canary, with its namespace in front if it has one.
    pub canary: String,
    /// The variant that served.
    pub variant: String,
    /// Why.
    pub reason: String,
}

impl Decided {
    /// A canary's decision for a variant, and why.
    #[must_use]
    pub fn new(canary: &str, variant: &str, reason: &str) -> Self {
        Self {
            canary: canary.to_owned(),
            variant: variant.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

/// What all workers together have counted since Envoy's start.
///
/// # Errors
/// Envoy is gone, or its page has a series of this metric that has other labels or is no counter.
pub fn counts(admin: &Admin) -> Result<Counts> {
    let counters = counters(admin, METRIC, ["canary", "variant", "reason"])?;
    let decided = counters.into_iter().map(|(labels, count)| {
        let [canary, variant, reason] = labels;
        let decided = Decided {
            canary,
            variant,
            reason,
        };
        (decided, count)
    });
    Ok(decided.collect())
}

/// What has been counted since `before`: only what rose.
#[must_use]
pub fn since(before: &Counts, now: &Counts) -> Counts {
    rises(before, now)
}
