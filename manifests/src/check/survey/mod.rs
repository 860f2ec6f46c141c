//! What a cluster has of ours, and whether it agrees with itself.
//!
//! Beside [`check`](super::check()), which holds a cluster against the files of its canaries, this knows
//! no file: the canaries are those that plugins carry. A plugin leaves out what only manifests need, so
//! the services and labels of variants come from the routes (`restore`).
//!
//! | file | what |
//! |---|---|
//! | `restore` | the services and labels of variants, from the routes of the cluster |
//! | `backends` | whether those services are there, and how many endpoints each variant has |
//! | `origins` | whether plugin and routes were made from the same file |
//! | `rivals` | two VirtualServices for one host in the mesh |
//! | `modules` | whether modules are pinned, and one |

mod backends;
mod modules;
mod origins;
mod restore;
mod rivals;

pub use backends::Backend;

use super::findings::Findings;
use super::plugin::{self, Plugin};
use super::{claims, config, name, object, routes};
use crate::Problem;
use coalmine::Node;
use coalmine::config::{Canaries, Canary, plugin_json};
use coalmine::diagnostic::{Diagnostic, any_error};
use std::collections::BTreeSet;

/// The codes of what a survey finds by itself; all others are those of [`check`](super::check()).
pub const CODES: [&str; 6] = [
    "other-config",
    "other-source",
    "stray-routes",
    "two-modules",
    "two-virtual-services",
    "unpinned-module",
];

/// What to look at, and how much of the cluster is known.
pub struct Scope<'s> {
    /// The namespace whose plugins are for the whole mesh.
    pub root_namespace: &'s str,
    /// Which canaries are asked for.
    pub wanted: &'s dyn Fn(&Canary) -> bool,
    /// Whether all objects of a kind were read; nothing is missed of the others.
    pub read: &'s dyn Fn(&str) -> bool,
}

/// What a cluster has of ours.
#[derive(Debug, Default)]
pub struct Survey {
    /// The plugins that carry canaries which are asked for, or a config that cannot be read.
    pub carriers: Vec<Carrier>,
    /// The canaries that are asked for, each once for every plugin that carries it.
    pub canaries: Vec<Surveyed>,
    /// The names of all canaries, asked for or not.
    pub known: Vec<String>,
    /// What is wrong, with its place in the object.
    pub found: Vec<Diagnostic>,
    /// What canaries lack that is in no object.
    pub missing: Vec<Problem>,
}

/// A plugin of ours.
#[derive(Clone, Debug)]
pub struct Carrier {
    /// `WasmPlugin`, `TrafficExtension` or `EnvoyFilter`.
    pub kind: String,
    /// Its namespace.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Where its module is.
    pub url: Option<String>,
    /// The digest that pins the module, without `sha256:`.
    pub digest: Option<String>,
    /// What the filter reads, if that can be read; without places.
    pub config: Option<Node>,
    /// Its canaries as the filter has them; none if it refuses the config.
    pub canaries: Option<Canaries>,
    /// The files it was made from, with their hashes.
    pub sources: Vec<(String, String)>,
    /// The labels that a workload needs to have it; empty for all.
    pub labels: Vec<(String, String)>,
    /// Whether it is for what it names (`targetRefs`), such as waypoints.
    pub targeted: bool,
}

/// A canary in a plugin.
#[derive(Clone, Debug)]
pub struct Surveyed {
    /// Which of the [carriers](Survey::carriers) has it.
    pub carrier: usize,
    /// The canary, with the services and labels that routes give its variants.
    pub canary: Canary,
    /// The header that its decisions are written into.
    pub variant_header: String,
    /// Where each variant's requests go, in the canary's order.
    pub backends: Vec<Backend>,
    /// The objects with its routes.
    pub routes: Vec<String>,
}

/// Looks at the objects of a cluster. Each comes with the number that its diagnostics carry.
pub fn survey<'n>(
    documents: impl IntoIterator<Item = (usize, &'n Node)>,
    scope: &Scope<'_>,
) -> Survey {
    let mut objects = object::objects(documents);
    // What we made comes first, so that canaries are restored from it and not from what is beside it.
    objects.sort_by_key(|object| !object.is_made_by(crate::istio::NAME));
    let mut findings = Findings::default();
    let mut survey = Survey::default();
    let mut carrying = Vec::new();
    let mut all = Vec::new();
    for plugin in plugin::plugins(&objects) {
        let mut refused = Findings::default();
        let canaries = match &plugin.config {
            Some(config) => config::read_config(config, &mut refused),
            None => {
                config::no_config(&plugin, &mut refused);
                None
            }
        };
        let carried = canaries.iter().flat_map(|all| &all.canaries);
        all.extend(carried.clone().cloned());
        let wanted = |canary: &&Canary| (scope.wanted)(canary);
        let shown: Vec<&Canary> = carried.filter(wanted).collect();
        if canaries.is_some() && shown.is_empty() {
            continue;
        }
        findings.join(refused);
        let carrier = survey.carriers.len();
        let lean = canaries.clone().unwrap_or_default();
        let restored = shown.into_iter().map(|canary| {
            let restored = restore::restore(canary, &lean.variant_header, &objects);
            Surveyed {
                carrier,
                backends: backends::of(&restored, &objects, scope),
                canary: restored.canary,
                variant_header: lean.variant_header.clone(),
                routes: restored.routes,
            }
        });
        survey.canaries.extend(restored);
        survey.carriers.push(carrier_of(&plugin, canaries));
        carrying.push(plugin);
    }
    survey.known = all.iter().map(Canary::full_name).collect();
    survey.known.sort();
    survey.known.dedup();
    check_routes(&survey, &objects, scope, &mut findings);
    claims::check(&carrying, scope.root_namespace, &mut findings);
    for plugin in &carrying {
        plugin::check(plugin, &mut findings);
    }
    modules::check(&carrying, &mut findings);
    origins::check(&survey, &objects, &mut findings);
    disagreement(&survey, &mut findings);
    rivals::check(&survey, &objects, &mut findings);
    if survey.carriers.iter().all(|one| one.canaries.is_some()) {
        rivals::strays(&all, &objects, &mut findings);
    }
    let (found, missing) = findings.sorted();
    Survey {
        found,
        missing,
        ..survey
    }
}

/// The namespaces whose pods have to be known to count the endpoints of variants.
pub fn namespaces_of_pods(survey: &Survey) -> BTreeSet<String> {
    let backends = survey.canaries.iter().flat_map(|one| &one.backends);
    let services = backends.filter_map(|backend| backend.service.as_deref());
    services
        .filter_map(|service| {
            let (_, namespace) = service.split_once('.')?;
            (!namespace.contains('.')).then(|| namespace.to_owned())
        })
        .collect()
}

/// Whether plugins that carry the same canary carry the same.
fn disagreement(survey: &Survey, findings: &mut Findings) {
    for (number, one) in survey.canaries.iter().enumerate() {
        let name = one.canary.full_name();
        let mut before = survey.canaries[..number].iter();
        let other =
            before.find(|other| other.canary.full_name() == name && other.canary != one.canary);
        let title = |one: &Surveyed| survey.carriers.get(one.carrier).map(Carrier::title);
        if let Some((first, second)) = other.and_then(|other| title(other).zip(title(one))) {
            findings.missing(
                &one.canary,
                "other-config",
                format!("{first} and {second} carry different versions of this canary"),
                "render both anew from the same file, and apply them",
            );
        }
    }
}

/// Whether routes lead every variant somewhere, and somewhere else than the default.
fn check_routes(
    survey: &Survey,
    objects: &[object::Object<'_>],
    scope: &Scope<'_>,
    findings: &mut Findings,
) {
    let kinds = ["VirtualService", "HTTPRoute", "GRPCRoute", "EnvoyFilter"];
    let mut checked: Vec<(&Canary, &str)> = Vec::new();
    for one in &survey.canaries {
        // The plugins of sidecars and of waypoints may carry the same canary.
        let same = (&one.canary, one.variant_header.as_str());
        if checked.contains(&same) {
            continue;
        }
        checked.push(same);
        let alone = Canaries {
            canaries: vec![one.canary.clone()],
            variant_header: one.variant_header.clone(),
            ..Canaries::default()
        };
        let mut of_routes = Findings::default();
        routes::check(&alone, objects, &mut of_routes);
        if !kinds.iter().all(|kind| (scope.read)(kind)) {
            of_routes.forget("no-routes");
        }
        if !(scope.read)("DestinationRule") {
            of_routes.forget("missing-subset");
        }
        findings.join(of_routes);
    }
}

fn carrier_of(plugin: &Plugin<'_>, canaries: Option<Canaries>) -> Carrier {
    let object = &plugin.object;
    let spec = object.spec();
    let labels = |path: &str| Some(spec.as_ref()?.at(path)?.texts());
    let labels = labels("selector.matchLabels").or_else(|| labels("workloadSelector.labels"));
    let targeted = |path: &str| spec.as_ref().is_some_and(|spec| spec.at(path).is_some());
    let owned = |pair: (&str, &str)| (pair.0.to_owned(), pair.1.to_owned());
    Carrier {
        kind: object.kind.to_owned(),
        namespace: object.namespace.map(str::to_owned),
        name: object.name.to_owned(),
        url: modules::url(plugin).map(str::to_owned),
        digest: modules::digest(plugin).map(str::to_owned),
        config: plugin
            .config
            .as_ref()
            .and_then(|config| config.node().cloned()),
        canaries: canaries.filter(|_| plugin.config.is_some()),
        sources: origins::of(object)
            .into_iter()
            .map(|(file, hash)| (file.to_owned(), hash.to_owned()))
            .collect(),
        labels: labels.unwrap_or_default().into_iter().map(owned).collect(),
        targeted: targeted("targetRefs") || targeted("targetRef"),
    }
}

// === impl Carrier ===

impl Carrier {
    /// `WasmPlugin istio-system/coalmine`.
    pub fn title(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} {namespace}/{}", self.kind, self.name),
            None => format!("{} {}", self.kind, self.name),
        }
    }

    /// Whether a config that a control plane sends is this plugin's: the filter reads the same in both.
    pub fn has_config(&self, config: &Node) -> bool {
        let (sent, found) = coalmine::config::read([(0, config)]);
        let ours = self.canaries.as_ref().and_then(in_any_order);
        !any_error(&found) && ours.is_some() && in_any_order(&sent) == ours
    }
}

/// What the filter is told, without the order of keys: API servers and control planes keep none.
fn in_any_order(canaries: &Canaries) -> Option<serde_json::Value> {
    let json = plugin_json(canaries).ok()?;
    serde_json::from_str(&json).ok()
}

/// The hosts and services by which the routes of a canary are found.
fn known_names(canary: &Canary) -> Vec<String> {
    let mut names = name::hosts(canary);
    let own = canary.spec.variants.iter();
    let own = own.filter_map(|(_, variant)| variant.service.clone());
    let services = canary.service().into_iter().chain(own);
    names.extend(services.map(|service| name::service(&service, canary)));
    names
}
