//! What the filter has counted of responses, by two labels and all the rest together.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use coalmine_integration::series;
use coalmine_integration::stand::Stand;

use crate::setting::PATIENCE;

/// Counts by the values of two labels.
pub(crate) type Counts = BTreeMap<(String, String), u64>;

/// Labels of `coalmine_responses`: what evidence is.
pub(crate) const RESPONSES: (&str, [&str; 2]) = ("coalmine_responses", ["arm", "class"]);

/// Those of `coalmine_grpc_responses`.
pub(crate) const GRPC: (&str, [&str; 2]) = ("coalmine_grpc_responses", ["arm", "grpc_status"]);

/// Those of `coalmine_chosen_responses`.
pub(crate) const CHOSEN: (&str, [&str; 2]) = ("coalmine_chosen_responses", ["variant", "class"]);

/// One more of them.
pub(crate) fn add(counts: &mut Counts, first: &str, second: impl ToString) {
    *counts
        .entry((first.to_owned(), second.to_string()))
        .or_default() += 1;
}

/// Counts as they are now.
pub(crate) fn counts(stand: &Stand, (name, [first, second]): (&str, [&str; 2])) -> Counts {
    let mut counts = Counts::new();
    for (series, value) in series::read(stand.envoy.admin(), name).unwrap() {
        let labels = (series.label(first).into(), series.label(second).into());
        *counts.entry(labels).or_default() += value as u64;
    }
    counts
}

/// Waits until that many are counted, since a stream may end a little after its client has; then
/// they must be these.
pub(crate) fn assert_counts(stand: &Stand, metric: (&str, [&str; 2]), expected: &Counts) {
    let begun = Instant::now();
    let whole = |counts: &Counts| counts.values().sum::<u64>();
    while whole(&counts(stand, metric)) < whole(expected) && begun.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(&counts(stand, metric), expected, "{}", metric.0);
}
