//! Labels for Prometheus where the proxy's bootstrap is somebody else's.
//!
//! In plain Envoy the rendered bootstrap takes the labels out of the names of the metrics. A mesh
//! has a bootstrap of its own: Istio's takes them out where its option `extraStatTags` names them
//! ([`istio_stat_tags`]). Where nothing does, a name with all its labels comes to Prometheus, with `_` for
//! every character that no name may have, and [`relabelling`] has Prometheus take it apart.

use crate::{Error, Problem, to_yaml};
use coalmine::config::{Canaries, Canary};
use coalmine::guard::State;
use coalmine::metrics::{ENDS, EQUALS, LABELS};
use coalmine::pin::Cause;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The one reason, beside those with a rule's name in them, that has a character to be lost.
const NO_UNIT: &str = "no-unit";

/// The labels whose values are names of variants.
const OF_VARIANTS: [&str; 3] = ["variant", "arm", "served"];

/// The labels as Istio's `extraStatTags` and the annotation `sidecar.istio.io/extraStatTags` take
/// them.
pub fn istio_stat_tags() -> [&'static str; LABELS.len()] {
    LABELS.map(|label| label.name)
}

#[derive(Serialize)]
struct Relabelling {
    metric_relabel_configs: Vec<Rule>,
}

/// A rule of Prometheus's `metric_relabel_configs`; its regexes match whole values.
#[derive(Serialize)]
struct Rule {
    source_labels: Vec<&'static str>,
    regex: String,
    target_label: String,
    replacement: String,
}

/// `metric_relabel_configs` that make labels of what stands in the names of metrics, as YAML. What
/// has labels already is left alone.
///
/// # Errors
/// Two canaries whose names differ only in what no name of a metric may have: whose is a series?
pub fn relabelling(canaries: &Canaries) -> Result<String, Error> {
    let name = whole_name();
    let take = |target: &str, group: usize| Rule {
        source_labels: vec!["__name__"],
        regex: name.clone(),
        target_label: target.to_owned(),
        replacement: format!("${{{group}}}"),
    };
    let mut rules = Vec::new();
    for (number, label) in LABELS.iter().enumerate() {
        rules.push(take(label.name, number + 1));
    }
    // Behind them, since it takes the name away.
    rules.push(take("__name__", LABELS.len() + 1));
    let restored = restored(&canaries.canaries)?;
    rules.extend(restored.into_iter().map(|((label, lost), value)| Rule {
        // Prometheus joins them with `;`. Other metrics may have such a label too.
        source_labels: vec!["__name__", label],
        regex: format!("coalmine_.+;{lost}"),
        target_label: label.to_owned(),
        replacement: value,
    }));
    let rules = Relabelling {
        metric_relabel_configs: rules,
    };
    to_yaml(&rules).map_err(Error::Yaml)
}

/// The regex of a name with labels in it: a group for each of [`LABELS`], and one for the metric's.
fn whole_name() -> String {
    let mut regex = String::new();
    for (number, label) in LABELS.iter().enumerate() {
        let begin = if number == 0 { "" } else { &sanitized(ENDS) };
        let group = format!("{begin}{}{}(.+?)", label.name, sanitized(EQUALS));
        match number {
            0 => regex += &group,
            _ => regex += &format!("(?:{group})?"),
        }
    }
    format!("{regex}{}(coalmine_.+)", sanitized(ENDS))
}

/// What Envoy makes of text in the name of a metric for Prometheus: it takes the colon away too,
/// although the format has room for it.
fn sanitized(text: &str) -> String {
    let kept = |c: char| c.is_ascii_alphanumeric();
    text.chars()
        .map(|c| if kept(c) { c } else { '_' })
        .collect()
}

/// The values that come with characters lost, by label and by what comes of them.
fn restored(canaries: &[Canary]) -> Result<BTreeMap<(&'static str, String), String>, Error> {
    let mut names = BTreeMap::new();
    let mut problems = Vec::new();
    for canary in canaries {
        let name = canary.full_name();
        if let Some(other) = names.insert(sanitized(&name), name.clone()) {
            problems.push(Problem {
                canary: name,
                path: "metadata".to_owned(),
                code: "same-in-metrics",
                message: format!("in the name of a metric it cannot be told from `{other}`"),
                help: "give one of them another name, or have the proxies make the labels"
                    .to_owned(),
            });
        }
    }
    if !problems.is_empty() {
        return Err(Error::Problems(problems));
    }
    let mut values = BTreeSet::from([("reason", NO_UNIT.to_owned())]);
    for canary in canaries {
        values.insert(("canary", canary.full_name()));
        for (variant, _) in &canary.spec.variants {
            values.extend(OF_VARIANTS.map(|label| (label, variant.clone())));
        }
        if canary.spec.guard.is_some() {
            values.insert(("state", State::HalfOpen.name().to_owned()));
        }
        if canary.spec.pins.signed.is_some() {
            values.extend(Cause::ALL.map(|cause| ("cause", cause.word().to_owned())));
        }
        let rules = canary.spec.rules.iter();
        values.extend(rules.map(|rule| ("reason", format!("rule:{}", rule.name))));
    }
    // Names of variants and rules have no `_` of their own, so no two of them become one.
    let restored = values
        .into_iter()
        .map(|(label, value)| ((label, sanitized(&value)), value));
    Ok(restored
        .filter(|((_, lost), value)| lost != value)
        .collect())
}
