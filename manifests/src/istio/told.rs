//! What Istio has to be told of a canary, and is not.

use super::{MESH, Routes};
use crate::Problem;
use crate::kubernetes::is_label;
use coalmine::config::Canary;

/// Hosts that the filter knows how to find and Istio can have no route for.
pub(super) fn hosts_are_told(canary: &Canary, routes: &Routes, problems: &mut Vec<Problem>) {
    let in_mesh = routes.gateways.is_empty() || routes.gateways.iter().any(|name| name == MESH);
    for (index, host) in canary.spec.hosts.iter().enumerate() {
        let path = format!("spec.hosts[{index}]");
        let canary = canary.full_name();
        if host == "*" && in_mesh {
            problems.push(Problem {
                canary,
                path,
                code: "any-host",
                message: "Istio has no route for every host in the mesh, only at a gateway"
                    .to_owned(),
                help: "name the hosts, or render it for gateways alone: `--gateway NAMESPACE/NAME`"
                    .to_owned(),
            });
        } else if host.contains('_') {
            problems.push(Problem {
                canary,
                path,
                code: "bad-host",
                message: format!("Istio has no route for `{host}`: its hosts have no `_`"),
                help: "write a name of letters, digits, `-` and `.`".to_owned(),
            });
        }
    }
}

/// The service whose versions the variants are.
pub(crate) fn service_is_told(canary: &Canary, problems: &mut Vec<Problem>) {
    if canary.service().is_none() {
        problems.push(Problem {
            canary: canary.full_name(),
            path: "spec.hosts".to_owned(),
            code: "no-service",
            message: "no host can be the name of the service that the variants are versions of"
                .to_owned(),
            help: "write `service: reviews` beside `hosts`".to_owned(),
        });
    }
}

/// What tells one variant from the others.
pub(crate) fn variants_are_told(canary: &Canary, problems: &mut Vec<Problem>) {
    for (name, variant) in &canary.spec.variants {
        if variant.service.is_some() {
            continue;
        }
        if variant.labels.is_empty() {
            problems.push(Problem {
                canary: canary.full_name(),
                path: format!("spec.variants.{name}"),
                code: "no-labels",
                message: format!(
                    "Istio has to be told which pods are variant `{name}`, and it has neither labels nor a service"
                ),
                help:
                    "write `labels: {version: v1}`, or `service: reviews-v1` for a service of its own"
                        .to_owned(),
            });
        }
        for (label, value) in &variant.labels {
            if !is_label(label, value) {
                problems.push(Problem {
                    canary: canary.full_name(),
                    path: format!("spec.variants.{name}.labels"),
                    code: "bad-label",
                    message: format!("`{label}: {value}` cannot be a label in Kubernetes"),
                    help: "use at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends"
                        .to_owned(),
                });
            }
        }
    }
}
