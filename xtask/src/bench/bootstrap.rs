//! The Envoy that is measured: one listener that answers by itself, and at most one filter.
//!
//! `direct_response` routes make the filter the largest thing there is to see. Which route was
//! taken can be told by the body, so every answer shows whether the filter did its work.

use std::path::Path;

use serde_json::{Value, json};

/// The name of the listener.
pub(super) const LISTENER: &str = "bench";

/// The header that carries a decision to the route.
pub(super) const VARIANT_HEADER: &str = "x-coalmine-variant";

/// The bootstrap with these filters before the router, and these routes before the usual two.
pub(super) fn bootstrap(filter: Option<Value>, mut routes: Vec<Value>) -> String {
    let mut filters = Vec::from_iter(filter);
    filters.push(json!({
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
        },
    }));
    routes.push(route_on(VARIANT_HEADER, "canary"));
    routes.push(json!({"match": {"prefix": "/"}, "direct_response": answer("stable")}));
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        // Random, so its cost is not the same twice; the client sends one.
        "generate_request_id": false,
        "http_filters": filters,
        "route_config": {
            "name": "bench",
            "virtual_hosts": [{"name": "bench", "domains": ["*"], "routes": routes}],
        },
    });
    let any_port = json!({"socket_address": {"address": "127.0.0.1", "port_value": 0}});
    let connections = json!({
        "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        "max_active_downstream_connections": 100,
    });
    let watchdog = json!({"miss_timeout": "240s", "megamiss_timeout": "240s"});
    json!({
        "admin": {"address": any_port},
        // Envoy warns without a limit, and a warning is taken for a fault of the scenario.
        "overload_manager": {
            "refresh_interval": "240s",
            "resource_monitors": [{
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": connections,
            }],
        },
        // Timers are no part of a request, and tick more often in it the busier the machine is.
        "stats_flush_interval": "240s",
        "watchdogs": {"main_thread_watchdog": watchdog, "worker_watchdog": watchdog},
        "static_resources": {"listeners": [{
            "name": LISTENER,
            "address": any_port,
            "filter_chains": [{"filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": manager,
            }]}],
        }]},
    })
    .to_string()
}

/// The module as a filter, configured with the text of a plugin's config.
pub(super) fn wasm(module: &Path, config: &str) -> Value {
    json!({
        "name": "coalmine",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": "coalmine",
                "vm_config": {
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"local": {"filename": module}},
                },
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": config,
                },
                // A filter that fails must not be taken for a quick one.
                "failure_policy": "FAIL_CLOSED",
            },
        },
    })
}

/// A filter that works where a virtual host enables it, which the one here does not.
pub(super) fn disabled(mut filter: Value) -> Value {
    filter["disabled"] = json!(true);
    filter
}

/// A Lua script as a filter.
pub(super) fn lua(script: &str) -> Value {
    json!({
        "name": "lua",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": {"inline_string": script},
        },
    })
}

/// The canary's route for requests with this header and exact value.
pub(super) fn route_on(header: &str, value: &str) -> Value {
    json!({
        "match": {
            "prefix": "/",
            "headers": [{"name": header, "string_match": {"exact": value}}],
        },
        "direct_response": answer("canary"),
    })
}

fn answer(variant: &str) -> Value {
    json!({"status": 200, "body": {"inline_string": variant}})
}
