//! The filter: its place before the router, and the extension that comes to it.

use super::{Code, ConfigPatch, Context, Match, Object, Options, Patch, PatchValue};
use crate::Error;
use crate::envoy::{FailurePolicy, Typed};
use crate::istio::NAME;
use crate::plugin_config;
use coalmine::config::Canaries;
use serde::Serialize;
use serde_saphyr::LitString;

pub(super) const WASM: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";

/// What the agent puts in the filter's place if it cannot fetch the module.
const RBAC: &str = "envoy.extensions.filters.http.rbac.v3.RBAC";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListenerMatch {
    filter_chain: FilterChainMatch,
}

#[derive(Serialize)]
struct FilterChainMatch {
    filter: FilterMatch,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FilterMatch {
    name: &'static str,
    sub_filter: SubFilterMatch,
}

#[derive(Serialize)]
struct SubFilterMatch {
    name: &'static str,
}

#[derive(Serialize)]
pub(super) struct HttpFilter<'c> {
    name: &'c str,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled: Option<bool>,
    config_discovery: ExtensionConfigSource,
}

#[derive(Serialize)]
struct ExtensionConfigSource {
    config_source: ConfigSource,
    type_urls: [String; 2],
}

#[derive(Serialize)]
struct ConfigSource {
    ads: Ads,
    resource_api_version: &'static str,
    /// Without end: no request goes by before there is a filter.
    initial_fetch_timeout: &'static str,
}

#[derive(Serialize)]
struct Ads {}

#[derive(Serialize)]
pub(super) struct TypedExtensionConfig<'c> {
    name: &'c str,
    typed_config: Typed<Wasm<'c>>,
}

#[derive(Serialize)]
struct Wasm<'c> {
    config: PluginConfig<'c>,
}

#[derive(Serialize)]
struct PluginConfig<'c> {
    name: &'c str,
    root_id: &'static str,
    failure_policy: FailurePolicy,
    vm_config: VmConfig<'c>,
    configuration: Typed<StringValue>,
}

#[derive(Serialize)]
struct VmConfig<'c> {
    /// One of its own: plugins without one share their virtual machine's data with each other.
    vm_id: &'c str,
    runtime: &'static str,
    code: AsyncDataSource<'c>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum AsyncDataSource<'c> {
    Local { filename: &'c str },
    Remote(RemoteDataSource<'c>),
}

#[derive(Serialize)]
struct RemoteDataSource<'c> {
    http_uri: HttpUri<'c>,
    sha256: &'c str,
}

#[derive(Serialize)]
struct HttpUri<'c> {
    uri: &'c str,
    timeout: &'static str,
    /// Envoy wants one. The agent, which fetches, has no use for it.
    cluster: &'static str,
}

/// JSON as text. A `Struct` is no way: Envoy 1.39 hands its protobuf bytes to the filter, not JSON.
#[derive(Serialize)]
struct StringValue {
    /// On lines of its own, so that a changed share is a changed line.
    value: LitString,
}

/// # Errors
/// None that canaries read without an error can cause.
pub(super) fn patches<'c>(
    canaries: &'c Canaries,
    options: &'c Options,
) -> Result<Vec<ConfigPatch<'c>>, Error> {
    let mut patches: Vec<ConfigPatch<'_>> = [Context::SidecarOutbound, Context::Gateway]
        .into_iter()
        .map(|context| before_router(context, options))
        .collect();
    patches.push(extension(canaries, options)?);
    Ok(patches)
}

fn before_router(context: Context, options: &Options) -> ConfigPatch<'_> {
    let listener = ListenerMatch {
        filter_chain: FilterChainMatch {
            filter: FilterMatch {
                name: "envoy.filters.network.http_connection_manager",
                sub_filter: SubFilterMatch {
                    name: "envoy.filters.http.router",
                },
            },
        },
    };
    let filter = HttpFilter {
        name: &options.name,
        disabled: options.only_governed_hosts.then_some(true),
        config_discovery: ExtensionConfigSource {
            config_source: ConfigSource {
                ads: Ads {},
                resource_api_version: "V3",
                initial_fetch_timeout: "0s",
            },
            type_urls: [WASM, RBAC].map(|name| format!("type.googleapis.com/{name}")),
        },
    };
    ConfigPatch {
        apply_to: "HTTP_FILTER",
        matches: Some(Match {
            context,
            object: Object::Listener(listener),
        }),
        patch: Patch {
            operation: "INSERT_BEFORE",
            value: PatchValue::Filter(filter),
        },
    }
}

fn extension<'c>(canaries: &Canaries, options: &'c Options) -> Result<ConfigPatch<'c>, Error> {
    let code = match &options.code {
        Code::Local(filename) => AsyncDataSource::Local { filename },
        Code::Remote { uri, sha256 } => AsyncDataSource::Remote(RemoteDataSource {
            http_uri: HttpUri {
                uri,
                timeout: "30s",
                cluster: "_",
            },
            sha256,
        }),
    };
    let config = PluginConfig {
        name: &options.name,
        root_id: NAME,
        failure_policy: options.failure_policy,
        vm_config: VmConfig {
            vm_id: &options.name,
            runtime: "envoy.wasm.runtime.v8",
            code,
        },
        configuration: Typed::new(
            "google.protobuf.StringValue",
            StringValue {
                value: LitString(plugin_config::pretty(canaries)?),
            },
        ),
    };
    let extension = TypedExtensionConfig {
        name: &options.name,
        typed_config: Typed::new(WASM, Wasm { config }),
    };
    Ok(ConfigPatch {
        apply_to: "EXTENSION_CONFIG",
        matches: None,
        patch: Patch {
            operation: "ADD",
            value: PatchValue::Extension(Box::new(extension)),
        },
    })
}
