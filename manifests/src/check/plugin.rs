//! The plugins that are ours: in a `WasmPlugin`, a `TrafficExtension` or an `EnvoyFilter`.

use super::field::Field;
use super::findings::Findings;
use super::object::Object;
use crate::istio::NAME;
use coalmine::config::{API_VERSION, PLUGIN_KIND};
use coalmine::{Node, Value};

/// A plugin of ours.
#[derive(Debug)]
pub(super) struct Plugin<'n> {
    pub(super) object: Object<'n>,
    /// Where to point for what it lacks.
    pub(super) at: Field<'n>,
    pub(super) config: Option<Config<'n>>,
    /// Where its module is, in the words of its API.
    pub(super) url: Option<Field<'n>>,
    pub(super) sha256: Option<Field<'n>>,
    pub(super) kind: Kind,
}

/// Whose object it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `WasmPlugin` and `TrafficExtension`.
    Istio,
    EnvoyFilter,
}

/// What the filter is configured with.
#[derive(Debug)]
pub(super) struct Config<'n> {
    pub(super) at: Field<'n>,
    /// Parsed, where it is a text.
    pub(super) text: Option<Result<Node, String>>,
}

/// All that are ours among these objects.
pub(super) fn plugins<'n>(objects: &[Object<'n>]) -> Vec<Plugin<'n>> {
    let mut plugins = Vec::new();
    for object in objects {
        let Some(spec) = object.spec() else {
            continue;
        };
        match object.kind {
            "WasmPlugin" => plugins.extend(of_istio(object, &spec)),
            "TrafficExtension" => {
                let wasm = spec.get("wasm");
                plugins.extend(wasm.and_then(|wasm| of_istio(object, &wasm)));
            }
            "EnvoyFilter" => of_envoy(object, &spec, &mut plugins),
            _ => {}
        }
    }
    plugins
}

fn of_istio<'n>(object: &Object<'n>, wasm: &Field<'n>) -> Option<Plugin<'n>> {
    let config = wasm.get("pluginConfig").map(|at| Config { at, text: None });
    let ours = config.as_ref().is_some_and(Config::is_ours)
        || wasm.text_at("pluginName") == Some(NAME)
        || object.is_made_by(NAME);
    ours.then(|| Plugin {
        object: object.clone(),
        at: wasm.clone(),
        config,
        url: wasm.get("url"),
        sha256: wasm.get("sha256").filter(|sum| sum.text() != Some("")),
        kind: Kind::Istio,
    })
}

/// Every `envoy.extensions.wasm.v3.PluginConfig` of ours, wherever a patch has it.
fn of_envoy<'n>(object: &Object<'n>, field: &Field<'n>, plugins: &mut Vec<Plugin<'n>>) {
    if let Some(configuration) = field.get("configuration") {
        // A `StringValue` with JSON, or a `Struct`.
        let at = configuration.get("value").unwrap_or(configuration);
        let text = at
            .text()
            .map(|text| serde_json::from_str::<Node>(text).map_err(|error| error.to_string()));
        let config = Config { at, text };
        let named = |name| field.text_at(name) == Some(NAME);
        if config.is_ours() || named("name") || named("root_id") {
            let remote = field.at("vm_config.code.remote");
            let remote = |path| remote.as_ref().and_then(|remote| remote.at(path));
            plugins.push(Plugin {
                object: object.clone(),
                at: field.clone(),
                config: Some(config),
                url: remote("http_uri.uri"),
                sha256: remote("sha256").filter(|sum| sum.text() != Some("")),
                kind: Kind::EnvoyFilter,
            });
            return;
        }
    }
    for (_, inner) in field.entries() {
        of_envoy(object, &inner, plugins);
    }
    for inner in field.items() {
        of_envoy(object, &inner, plugins);
    }
}

impl Config<'_> {
    /// The tree that the filter would read.
    pub(super) fn node(&self) -> Option<&Node> {
        match &self.text {
            Some(parsed) => parsed.as_ref().ok(),
            None => Some(self.at.node),
        }
    }

    fn is_ours(&self) -> bool {
        let Some(Value::Map(entries)) = self.node().map(|node| &node.value) else {
            return false;
        };
        let says = |name: &str, wanted: &str| {
            let mut values = entries.iter().filter(|(key, _)| key.name == name);
            values.any(|(_, node)| node.value == Value::String(wanted.to_owned()))
        };
        says("apiVersion", API_VERSION) && says("kind", PLUGIN_KIND)
    }
}

/// What one plugin says by itself.
pub(super) fn check(plugin: &Plugin<'_>, findings: &mut Findings) {
    if plugin.kind == Kind::EnvoyFilter {
        // A module that cannot be fetched is Envoy's business there, not the agent's.
        return;
    }
    let spec = plugin.object.spec().unwrap_or_else(|| plugin.at.clone());
    fail_strategy(plugin, findings);
    let modes: Vec<Field<'_>> = spec.items_at("match");
    let client = modes
        .iter()
        .find(|one| one.text_at("mode") == Some("CLIENT"));
    let targets = spec.items_at("targetRefs");
    let target = targets.into_iter().chain(spec.get("targetRef"));
    let service = target.clone().find(|one| {
        matches!(
            one.text_at("kind"),
            Some("Service" | "ServiceEntry" | "GatewayClass")
        )
    });
    match (client, service) {
        (Some(client), Some(_)) => findings.error(
            client,
            "never-applied",
            "a waypoint takes requests as coming in, so with the mode CLIENT this plugin never runs there",
            "leave `match` out for waypoints",
        ),
        (None, None) if target.count() == 0 => findings.warning(
            &plugin.at,
            "no-mode",
            format!(
                "{} also runs for requests that come in, where no version is left to choose",
                plugin.object.title()
            ),
            "write `match: [{mode: CLIENT}]` into its spec",
        ),
        _ => {}
    }
}

fn fail_strategy(plugin: &Plugin<'_>, findings: &mut Findings) {
    let strategy = plugin.at.get("failStrategy");
    let consequence = match strategy.as_ref().and_then(|strategy| strategy.text()) {
        Some("FAIL_OPEN") => return,
        Some("FAIL_RELOAD") => {
            "with FAIL_RELOAD a module that cannot be fetched denies every request of its proxies (403)"
        }
        Some(_) => {
            "with this a module that cannot be fetched, or fails, denies every request of its proxies"
        }
        None => {
            "without a failStrategy a module that cannot be fetched denies every request of its proxies (403)"
        }
    };
    findings.warning(
        strategy.as_ref().unwrap_or(&plugin.at),
        "denies-all",
        consequence,
        "write `failStrategy: FAIL_OPEN`: then the default serves meanwhile",
    );
}
