//! What was counted between two samples of the same counters.

use super::{Answer, Sample, Slower, source};
use crate::evidence::{SLICES, Tally};
use crate::machine::Reading;
use coalmine::Timestamp;
use coalmine::arm::Arm;
use coalmine::config::{Proxies, Selector};
use coalmine::metrics::Metric;
use std::collections::{BTreeMap, BTreeSet};

/// What tells the filter's series of one proxy apart; every other label tells proxies apart.
const WITHIN_A_PROXY: [&str; 9] = [
    "__name__",
    "arm",
    "served",
    "slice",
    "class",
    "bound",
    "variant",
    "reason",
    "grpc_status",
];

/// The classes of responses that failed, as the metric has them.
const FAILED: [&str; 2] = ["5xx", "reset"];

/// The filter's counters.
pub(super) fn drawn(variant: &str, before: &[Sample], now: &[Sample], reading: &mut Reading) {
    let within = |label: &str| WITHIN_A_PROXY.contains(&label);
    for (labels, new) in grown(before, now, within) {
        place(variant, labels, new, reading);
    }
}

/// What proxies have counted anyway, of both arms.
pub(super) fn anyway(
    of: Proxies,
    arms: &[Selector; 2],
    before: &[Sample],
    now: &[Sample],
) -> [Tally; 2] {
    let mut tallies = [Tally::default(); 2];
    for (labels, new) in grown(before, now, |label| source::is_within(of, label)) {
        let Some(failed) = source::failed(of, labels) else {
            continue;
        };
        let new = Tally {
            requests: new,
            bad: if failed { new } else { 0 },
        };
        for (arm, tally) in arms.iter().zip(&mut tallies) {
            if source::is_of(arm, labels) {
                *tally = tally.plus(new);
            }
        }
    }
    tallies
}

/// What each series of a known proxy has grown by. `within` says which labels tell the series of one
/// proxy apart; the others tell proxies apart.
fn grown<'s>(
    before: &'s [Sample],
    now: &'s [Sample],
    within: impl Fn(&str) -> bool + 's,
) -> impl Iterator<Item = (&'s BTreeMap<String, String>, u64)> {
    let proxy = move |labels: &'s BTreeMap<String, String>| -> Vec<_> {
        let labels = labels.iter().filter(|(name, _)| !within(name));
        labels.collect()
    };
    let old: BTreeMap<_, f64> = before
        .iter()
        .filter(|sample| is_count(sample.value))
        .map(|sample| (&sample.labels, sample.value))
        .collect();
    let known: BTreeSet<_> = old.keys().map(|labels| proxy(labels)).collect();
    let now = now.iter().filter(|sample| is_count(sample.value));
    now.filter_map(move |sample| {
        let was = match old.get(&sample.labels).copied() {
            None if !known.contains(&proxy(&sample.labels)) => return None,
            was => was.unwrap_or_default(),
        };
        // One that fell began anew.
        let new = match sample.value < was {
            true => sample.value,
            false => sample.value - was,
        };
        Some((&sample.labels, rounded(new)))
    })
}

/// Puts what a series has counted where it belongs.
fn place(variant: &str, labels: &BTreeMap<String, String>, new: u64, reading: &mut Reading) {
    let label = |name: &str| labels.get(name).map_or("", String::as_str);
    let slice = label("slice").parse::<usize>().ok();
    let Some(slice) = slice.filter(|slice| *slice < SLICES) else {
        return;
    };
    let of_canary = match label("arm") {
        arm if arm == variant => true,
        Arm::CONTROL => false,
        _ => return,
    };
    match label("__name__") {
        name if name == Metric::Responses.name() => {
            let arm = if of_canary {
                &mut reading.canary
            } else {
                &mut reading.control
            };
            let bad = if FAILED.contains(&label("class")) {
                new
            } else {
                0
            };
            let new = Tally { requests: new, bad };
            if let Some(tally) = arm.get_mut(slice) {
                *tally = tally.plus(new);
            }
            // Whoever a guard sends elsewhere stays in the arm, or the arms would not be alike.
            if of_canary && label("served") == variant {
                reading.served = reading.served.plus(new);
            } else if of_canary {
                reading.diverted = reading.diverted.saturating_add(new.requests);
            }
        }
        name if name == Metric::SlowResponses.name() => {
            let Ok(bound) = label("bound").parse() else {
                return;
            };
            slower(
                &mut reading.slower,
                bound,
                usize::from(!of_canary),
                slice,
                new,
            );
        }
        _ => {}
    }
}

fn slower(slower: &mut Slower, bound: u32, arm: usize, slice: usize, new: u64) {
    let counts = slower.entry(bound).or_default();
    if let Some(count) = counts.get_mut(arm).and_then(|arm| arm.get_mut(slice)) {
        *count = count.saturating_add(new);
    }
}

/// A query that comes to one number: what it has grown by. A sum that fell lost a proxy, and one that
/// was not there before begins with what it has.
pub(super) fn one(before: &Answer, now: &Answer) -> Result<u64, String> {
    let value = |answer: &Answer| match answer.as_ref().map_err(Clone::clone)?.as_slice() {
        [sample] if is_count(sample.value) => Ok(sample.value),
        [sample] => Err(format!("it gives {}, which is no count", sample.value)),
        // Nothing is known of it, which is not the same as nothing.
        [] => Ok(f64::NAN),
        several => Err(format!(
            "it gives {} series; put sum(...) around it",
            several.len()
        )),
    };
    let grown = value(now)? - value(before)?;
    Ok(if grown > 0.0 { rounded(grown) } else { 0 })
}

/// A time that is given in seconds.
pub(super) fn time(sample: &Sample) -> Option<Timestamp> {
    let millis = (sample.value * 1000.0).round();
    is_count(millis).then(|| Timestamp::from_unix_millis(millis as i64))
}

fn is_count(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}

/// Saturates.
fn rounded(value: f64) -> u64 {
    value.round() as u64
}
