//! What the filter has counted of refused pins: `coalmine_pin_refusals`, as Prometheus sees it.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::admin::Admin;
use crate::series::{counters, rises};

/// The name of the metric.
const METRIC: &str = "coalmine_pin_refusals";

/// On how many requests a pin was refused, by canary and cause.
pub type Refusals = BTreeMap<(String, String), u64>;

/// What all workers together have counted since Envoy's start.
///
/// # Errors
/// Envoy is gone, or its page has a series of this metric that has other labels or is no counter.
pub fn counts(admin: &Admin) -> Result<Refusals> {
    let counters = counters(admin, METRIC, ["canary", "cause"])?;
    let refused = counters.into_iter();
    Ok(refused
        .map(|([canary, cause], count)| ((canary, cause), count))
        .collect())
}

/// The causes of one canary that rose since `before`, and by how much.
#[must_use]
pub fn since(before: &Refusals, now: &Refusals, canary: &str) -> BTreeMap<String, u64> {
    let rises = rises(before, now).into_iter();
    let of_canary = rises.filter(|((name, _), _)| name == canary);
    of_canary.map(|((_, cause), rise)| (cause, rise)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_rose_of_one_canary_is_new() {
        let counts = |counts: &[(&str, &str, u64)]| -> Refusals {
            let counts = counts.iter();
            counts
                .map(|(canary, cause, count)| (((*canary).to_owned(), (*cause).to_owned()), *count))
                .collect()
        };
        let before = counts(&[("a", "x", 1), ("a", "y", 2)]);
        let now = counts(&[("a", "x", 1), ("a", "y", 5), ("a", "z", 1), ("b", "x", 9)]);
        let expected = BTreeMap::from([("y".to_owned(), 3), ("z".to_owned(), 1)]);
        assert_eq!(since(&before, &now, "a"), expected);
    }
}
