//! The listener: where requests come in, and the filters that they pass.

use super::plugin::{ConfigSource, DiscoveredFilter, discovered_filter};
use super::routes::RouteConfiguration;
use super::{Address, Empty, LISTENER, Named, Options, RDS, ROUTES, Typed};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Listener {
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
    /// Without it Envoy answers 403 to a WebSocket. An upgrade is decided as any other request is.
    upgrade_configs: [UpgradeConfig; 1],
    #[serde(flatten)]
    routes: Routes,
    http_filters: (DiscoveredFilter, Named<Empty>),
}

#[derive(Serialize)]
struct UpgradeConfig {
    upgrade_type: &'static str,
}

/// Where the routes are.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Routes {
    /// In the listener itself.
    RouteConfig(RouteConfiguration),
    /// In a file that Envoy watches.
    Rds {
        config_source: ConfigSource,
        route_config_name: &'static str,
    },
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Routes {
    /// In the watched file [`RDS`].
    pub(super) fn watched(options: &Options) -> Self {
        Self::Rds {
            config_source: ConfigSource::watching(RDS, options),
            route_config_name: ROUTES,
        }
    }
}

pub(super) fn listener(routes: Routes, options: &Options) -> Listener {
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
                        upgrade_configs: [UpgradeConfig {
                            upgrade_type: "websocket",
                        }],
                        routes,
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
