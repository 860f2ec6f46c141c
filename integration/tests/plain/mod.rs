//! A plain setting for the harness: two upstreams and an Envoy that routes between them by a
//! header, with a filter of Envoy's own where ours would be.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use coalmine_integration::client::Client;
use coalmine_integration::envoy::{Envoy, Launch};
use coalmine_integration::upstream::Upstream;
use coalmine_integration::{envoy_binary, swap};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The header that the plain routes match on.
pub(crate) const VARIANT: &str = "x-variant";

/// The name of the filter that comes by extension discovery, and what it marks requests with.
pub(crate) const MARKER: &str = "marker";
pub(crate) const MARK: &str = "x-mark";

pub(crate) static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
    envoy_binary::ensure(&envoy_binary::wanted(), &|step| eprintln!("{step}")).unwrap()
});

/// Two upstreams behind an Envoy, `canary` by HTTP/2; the folder holds its watched files.
pub(crate) struct Setting {
    pub envoy: Envoy,
    pub ingress: SocketAddr,
    pub stable: Upstream,
    pub canary: Upstream,
    pub folder: TempDir,
}

impl Setting {
    pub(crate) fn start(concurrency: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (stable, canary) = (
            Upstream::start("stable").unwrap(),
            Upstream::start("canary").unwrap(),
        );
        swap::replace(&folder.path().join("routes.json"), routes("canary")).unwrap();
        swap::replace(&folder.path().join("filter.json"), marker("first")).unwrap();
        let envoy = Launch::new(&*BINARY)
            .config_text(bootstrap(folder.path(), &[&stable, &canary]).to_string())
            .concurrency(concurrency)
            .start()
            .unwrap();
        let ingress = envoy.admin().listener("ingress").unwrap();
        Self {
            envoy,
            ingress,
            stable,
            canary,
            folder,
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.ingress)
    }
}

fn bootstrap(folder: &Path, upstreams: &[&Upstream]) -> Value {
    let address =
        |ip: &str, port: u16| json!({"socket_address": {"address": ip, "port_value": port}});
    let watched = |file: &str| {
        json!({
            "resource_api_version": "V3",
            "path_config_source": {
                "path": folder.join(file),
                "watched_directory": {"path": folder},
            },
        })
    };
    let clusters = upstreams.iter().map(|upstream| {
        let address = address("127.0.0.1", upstream.address().port());
        let protocol = match upstream.name() {
            "canary" => "http2_protocol_options",
            _ => "http_protocol_options",
        };
        json!({
            "name": upstream.name(),
            "type": "STATIC",
            "typed_extension_protocol_options": {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    "explicit_http_config": {protocol: {}},
                },
            },
            "load_assignment": {
                "cluster_name": upstream.name(),
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
            },
        })
    });
    let connection_manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "ingress",
        "max_request_headers_kb": 1024,
        "rds": {"route_config_name": "routes", "config_source": watched("routes.json")},
        "http_filters": [
            {"name": MARKER, "config_discovery": {
                "config_source": watched("filter.json"),
                "type_urls": [HEADER_MUTATION],
            }},
            {"name": "router", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
            }},
        ],
    });
    json!({
        "node": {"id": "harness", "cluster": "harness"},
        "admin": {"address": address("127.0.0.1", 0)},
        "overload_manager": {"resource_monitors": [{
            "name": "envoy.resource_monitors.global_downstream_max_connections",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                "max_active_downstream_connections": 1000,
            },
        }]},
        "static_resources": {
            "listeners": [{
                "name": "ingress",
                "address": address("127.0.0.1", 0),
                "filter_chains": [{"filters": [{
                    "name": "http",
                    "typed_config": connection_manager,
                }]}],
            }],
            "clusters": clusters.collect::<Vec<_>>(),
        },
    })
}

/// Routes by header, where requests without one go to `stable`, and others to `marked`.
pub(crate) fn routes(marked: &str) -> String {
    json!({"resources": [{
        "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        "name": "routes",
        "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
            {
                "match": {"prefix": "/", "headers": [{"name": VARIANT, "present_match": true}]},
                "route": {"cluster": marked},
            },
            {"match": {"prefix": "/"}, "route": {"cluster": "stable"}},
        ]}],
    }]})
    .to_string()
}

const HEADER_MUTATION: &str =
    "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation";

/// A filter of Envoy's own that marks each request.
pub(crate) fn marker(mark: &str) -> String {
    filter(json!({
        "@type": HEADER_MUTATION,
        "mutations": {"request_mutations": [{"append": {
            "header": {"key": MARK, "value": mark},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }}]},
    }))
}

pub(crate) fn filter(typed_config: Value) -> String {
    let version = typed_config.to_string();
    json!({
        "version_info": version,
        "resources": [{
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": MARKER,
            "typed_config": typed_config,
        }],
    })
    .to_string()
}
