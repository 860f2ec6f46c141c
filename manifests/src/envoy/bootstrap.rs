//! The bootstrap: what Envoy reads once, at its start.

use super::clusters::Cluster;
use super::plugin::{DiscoveredFilter, discovered_filter};
use super::routes::RouteConfiguration;
use super::{Address, Empty, LISTENER, Options, Typed};
use serde::Serialize;

/// The labels of our counters.
const LABELS: [&str; 3] = ["canary", "variant", "reason"];

/// Envoy warns at its start when there is no limit to downstream connections; this is the number
/// that its own guide for edge proxies takes.
const MAX_CONNECTIONS: u32 = 50_000;

#[derive(Serialize)]
pub(super) struct Bootstrap {
    node: Node,
    #[serde(skip_serializing_if = "Option::is_none")]
    admin: Option<Admin>,
    stats_config: StatsConfig,
    overload_manager: OverloadManager,
    static_resources: StaticResources,
}

#[derive(Serialize)]
struct Node {
    id: String,
    cluster: String,
}

#[derive(Serialize)]
struct Admin {
    address: Address,
}

#[derive(Serialize)]
struct StatsConfig {
    stats_tags: Vec<TagSpecifier>,
}

#[derive(Serialize)]
struct TagSpecifier {
    tag_name: &'static str,
    regex: String,
}

#[derive(Serialize)]
struct OverloadManager {
    resource_monitors: [Named<DownstreamConnections>; 1],
}

#[derive(Serialize)]
struct Named<T> {
    name: &'static str,
    typed_config: Typed<T>,
}

#[derive(Serialize)]
struct DownstreamConnections {
    max_active_downstream_connections: u32,
}

#[derive(Serialize)]
struct StaticResources {
    listeners: [Listener; 1],
    clusters: Vec<Cluster>,
}

#[derive(Serialize)]
struct Listener {
    name: &'static str,
    address: Address,
    filter_chains: [FilterChain; 1],
}

#[derive(Serialize)]
struct FilterChain {
    filters: [Named<HttpConnectionManager>; 1],
}

#[derive(Serialize)]
struct HttpConnectionManager {
    stat_prefix: &'static str,
    /// The client is who connects, not what it writes into `x-forwarded-for`: it must not be able
    /// to choose the address that `whenNoUnit: source-address` draws it by.
    use_remote_address: bool,
    #[serde(skip_serializing_if = "is_zero")]
    xff_num_trusted_hops: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_request_headers_kb: Option<u32>,
    route_config: RouteConfiguration,
    http_filters: (DiscoveredFilter, Named<Empty>),
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

pub(super) fn bootstrap(
    routes: RouteConfiguration,
    clusters: Vec<Cluster>,
    options: &Options,
) -> Bootstrap {
    Bootstrap {
        node: Node {
            id: options.node_id.clone(),
            cluster: options.node_cluster.clone(),
        },
        admin: options.admin.map(|address| Admin {
            address: address.into(),
        }),
        stats_config: StatsConfig {
            stats_tags: LABELS.map(tag).into(),
        },
        overload_manager: OverloadManager {
            resource_monitors: [Named {
                name: "envoy.resource_monitors.global_downstream_max_connections",
                typed_config: Typed::new(
                    "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    DownstreamConnections {
                        max_active_downstream_connections: MAX_CONNECTIONS,
                    },
                ),
            }],
        },
        static_resources: StaticResources {
            listeners: [listener(routes, options)],
            clusters,
        },
    }
}

/// Takes a label out of the name of our counter, `canary=.=<canary>;.;variant=.=...`, in the form
/// that Istio's `extraStatTags` extracts as well.
fn tag(tag_name: &'static str) -> TagSpecifier {
    TagSpecifier {
        tag_name,
        regex: format!(r"({tag_name}=\.=(.*?);\.;)"),
    }
}

fn listener(routes: RouteConfiguration, options: &Options) -> Listener {
    Listener {
        name: LISTENER,
        address: options.listen.into(),
        filter_chains: [FilterChain {
            filters: [Named {
                name: "envoy.filters.network.http_connection_manager",
                typed_config: Typed::new(
                    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                    HttpConnectionManager {
                        stat_prefix: LISTENER,
                        use_remote_address: true,
                        xff_num_trusted_hops: options.trusted_hops,
                        max_request_headers_kb: options.max_request_headers_kib,
                        route_config: routes,
                        http_filters: (
                            discovered_filter(options),
                            Named {
                                name: "envoy.filters.http.router",
                                typed_config: Typed::new(
                                    "envoy.extensions.filters.http.router.v3.Router",
                                    Empty {},
                                ),
                            },
                        ),
                    },
                ),
            }],
        }],
    }
}
