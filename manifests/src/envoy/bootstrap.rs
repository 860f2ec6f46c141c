//! The bootstrap: what Envoy reads once, at its start.

use super::clusters::Cluster;
use super::listener::Listener;
use super::plugin::ConfigSource;
use super::{Address, CDS, LDS, Named, Options, Typed};
use serde::Serialize;

/// What the file begins with. The hashes themselves would ask for a restart at every edit.
pub(super) const HEAD: &str =
    "# Made by coalmine; which files it was made of is in xds/coalmine.json beside it.\n";

/// The labels of our counters.
const LABELS: [&str; 4] = ["canary", "variant", "reason", "cause"];

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
    #[serde(flatten)]
    resources: Resources,
}

/// Where listeners and clusters are.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Resources {
    /// In the bootstrap itself, for as long as Envoy runs.
    StaticResources {
        listeners: Vec<Listener>,
        clusters: Vec<Cluster>,
    },
    /// In files that Envoy watches.
    DynamicResources {
        cds_config: ConfigSource,
        lds_config: ConfigSource,
    },
}

impl Resources {
    /// In the watched files [`CDS`] and [`LDS`].
    pub(super) fn watched(options: &Options) -> Self {
        Self::DynamicResources {
            cds_config: ConfigSource::watching(CDS, options),
            lds_config: ConfigSource::watching(LDS, options),
        }
    }
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
struct DownstreamConnections {
    max_active_downstream_connections: u32,
}

pub(super) fn bootstrap(resources: Resources, options: &Options) -> Bootstrap {
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
        resources,
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
