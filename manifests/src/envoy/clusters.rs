//! Clusters: one for each variant of each canary.

use super::{Address, Empty, Problem, Typed};
use coalmine::config::{Canaries, Canary, Protocol, Variant};
use serde::Serialize;
use std::net::SocketAddr;

#[derive(Serialize)]
pub(super) struct Cluster {
    name: String,
    #[serde(rename = "type")]
    discovery: DiscoveryType,
    #[serde(skip_serializing_if = "Option::is_none")]
    dns_lookup_family: Option<&'static str>,
    connect_timeout: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    typed_extension_protocol_options: Option<ProtocolOptions>,
    load_assignment: ClusterLoadAssignment,
}

/// What Envoy speaks to the endpoints; HTTP/1.1 if it is not told.
#[derive(Serialize)]
struct ProtocolOptions {
    #[serde(rename = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions")]
    http: Typed<HttpProtocolOptions>,
}

#[derive(Serialize)]
struct HttpProtocolOptions {
    explicit_http_config: ExplicitHttpConfig,
}

#[derive(Serialize)]
struct ExplicitHttpConfig {
    http2_protocol_options: Empty,
}

#[derive(Serialize)]
enum DiscoveryType {
    /// Every endpoint is an address.
    #[serde(rename = "STATIC")]
    Static,
    /// Names are resolved again and again, and all their addresses are used.
    #[serde(rename = "STRICT_DNS")]
    StrictDns,
}

#[derive(Serialize)]
struct ClusterLoadAssignment {
    cluster_name: String,
    endpoints: [LocalityLbEndpoints; 1],
}

#[derive(Serialize)]
struct LocalityLbEndpoints {
    lb_endpoints: Vec<LbEndpoint>,
}

#[derive(Serialize)]
struct LbEndpoint {
    endpoint: Endpoint,
}

#[derive(Serialize)]
struct Endpoint {
    address: Address,
}

impl ProtocolOptions {
    /// Not negotiated but known: without TLS there is nothing to negotiate it by.
    fn http2() -> Self {
        let options = HttpProtocolOptions {
            explicit_http_config: ExplicitHttpConfig {
                http2_protocol_options: Empty {},
            },
        };
        Self {
            http: Typed::new(
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                options,
            ),
        }
    }
}

pub(super) fn clusters(canaries: &Canaries, problems: &mut Vec<Problem>) -> Vec<Cluster> {
    let mut clusters = Vec::new();
    for canary in &canaries.canaries {
        for (name, variant) in &canary.spec.variants {
            clusters.push(cluster(canary, name, variant, problems));
        }
    }
    clusters
}

fn cluster(canary: &Canary, name: &str, variant: &Variant, problems: &mut Vec<Problem>) -> Cluster {
    if variant.endpoints.is_empty() {
        problems.push(Problem {
            canary: canary.full_name(),
            path: format!("spec.variants.{name}"),
            code: "no-endpoints",
            message: format!(
                "Envoy has to be told where variant `{name}` is, and it has no endpoints"
            ),
            help: "write `endpoints: [\"host:port\"]` into the variant".to_owned(),
        });
    }
    let mut addresses = Vec::with_capacity(variant.endpoints.len());
    let mut all_numeric = true;
    for (index, endpoint) in variant.endpoints.iter().enumerate() {
        if let Ok(address) = endpoint.parse::<SocketAddr>() {
            addresses.push(Address::from(address));
            continue;
        }
        all_numeric = false;
        match name_and_port(endpoint) {
            Some((host, port)) => addresses.push(Address::new(host, port)),
            None => problems.push(Problem {
                canary: canary.full_name(),
                path: format!("spec.variants.{name}.endpoints[{index}]"),
                code: "bad-endpoint",
                message: format!("`{endpoint}` is neither a name nor an address with a port"),
                help: "write `name:port`, `127.0.0.1:8080` or `[::1]:8080`".to_owned(),
            }),
        }
    }
    let cluster_name = canary.cluster(name);
    Cluster {
        name: cluster_name.clone(),
        discovery: if all_numeric {
            DiscoveryType::Static
        } else {
            DiscoveryType::StrictDns
        },
        // Envoy's own choice is IPv6 where a name has both, as `localhost` has, on which most servers listen
        // by IPv4 alone.
        dns_lookup_family: (!all_numeric).then_some("V4_PREFERRED"),
        connect_timeout: "1s",
        typed_extension_protocol_options: match canary.spec.protocol {
            Protocol::Http => None,
            Protocol::Http2 | Protocol::Grpc => Some(ProtocolOptions::http2()),
        },
        load_assignment: ClusterLoadAssignment {
            cluster_name,
            endpoints: [LocalityLbEndpoints {
                lb_endpoints: addresses
                    .into_iter()
                    .map(|address| LbEndpoint {
                        endpoint: Endpoint { address },
                    })
                    .collect(),
            }],
        },
    }
}

/// A DNS name and a port.
fn name_and_port(endpoint: &str) -> Option<(&str, u16)> {
    let (host, port) = endpoint.rsplit_once(':')?;
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let port = port.parse().ok()?;
    (!host.is_empty() && host.bytes().all(good)).then_some((host, port))
}
