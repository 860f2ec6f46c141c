//! Istio where no plugin is wanted: the filter, and maybe the routes, as patches of Envoy's config.
//!
//! | object | what | one for |
//! |---|---|---|
//! | `EnvoyFilter` | the filter with its config, before the router, for all hosts or for those that are governed | all canaries |
//! | `EnvoyFilter` | a route for each variant, before all others; for the default only where Istio has none but its own | each canary |
//! | `DestinationRule` | a subset for each variant, which the routes go to | each canary |
//!
//! Patches are tied to how Istio builds Envoy's config, and are no stable interface: a plugin
//! ([`crate::istio`]) is to be preferred.
//!
//! The filter comes by extension discovery, as Istio's own plugins do, so that another config does not
//! drain connections, and so that the agent beside Envoy fetches the module: what Envoy fetches by
//! itself is unstable (envoyproxy/envoy#25052).

mod filter;
mod hosts;
mod routes;

use crate::envoy::FailurePolicy;
use crate::istio::{MODULE_IS_UNPINNED, Module, NAME};
use crate::kubernetes::{Manifest, Metadata, Provenance};
use crate::{Error, File};
use coalmine::config::Canaries;
use serde::Serialize;
use std::collections::BTreeMap;

/// What the canaries do not say.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name of the object with the filter, and of the filter in Envoy.
    pub name: String,
    /// The objects' namespace; in the root namespace they are for the whole mesh.
    pub namespace: String,
    /// Only workloads with these labels, if there are any.
    pub selector: BTreeMap<String, String>,
    /// The module: a file that every proxy has, or an address with a checksum.
    pub code: Code,
    /// What happens to requests when the filter cannot run.
    pub failure_policy: FailurePolicy,
    /// Whether routes and subsets are made as well.
    pub routes: bool,
    /// Whether the filter is only at work for hosts that a canary governs. An edge needs it for all.
    pub only_governed_hosts: bool,
}

/// Where proxies have the module from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// A file in the proxy's container.
    Local(String),
    /// An address that the agent fetches from, and what it must find there.
    Remote {
        /// The address.
        uri: String,
        /// The checksum of the module, or the digest of the image's manifest.
        sha256: String,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EnvoyFilter<'c> {
    #[serde(skip_serializing_if = "Option::is_none")]
    workload_selector: Option<WorkloadSelector<'c>>,
    config_patches: Vec<ConfigPatch<'c>>,
}

#[derive(Serialize)]
struct WorkloadSelector<'c> {
    labels: &'c BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConfigPatch<'c> {
    apply_to: &'static str,
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    matches: Option<Match>,
    patch: Patch<'c>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Match {
    context: Context,
    #[serde(flatten)]
    object: Object,
}

/// Where requests leave for a service.
#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Context {
    SidecarOutbound,
    Gateway,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Object {
    Listener(filter::ListenerMatch),
    RouteConfiguration(routes::RouteConfigurationMatch),
}

#[derive(Serialize)]
struct Patch<'c> {
    operation: &'static str,
    value: PatchValue<'c>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum PatchValue<'c> {
    Filter(filter::HttpFilter<'c>),
    Extension(Box<filter::TypedExtensionConfig<'c>>),
    Route(routes::Route<'c>),
    OtherCluster(routes::OtherCluster),
    VirtualHost(hosts::VirtualHost<'c>),
}

/// Everything that is patched for these canaries, one object a file, by the files' names.
///
/// # Errors
/// [`Error::Problems`] if routes are wanted and a variant is told from the others by nothing that
/// Istio knows, or the name of its cluster in Envoy cannot be known; or if the filter shall be at work
/// for governed hosts alone, and one is a wildcard.
pub fn render(
    canaries: &Canaries,
    provenance: &Provenance,
    options: &Options,
) -> Result<Vec<File>, Error> {
    let names: Vec<String> = canaries
        .canaries
        .iter()
        .map(|canary| canary.full_name())
        .collect();
    let annotations = provenance.annotations(names.iter().map(String::as_str));
    let mut patches = filter::patches(canaries, options)?;
    if options.only_governed_hosts {
        patches.extend(hosts::patches(canaries, options)?);
    }
    let mut files = vec![object(options.name.clone(), annotations, patches, options).file()?];
    if options.routes {
        files.extend(routes::routes(canaries, provenance, options)?);
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(files)
}

fn object<'c>(
    name: String,
    annotations: BTreeMap<String, String>,
    config_patches: Vec<ConfigPatch<'c>>,
    options: &'c Options,
) -> Manifest<EnvoyFilter<'c>> {
    let labels = &options.selector;
    Manifest {
        api_version: "networking.istio.io/v1alpha3",
        kind: "EnvoyFilter",
        metadata: Metadata::new(name, Some(options.namespace.clone()), annotations),
        spec: EnvoyFilter {
            workload_selector: (!labels.is_empty()).then_some(WorkloadSelector { labels }),
            config_patches,
        },
    }
}

// === impl Options ===

impl Options {
    /// The filter alone, for the whole of a mesh that is set up as Istio is by itself.
    pub fn new(code: Code) -> Self {
        Self {
            name: NAME.to_owned(),
            namespace: "istio-system".to_owned(),
            selector: BTreeMap::new(),
            code,
            failure_policy: FailurePolicy::Reload,
            routes: false,
            only_governed_hosts: false,
        }
    }
}

// === impl Code ===

impl Code {
    /// What an address means here.
    ///
    /// # Errors
    /// It has neither digest nor checksum, which Envoy wants for anything that is fetched.
    pub fn new(module: &Module) -> Result<Self, &'static str> {
        let uri = module.url().to_owned();
        if let Some(path) = uri.strip_prefix("file://") {
            return Ok(Self::Local(path.to_owned()));
        }
        let sha256 = module.sha256().or_else(|| module.digest());
        match sha256.map(str::to_owned) {
            Some(sha256) => Ok(Self::Remote { uri, sha256 }),
            None => Err(MODULE_IS_UNPINNED),
        }
    }
}
