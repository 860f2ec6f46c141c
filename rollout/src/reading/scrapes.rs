//! When proxies were read: how fresh what Prometheus has is, whether it is complete, and whether
//! it has a proxy twice.

use super::source::{quoted, stamped};
use super::{Answer, Sample, count};
use crate::plan::{Counters, Plan};
use coalmine::Timestamp;
use coalmine::metrics::Metric;
use std::collections::BTreeSet;

/// Labels that a scrape gives to a series, and no proxy: two that differ in these alone are one.
const OF_THE_SCRAPE: [&str; 6] = [
    "job",
    "endpoint",
    "container",
    "prometheus",
    "prometheus_replica",
    "replica",
];

/// The label that names a pod, where there are pods: it has several ports, and is one proxy.
const POD: &str = "pod";

/// The label that names where a proxy is read.
const INSTANCE: &str = "instance";

/// When proxies were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scrapes {
    /// For the last time.
    pub(super) last: Option<Timestamp>,
    /// All series' last times added up, in milliseconds: at one moment it is always the same, unless
    /// a scrape of before that moment comes later.
    pub(super) sum: u64,
    /// A proxy that is there twice.
    pub(super) twice: Option<String>,
}

/// What to ask, if there are series whose scrapes can be asked for.
pub(super) fn question(plan: &Plan) -> Option<String> {
    if plan.counted {
        let (name, canary) = (Metric::Decisions.name(), quoted(&plan.canary));
        return Some(format!(r#"timestamp({name}{{canary="{canary}"}})"#));
    }
    // The default's: those of a variant that nobody has asked yet are not there.
    let mut series = plan.comparisons.iter();
    series.find_map(|comparison| match &comparison.counters {
        Counters::Series { of, arms } => Some(stamped(*of, &arms[1])),
        Counters::Numbers { .. } => None,
    })
}

/// What a moment's answer says.
pub(super) fn read(answer: &Answer) -> Result<Scrapes, String> {
    let samples = answer.as_ref().map_err(Clone::clone)?;
    let stamps = samples.iter().filter_map(count::time);
    let millis = stamps
        .clone()
        .filter_map(|stamp| u64::try_from(stamp.unix_millis()).ok());
    Ok(Scrapes {
        last: stamps.max(),
        sum: millis.fold(0, u64::saturating_add),
        twice: twice(samples),
    })
}

/// The first proxy of which two scrapes tell the same.
fn twice(samples: &[Sample]) -> Option<String> {
    let mut seen = BTreeSet::new();
    let again = samples.iter().find(|sample| {
        let pod = sample.labels.contains_key(POD);
        let labels = sample.labels.iter();
        let own = labels.filter(|(name, _)| {
            let place = pod && *name == INSTANCE;
            !place && !OF_THE_SCRAPE.contains(&name.as_str())
        });
        !seen.insert(own.collect::<Vec<_>>())
    });
    let labels = &again?.labels;
    let name = labels.get(POD).or_else(|| labels.get(INSTANCE));
    name.cloned()
}
