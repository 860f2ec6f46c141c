//! Routes: one virtual host for each canary, and in it one route for each variant.

use super::ROUTES;
use coalmine::config::{Canaries, Canary, Protocol};
use coalmine::policy::host_names;
use serde::Serialize;
use std::collections::BTreeSet;

#[derive(Serialize)]
pub(super) struct RouteConfiguration {
    name: &'static str,
    /// Hosts are compared without their port, and reach the upstream as the client sent them;
    /// stripping the port in the connection manager would change them.
    ignore_port_in_host_matching: bool,
    virtual_hosts: Vec<VirtualHost>,
}

#[derive(Serialize)]
struct VirtualHost {
    name: String,
    domains: Vec<String>,
    routes: Vec<Route>,
}

#[derive(Serialize)]
struct Route {
    name: String,
    #[serde(rename = "match")]
    matches: RouteMatch,
    route: RouteAction,
}

#[derive(Serialize)]
struct RouteMatch {
    prefix: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<[HeaderMatcher; 1]>,
}

#[derive(Serialize)]
struct HeaderMatcher {
    name: String,
    string_match: StringMatch,
}

#[derive(Serialize)]
struct StringMatch {
    exact: String,
}

#[derive(Serialize)]
struct RouteAction {
    cluster: String,
    /// How long an answer may take after the whole request was sent. Envoy's own limit of 15 s lets a
    /// version that hangs be seen; a call of gRPC has the client's deadline, and may stream for hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<&'static str>,
}

pub(super) fn routes(canaries: &Canaries) -> RouteConfiguration {
    let virtual_host = |canary| virtual_host(canary, &canaries.variant_header);
    RouteConfiguration {
        name: ROUTES,
        ignore_port_in_host_matching: true,
        virtual_hosts: canaries.canaries.iter().map(virtual_host).collect(),
    }
}

fn virtual_host(canary: &Canary, variant_header: &str) -> VirtualHost {
    let default = &canary.spec.default;
    let drawn = canary.spec.variants.iter().map(|(variant, _)| variant);
    let mut routes: Vec<Route> = drawn
        .filter(|variant| *variant != default)
        .map(|variant| route(canary, variant, Some(variant_header)))
        .collect();
    routes.push(route(canary, default, None));
    VirtualHost {
        name: canary.full_name(),
        domains: domains(canary),
        routes,
    }
}

fn route(canary: &Canary, variant: &str, variant_header: Option<&str>) -> Route {
    Route {
        name: variant.to_owned(),
        matches: RouteMatch {
            prefix: "/",
            headers: variant_header.map(|name| {
                [HeaderMatcher {
                    name: name.to_owned(),
                    string_match: StringMatch {
                        exact: variant.to_owned(),
                    },
                }]
            }),
        },
        route: RouteAction {
            cluster: canary.cluster(variant),
            timeout: (canary.spec.protocol == Protocol::Grpc).then_some("0s"),
        },
    }
}

/// Every name, and every name with a dot at its end: Envoy takes these for different hosts, and its
/// option to strip the dot would change what the upstream is sent. An IPv6 address stands in the
/// brackets that clients send it in, and has no such twin.
fn domains(canary: &Canary) -> Vec<String> {
    let namespace = canary.namespace.as_deref();
    let mut seen = BTreeSet::new();
    let mut domains = Vec::new();
    for name in canary
        .spec
        .hosts
        .iter()
        .flat_map(|host| host_names(host, namespace))
    {
        let (name, dotted) = match name.as_str() {
            "*" => (name, None),
            address if address.starts_with('[') => (name, None),
            name => (name.to_owned(), Some(format!("{name}."))),
        };
        for domain in [Some(name), dotted].into_iter().flatten() {
            if seen.insert(domain.clone()) {
                domains.push(domain);
            }
        }
    }
    domains
}
