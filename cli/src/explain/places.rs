//! Where in a request a decision looks, and what a log does not carry of that.

use super::explanation::{Answered, Explanation};
use super::words;
use crate::request::RequestArgs;
use coalmine::config::{Canary, Condition, WhenNoUnit};
use coalmine_analysis::log::{Logged, Part};
use std::collections::BTreeSet;

const HEADER: &str = "header ";
const COOKIE: &str = "cookie ";
const QUERY: &str = "query parameter ";
const COOKIES: &str = "cookies";
const TIME: &str = "the time";
const ADDRESS: &str = "the client's address";

/// Where decisions of earlier hops are.
const BAGGAGE: &str = "header baggage";

/// Where in the request a log's line or the arguments tell something, be it that it was not sent.
pub(super) fn carried(logged: &Logged, asked: &RequestArgs) -> BTreeSet<String> {
    let told = logged.told.iter().map(|part| match part {
        Part::Header(name) if name == "cookie" => COOKIES.to_owned(),
        Part::Header(name) => format!("{HEADER}{name}"),
        Part::Cookie(name) => format!("{COOKIE}{name}"),
        Part::Query(name) => format!("{QUERY}{name}"),
        Part::Path => "path".to_owned(),
        Part::Host => "host".to_owned(),
        Part::Method => "method".to_owned(),
        Part::Time => TIME.to_owned(),
        Part::SourceAddress => ADDRESS.to_owned(),
    });
    let headers = asked.headers.iter();
    let headers = headers.map(|(name, _)| format!("{HEADER}{name}"));
    let cookies = asked.cookies.iter();
    let cookies = cookies.filter_map(|cookie| cookie.split('=').next());
    let cookies = cookies.map(|name| format!("{COOKIE}{}", name.trim()));
    let mut carried: BTreeSet<String> = told.chain(headers).chain(cookies).collect();
    carried.extend(asked.at.map(|_| TIME.to_owned()));
    carried.extend(asked.source_address.as_ref().map(|_| ADDRESS.to_owned()));
    carried
}

/// Where a condition looks, in words.
fn of_condition(condition: &Condition, places: &mut BTreeSet<String>) {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().for_each(|part| of_condition(part, places));
        }
        Condition::Not(part) => of_condition(part, places),
        Condition::Header(named) => _ = places.insert(format!("{HEADER}{}", named.name)),
        Condition::Cookie(named) => _ = places.insert(format!("{COOKIE}{}", named.name)),
        Condition::Query(named) => _ = places.insert(format!("{QUERY}{}", named.name)),
        Condition::Path(_) => _ = places.insert("path".to_owned()),
        Condition::Method(_) => _ = places.insert("method".to_owned()),
        Condition::Host(_) => {}
    }
}

/// What the decision looked at on its way and `carried` does not have: it may have been there, and
/// have changed the answer.
pub(super) fn unknown(
    canary: &Canary,
    explanation: &Explanation,
    carried: &BTreeSet<String>,
) -> Vec<String> {
    let reason = explanation
        .decision
        .as_ref()
        .map_or("never", |decision| decision.reason.as_str());
    // It beats everything, wherever it stands.
    if reason == "never" {
        return Vec::new();
    }
    let mut looked = words::pin_places(&canary.spec.pins);
    let inherited = explanation.inherited.as_ref();
    if inherited.is_some_and(|inherited| !inherited.canaries.is_empty()) {
        looked.push(BAGGAGE.to_owned());
    }
    let mut conditions = BTreeSet::new();
    for rule in canary.spec.rules.iter().take(explanation.rules.len()) {
        of_condition(&rule.when, &mut conditions);
    }
    looked.extend(conditions);
    if let Some(unit) = &explanation.unit {
        let found = |place: &&String| Some(*place) == unit.found_in.as_ref();
        let before = unit.looked_in.iter().take_while(|place| !found(place));
        looked.extend(before.cloned());
        if unit.when_no_unit == Some(WhenNoUnit::SourceAddress) {
            looked.push(ADDRESS.to_owned());
        }
    }
    if explanation.ramp && !explanation.parts.is_empty() && !reason.starts_with("rule:") {
        looked.push(TIME.to_owned());
    }
    let is_carried = |place: &String| {
        carried.contains(place)
            || (place.starts_with(COOKIE) && carried.contains(COOKIES))
            || (place.starts_with(QUERY) && carried.contains("path"))
    };
    let mut seen = BTreeSet::new();
    looked.retain(|place| !is_carried(place) && seen.insert(place.clone()));
    looked
}

/// Who answered, by what the log says: the variant header as Envoy routed by it, else the cluster.
pub(super) fn answered(
    canary: &Canary,
    variant_header: (&str, Option<&str>),
    cluster: Option<&str>,
    decided: Option<&str>,
) -> Option<Answered> {
    let (by, variant) = match (variant_header, cluster) {
        ((name, Some("")), _) => (
            format!("no header {name}"),
            Some(canary.spec.default.clone()),
        ),
        ((name, Some(value)), _) => {
            let mut names = canary.spec.variants.iter().map(|(name, _)| name);
            let known = names.find(|name| *name == value).cloned();
            (format!("header {name}: {value}"), known)
        }
        (_, Some(cluster)) => (format!("cluster {cluster}"), of_cluster(canary, cluster)),
        (_, None) => return None,
    };
    Some(Answered {
        agrees: variant
            .as_deref()
            .zip(decided)
            .map(|(variant, decided)| variant == decided),
        by,
        variant,
    })
}

/// The variant that a cluster is of: `canary/variant` as `render envoy` calls it, or Istio's
/// `outbound|port|subset|host` with the variant's name, or one of its labels, for the subset.
fn of_cluster(canary: &Canary, cluster: &str) -> Option<String> {
    let variants = &canary.spec.variants;
    let named = |wanted: &str| {
        let mut names = variants.iter().map(|(name, _)| name);
        names.find(|name| *name == wanted).cloned()
    };
    let prefix = format!("{}/", canary.full_name());
    if let Some(variant) = cluster.strip_prefix(&prefix) {
        return named(variant);
    }
    let parts: Vec<&str> = cluster.split('|').collect();
    let ["outbound", _, subset, host] = parts.as_slice() else {
        return None;
    };
    if subset.is_empty() {
        // A service of its own, by the first part of its name.
        let first = |name: &str| name.split('.').next().map(str::to_owned);
        let mut own = variants.iter().filter(|(_, variant)| {
            let service = variant.service.as_ref();
            service.is_some_and(|service| first(&service.host) == first(host))
        });
        let only = own.next()?;
        return own.next().is_none().then(|| only.0.clone());
    }
    named(subset).or_else(|| {
        let labelled = |value: &str| value == *subset;
        let mut with = variants
            .iter()
            .filter(|(_, variant)| variant.labels.iter().any(|(_, value)| labelled(value)));
        let only = with.next()?;
        with.next().is_none().then(|| only.0.clone())
    })
}
