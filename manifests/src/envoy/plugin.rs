//! The filter: the resource that extension discovery brings, and where Envoy looks for it.

use super::discovery::{self, Typed};
use super::{FILTER, Options, PLUGIN, WATCHED};
use crate::kubernetes::Provenance;
use crate::{Error, File, plugin_config};
use coalmine::config::{Canaries, Canary};
use serde::Serialize;
use std::collections::BTreeMap;

const WASM: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";

/// What happens to requests when the module cannot be loaded or its virtual machine has died.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum FailurePolicy {
    /// They go on without the filter.
    #[default]
    #[serde(rename = "FAIL_OPEN")]
    Open,
    /// They are answered 503, and the virtual machine is started again after a second.
    #[serde(rename = "FAIL_RELOAD")]
    Reload,
    /// They are answered 503 until there is another config.
    #[serde(rename = "FAIL_CLOSED")]
    Closed,
}

#[derive(Serialize)]
struct TypedExtensionConfig {
    name: &'static str,
    typed_config: Typed<Wasm>,
}

#[derive(Serialize)]
struct Wasm {
    config: PluginConfig,
}

#[derive(Serialize)]
struct PluginConfig {
    name: &'static str,
    root_id: &'static str,
    failure_policy: FailurePolicy,
    vm_config: VmConfig,
    configuration: Typed<StringValue>,
}

#[derive(Serialize)]
struct VmConfig {
    runtime: &'static str,
    code: Code,
}

#[derive(Serialize)]
struct Code {
    local: DataSource,
}

#[derive(Serialize)]
struct DataSource {
    filename: String,
}

/// As text, not as a `Struct`: the filter gets the very bytes that were checked.
#[derive(Serialize)]
struct StringValue {
    value: String,
}

/// The file that brings canaries into a running Envoy: to change a share, replace it by a rename.
///
/// It says which files the canaries come from, in the metadata around the resource. If nothing but
/// that has changed, `version_info` has not, and Envoy that reads the file again does nothing.
///
/// # Errors
/// None that canaries read without an error can cause.
pub fn plugin_resource(
    canaries: &Canaries,
    provenance: &Provenance,
    options: &Options,
) -> Result<File, Error> {
    let names: Vec<String> = canaries.canaries.iter().map(Canary::full_name).collect();
    let annotations = provenance.annotations(names.iter().map(String::as_str));
    resource(&plugin_config::compact(canaries)?, annotations, options)
}

/// The same file around any text that the filter is to be configured with.
///
/// # Errors
/// None that any text can cause.
pub fn filter_resource(plugin_config: &str, options: &Options) -> Result<File, Error> {
    resource(plugin_config, BTreeMap::new(), options)
}

fn resource(
    plugin_config: &str,
    annotations: BTreeMap<String, String>,
    options: &Options,
) -> Result<File, Error> {
    let config = Typed::new(
        "envoy.config.core.v3.TypedExtensionConfig",
        TypedExtensionConfig {
            name: FILTER,
            typed_config: Typed::new(WASM, wasm(plugin_config, options)),
        },
    );
    discovery::annotated(PLUGIN, FILTER, config, annotations)
}

fn wasm(plugin_config: &str, options: &Options) -> Wasm {
    Wasm {
        config: PluginConfig {
            name: FILTER,
            root_id: FILTER,
            failure_policy: options.failure_policy,
            vm_config: VmConfig {
                runtime: "envoy.wasm.runtime.v8",
                code: Code {
                    local: DataSource {
                        filename: options.module.clone(),
                    },
                },
            },
            configuration: Typed::new(
                "google.protobuf.StringValue",
                StringValue {
                    value: plugin_config.to_owned(),
                },
            ),
        },
    }
}

/// The filter's place in the chain: its config comes from the watched file.
#[derive(Serialize)]
pub(super) struct DiscoveredFilter {
    name: &'static str,
    config_discovery: ExtensionConfigSource,
}

#[derive(Serialize)]
struct ExtensionConfigSource {
    config_source: ConfigSource,
    default_config: Typed<Wasm>,
    type_urls: [String; 1],
}

/// A file that Envoy watches.
#[derive(Serialize)]
pub(super) struct ConfigSource {
    path_config_source: PathConfigSource,
    resource_api_version: &'static str,
}

#[derive(Serialize)]
struct PathConfigSource {
    path: String,
    watched_directory: WatchedDirectory,
}

#[derive(Serialize)]
struct WatchedDirectory {
    path: String,
}

impl ConfigSource {
    /// The file of this name below the options' folder.
    pub(super) fn watching(file: &str, options: &Options) -> Self {
        let folder = &options.folder;
        Self {
            path_config_source: PathConfigSource {
                path: format!("{folder}/{file}"),
                // With it a swapped symbolic link counts as well, as in a mounted ConfigMap.
                watched_directory: WatchedDirectory {
                    path: format!("{folder}/{WATCHED}"),
                },
            },
            resource_api_version: "V3",
        }
    }
}

pub(super) fn discovered_filter(options: &Options) -> DiscoveredFilter {
    DiscoveredFilter {
        name: FILTER,
        config_discovery: ExtensionConfigSource {
            config_source: ConfigSource::watching(PLUGIN, options),
            // In force if the very first config is refused: a filter without canaries. Else Envoy
            // would answer every request 500 until it gets a config that is not.
            default_config: Typed::new(WASM, wasm("", options)),
            type_urls: [format!("type.googleapis.com/{WASM}")],
        },
    }
}
