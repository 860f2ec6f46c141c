//! Which proxies have which plugin, from what their control planes say.
//!
//! A control plane knows of each proxy which extensions it asks for, the nonce of what was sent last,
//! and the nonce of what was taken last. A nonce is for all extensions together, so a refusal may be of
//! another extension than ours. It also shows the configs that it has for a proxy: where they are the
//! plugin's and the last nonce was taken, the proxy has the plugin with this very config.

use super::cluster::{Cluster, Proxy};
use super::report::{Finding, ProxyStatus, Severity, State};
use coalmine_manifests::check::survey::Carrier;

/// What Istio's own extensions are called when they were made from a `WasmPlugin`.
const TRANSLATED: &str = "~istio-translated-wasmplugin";

/// The type of extensions in what proxies refuse.
const EXTENSIONS: &str = "TypedExtensionConfig";

/// Every proxy that has, or should have, one of these plugins.
pub(super) fn of(
    cluster: &Cluster,
    carriers: &[Carrier],
    root_namespace: &str,
) -> Vec<ProxyStatus> {
    let mut found = Vec::new();
    for plane in &cluster.control_planes {
        for proxy in &plane.proxies {
            for carrier in carriers {
                let state = state(proxy, carrier);
                let unknown = proxy.asked.is_none() && proxy.configs.is_none();
                let asks = state != State::Absent && !unknown;
                if !asks && !is_for(carrier, proxy, root_namespace) {
                    continue;
                }
                let refused = proxy.refused.iter().find(|one| one.what == EXTENSIONS);
                found.push(ProxyStatus {
                    proxy: proxy.id.clone(),
                    role: proxy.role.clone(),
                    version: proxy.version.clone(),
                    plugin: carrier.title(),
                    state,
                    control_plane: plane.name.clone(),
                    refused: refused
                        .filter(|_| state == State::Refused)
                        .map(|one| one.message.clone()),
                });
            }
        }
    }
    found.sort_by(|one, other| (&one.proxy, &one.plugin).cmp(&(&other.proxy, &other.plugin)));
    found
}

fn state(proxy: &Proxy, carrier: &Carrier) -> State {
    let asked = proxy.asked.as_ref();
    let asks = asked.map(|names| names.iter().any(|name| is_of(carrier, name)));
    let sends = proxy.configs.as_ref().map(|configs| {
        let mut configs = configs.iter();
        configs.find(|config| is_of(carrier, &config.name))
    });
    match (asks, &sends) {
        (Some(false), _) | (None, Some(None)) => return State::Absent,
        _ => {}
    }
    if proxy.refused.iter().any(|one| one.what == EXTENSIONS) {
        return State::Refused;
    }
    if proxy.sent.is_empty() {
        return State::NotSent;
    }
    if proxy.sent != proxy.acked {
        return State::Stale;
    }
    match sends {
        None => State::Acknowledged,
        Some(sent) => match sent.and_then(|sent| sent.config.as_ref()) {
            Some(config) if carrier.has_config(config) => State::Synced,
            _ => State::Outdated,
        },
    }
}

/// Whether a resource is a plugin's: `extensions.istio.io/trafficextension/<namespace>.<name>`, of which
/// a dump shows what is behind the last `/`, or the name of the EnvoyFilter.
fn is_of(carrier: &Carrier, resource: &str) -> bool {
    if carrier.kind == "EnvoyFilter" {
        return resource == carrier.name;
    }
    let name = resource.rsplit('/').next().unwrap_or_default();
    let namespace = carrier.namespace.as_deref().unwrap_or_default();
    let translated = name.strip_suffix(TRANSLATED);
    let kind_fits = translated.is_none() || carrier.kind == "WasmPlugin";
    kind_fits && translated.unwrap_or(name) == format!("{namespace}.{}", carrier.name)
}

/// Whether a plugin is meant for a proxy, as far as labels tell; what a plugin with targets is for is
/// known from what asks for it.
fn is_for(carrier: &Carrier, proxy: &Proxy, root_namespace: &str) -> bool {
    let namespace = carrier.namespace.as_deref().unwrap_or_default();
    let near = namespace == root_namespace || namespace == proxy.namespace();
    let mut labels = carrier.labels.iter();
    let has = labels.all(|(key, value)| proxy.labels.get(key) == Some(value));
    near && has && !carrier.targeted && proxy.role != "waypoint" && proxy.role != "ztunnel"
}

/// What is wrong with proxies.
pub(super) fn judge(cluster: &Cluster, proxies: &[ProxyStatus], findings: &mut Vec<Finding>) {
    for one in proxies {
        let (severity, code, message, help) = match one.state {
            State::Synced | State::Acknowledged => continue,
            State::Refused => (
                Severity::Error,
                "proxy-refused",
                format!(
                    "it refused what was sent for {}, and has what it had before: {}",
                    one.plugin,
                    one.refused.as_deref().unwrap_or("it does not say why")
                ),
                "mend what it names; where it names another extension than this one, that one holds all of them back",
            ),
            State::Outdated => (
                Severity::Warning,
                "proxy-outdated",
                format!(
                    "{} has another config for it than {} says now",
                    one.control_plane, one.plugin
                ),
                "ask again in some seconds; if it stays, look into the control plane's log",
            ),
            State::Stale => (
                Severity::Warning,
                "proxy-stale",
                format!("it has not taken what was sent for {} yet", one.plugin),
                "ask again in some seconds; if it stays, look into the log of its agent: it may be fetching the module",
            ),
            State::NotSent => (
                Severity::Warning,
                "proxy-not-sent",
                format!("nothing was sent to it for {} yet", one.plugin),
                "ask again in some seconds; if it stays, look into the control plane's log",
            ),
            State::Absent => (
                Severity::Note,
                "proxy-without",
                format!(
                    "it does not ask for {}: none of its listeners has the filter",
                    one.plugin
                ),
                "that is right where it has no listener for HTTP; else ask again in some seconds",
            ),
        };
        findings.push(Finding {
            severity,
            code,
            about: format!("proxy {}", one.proxy),
            path: String::new(),
            message,
            help: Some(help.to_owned()),
        });
    }
    let with: Vec<&str> = proxies.iter().map(|one| one.proxy.as_str()).collect();
    let connected = cluster.control_planes.iter().flat_map(|one| &one.proxies);
    for proxy in connected.filter(|proxy| with.contains(&proxy.id.as_str())) {
        for refused in proxy.refused.iter().filter(|one| one.what != EXTENSIONS) {
            findings.push(Finding {
                severity: Severity::Warning,
                code: "proxy-refused-other",
                about: format!("proxy {}", proxy.id),
                path: String::new(),
                message: format!("it refused a {}: {}", refused.what, refused.message),
                help: Some(
                    "routes and clusters of a canary may be missing in it until that is mended"
                        .to_owned(),
                ),
            });
        }
    }
}
