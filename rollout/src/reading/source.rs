//! What proxies count anyway, as Prometheus has it: Istio's requests (istio.io, "Istio Standard
//! Metrics"), and those of Envoy's clusters (envoyproxy.io, "Cluster manager", "Statistics").

use super::LOOK_BACK;
use coalmine::config::{Proxies, Selector};
use coalmine::response::SERVER_ERRORS;
use std::collections::BTreeMap;

/// Requests, by everything that Istio knows of them.
const ISTIO: &str = "istio_requests_total";

/// Requests that were sent to a cluster. They are there before the first, so that a proxy which counts
/// its first response is known.
const ENVOY_SENT: &str = "envoy_cluster_upstream_rq_total";

/// Responses by the first figure of their status, those that Envoy gave itself as well.
const ENVOY_ANSWERED: &str = "envoy_cluster_upstream_rq_xx";

/// Labels that Istio's filter gives, by how they begin; all else is of the scrape, and tells proxies
/// apart.
const OF_ISTIO: [&str; 8] = [
    "__name__",
    "reporter",
    "source_",
    "destination_",
    "request_protocol",
    "response_",
    "grpc_response_status",
    "connection_security_policy",
];

/// The same of Envoy's.
const OF_ENVOY: [&str; 3] = [
    "__name__",
    "envoy_cluster_name",
    "envoy_response_code_class",
];

/// All series of an arm.
pub(super) fn question(of: Proxies, arm: &Selector) -> String {
    let name = match of {
        Proxies::Istio { .. } => format!(r#"__name__="{ISTIO}""#),
        Proxies::Envoy => format!(r#"__name__=~"{ENVOY_SENT}|{ENVOY_ANSWERED}""#),
    };
    each(&name, arm, |series| {
        format!("last_over_time({series}[{LOOK_BACK}])")
    })
}

/// When each series of an arm was read last.
pub(super) fn stamped(of: Proxies, arm: &Selector) -> String {
    let name = match of {
        Proxies::Istio { .. } => ISTIO,
        Proxies::Envoy => ENVOY_SENT,
    };
    let name = format!(r#"__name__="{name}""#);
    each(&name, arm, |series| format!("timestamp({series})"))
}

/// A query of the series of an arm: a union, where they have one label or another.
fn each(name: &str, arm: &Selector, query: impl Fn(&str) -> String) -> String {
    let equal = |(label, value): &(&str, String)| format!(r#"{label}="{}""#, quoted(value));
    let all: Vec<String> = arm.all.iter().map(equal).collect();
    let common = format!("{name},{}", all.join(","));
    if arm.any.is_empty() {
        return query(&format!("{{{common}}}"));
    }
    let any = arm
        .any
        .iter()
        .map(|label| format!("{{{common},{}}}", equal(label)));
    let queries: Vec<String> = any.map(|series| query(&series)).collect();
    queries.join(" or ")
}

/// A name as PromQL has it between quotes.
pub(super) fn quoted(name: &str) -> String {
    name.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Whether a label tells the series of one proxy apart.
pub(super) fn is_within(of: Proxies, label: &str) -> bool {
    match of {
        Proxies::Istio { .. } => OF_ISTIO.iter().any(|begin| label.starts_with(begin)),
        Proxies::Envoy => OF_ENVOY.contains(&label),
    }
}

/// Whether a series is of an arm.
pub(super) fn is_of(arm: &Selector, labels: &BTreeMap<String, String>) -> bool {
    let has = |(label, value): &(&str, String)| labels.get(*label) == Some(value);
    arm.all.iter().all(has) && (arm.any.is_empty() || arm.any.iter().any(has))
}

/// Whether the requests of a series failed, by the same measure as the filter's; `None` if it has
/// other things than requests that were answered.
pub(super) fn failed(of: Proxies, labels: &BTreeMap<String, String>) -> Option<bool> {
    let label = |name: &str| labels.get(name).map_or("", String::as_str);
    match of {
        Proxies::Istio { .. } => {
            let grpc = label("grpc_response_status").parse();
            let grpc = grpc.is_ok_and(|status: u8| SERVER_ERRORS.contains(&status));
            Some(grpc || label("response_code").starts_with('5'))
        }
        Proxies::Envoy if label("__name__") == ENVOY_ANSWERED => {
            Some(label("envoy_response_code_class") == "5")
        }
        Proxies::Envoy => None,
    }
}
