//! The filter as a plugin: a `WasmPlugin`, or the `TrafficExtension` that came after it.

use super::Module;
use crate::kubernetes::{Manifest, Metadata, Provenance};
use crate::{Error, File, plugin_config};
use coalmine::config::{Canaries, Plugin};
use serde::Serialize;
use std::collections::BTreeMap;

/// The plugin, with what the canaries do not say.
#[derive(Clone, Debug)]
pub struct Extension {
    /// Which kind of object it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its namespace; in the root namespace it is for the whole mesh.
    pub namespace: String,
    /// Which proxies of the namespace, or of the mesh, run it.
    pub placement: Placement,
    /// Where they take the module from.
    pub module: Module,
    /// What happens to requests when the filter cannot run.
    pub fail_strategy: FailStrategy,
    /// The secret with the registry's credentials, in the plugin's namespace.
    pub pull_secret: Option<String>,
    /// When the module is fetched again; Istio's own way if nothing is said.
    pub pull_policy: Option<PullPolicy>,
    /// Its place among the filters; behind authorization if nothing is said.
    pub phase: Option<Phase>,
    /// Its place among plugins of the same phase: the higher is the earlier.
    pub priority: Option<i32>,
}

/// Which kind of object a plugin is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// For every Istio.
    #[default]
    WasmPlugin,
    /// For Istio 1.30 and newer.
    TrafficExtension,
}

/// Which proxies run a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// Every sidecar and gateway of the namespace, or of the mesh.
    #[default]
    All,
    /// Those with these labels.
    Selector(BTreeMap<String, String>),
    /// Waypoints, and gateways of the Gateway API.
    Targets(Vec<TargetRef>),
}

/// What a plugin is attached to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TargetRef {
    /// The group of the API that has the kind; empty for Kubernetes' own.
    pub group: &'static str,
    /// The kind.
    pub kind: &'static str,
    /// The name.
    pub name: String,
}

/// What happens to requests when the module cannot be loaded or its virtual machine has died.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum FailStrategy {
    /// They go on without the filter.
    #[default]
    #[serde(rename = "FAIL_OPEN")]
    Open,
    /// They are refused, and a dead machine is started again (Istio 1.27).
    #[serde(rename = "FAIL_RELOAD")]
    Reload,
    /// They are refused.
    #[serde(rename = "FAIL_CLOSE")]
    Close,
}

/// When a module is fetched again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum PullPolicy {
    /// When it is not there.
    IfNotPresent,
    /// Whenever the plugin changes.
    Always,
}

/// A plugin's place among the filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Phase {
    /// Before authentication.
    #[serde(rename = "AUTHN")]
    Authn,
    /// Behind authentication, before authorization.
    #[serde(rename = "AUTHZ")]
    Authz,
    /// Behind authorization, before metrics.
    #[serde(rename = "STATS")]
    Stats,
}

#[derive(Serialize)]
struct WasmPlugin<'c> {
    #[serde(flatten)]
    place: Place<'c>,
    #[serde(flatten)]
    wasm: Wasm<'c>,
}

#[derive(Serialize)]
struct TrafficExtension<'c> {
    #[serde(flatten)]
    place: Place<'c>,
    wasm: Wasm<'c>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Place<'c> {
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<Selector<'c>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    target_refs: &'c [TargetRef],
    #[serde(rename = "match", skip_serializing_if = "<[_]>::is_empty")]
    matches: &'static [TrafficSelector],
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<Phase>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<i32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Selector<'c> {
    match_labels: &'c BTreeMap<String, String>,
}

#[derive(Serialize)]
struct TrafficSelector {
    mode: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wasm<'c> {
    url: &'c str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_pull_policy: Option<PullPolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_pull_secret: Option<&'c str>,
    fail_strategy: FailStrategy,
    plugin_name: &'static str,
    /// A structure, which Istio hands to the filter as JSON.
    plugin_config: Plugin<'c>,
}

/// Requests that go out of a sidecar, or through a gateway. Without it the filter would decide for
/// requests that come in as well, where there is nothing left to choose.
const OUTBOUND: &[TrafficSelector] = &[TrafficSelector { mode: "CLIENT" }];

pub(super) fn extension(
    canaries: &Canaries,
    provenance: &Provenance,
    extension: &Extension,
) -> Result<File, Error> {
    let place = place(extension);
    let wasm = Wasm {
        url: extension.module.url(),
        sha256: extension.module.sha256(),
        image_pull_policy: extension.pull_policy,
        image_pull_secret: extension.pull_secret.as_deref(),
        fail_strategy: extension.fail_strategy,
        plugin_name: super::NAME,
        plugin_config: plugin_config::object(canaries)?,
    };
    let metadata = metadata(canaries, provenance, extension);
    let api_version = "extensions.istio.io/v1alpha1";
    match extension.kind {
        Kind::WasmPlugin => Manifest {
            api_version,
            kind: "WasmPlugin",
            metadata,
            spec: WasmPlugin { place, wasm },
        }
        .file(),
        Kind::TrafficExtension => Manifest {
            api_version,
            kind: "TrafficExtension",
            metadata,
            spec: TrafficExtension { place, wasm },
        }
        .file(),
    }
}

fn metadata(canaries: &Canaries, provenance: &Provenance, extension: &Extension) -> Metadata {
    let names: Vec<String> = canaries
        .canaries
        .iter()
        .map(|canary| canary.full_name())
        .collect();
    Metadata::new(
        extension.name.clone(),
        Some(extension.namespace.clone()),
        provenance.annotations(names.iter().map(String::as_str)),
    )
}

fn place(extension: &Extension) -> Place<'_> {
    let (selector, target_refs, matches) = match &extension.placement {
        Placement::All => (None, &[][..], OUTBOUND),
        Placement::Selector(match_labels) => (Some(Selector { match_labels }), &[][..], OUTBOUND),
        // A waypoint takes what comes in for what goes out: with a mode it would have no filter.
        Placement::Targets(targets) => (None, targets.as_slice(), &[][..]),
    };
    Place {
        selector,
        target_refs,
        matches,
        phase: extension.phase,
        priority: extension.priority,
    }
}

// === impl Extension ===

impl Extension {
    /// The plugin for the whole of a mesh that is set up as Istio is by itself.
    pub fn new(module: Module) -> Self {
        Self {
            kind: Kind::default(),
            name: super::NAME.to_owned(),
            namespace: "istio-system".to_owned(),
            placement: Placement::default(),
            module,
            fail_strategy: FailStrategy::default(),
            pull_secret: None,
            pull_policy: None,
            phase: None,
            priority: None,
        }
    }
}

// === impl TargetRef ===

impl TargetRef {
    /// How many a plugin may have.
    pub const MOST: usize = 16;

    /// The kinds that a plugin can be attached to, with their groups.
    const KINDS: [(&'static str, &'static str); 4] = [
        ("Gateway", "gateway.networking.k8s.io"),
        ("GatewayClass", "gateway.networking.k8s.io"),
        ("Service", ""),
        ("ServiceEntry", "networking.istio.io"),
    ];

    /// Reads `Kind/name`.
    ///
    /// # Errors
    /// It is not of that form, or of a kind that no plugin can be attached to.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (kind, name) = text.split_once('/').unwrap_or((text, ""));
        let known = Self::KINDS.iter().find(|(known, _)| *known == kind);
        match known {
            Some((kind, group)) if !name.is_empty() && !name.contains('/') => Ok(Self {
                group,
                kind,
                name: name.to_owned(),
            }),
            _ => Err(
                "write Gateway/NAME, GatewayClass/NAME, Service/NAME or ServiceEntry/NAME"
                    .to_owned(),
            ),
        }
    }
}
