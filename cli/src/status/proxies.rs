//! Which proxies have which plugin, from what their control planes say.
//!
//! A control plane knows of each proxy which extensions it asks for, the nonce of what was sent last,
//! and the nonce of what was taken last. A nonce is for all extensions together, so a refusal may be of
//! another extension than ours. It also shows the configs that it has for a proxy: where they are the
//! plugin's and the last nonce was taken, the proxy has the plugin with this very config.

use super::cluster::{Cluster, Proxy};
use super::code::Code;
use super::report::{Finding, ProxyStatus, Severity, State};
use crate::input::counted;
use coalmine_manifests::check::survey::Carrier;

/// What Istio's own extensions are called when they were made from a `WasmPlugin`.
const TRANSLATED: &str = "~istio-translated-wasmplugin";

/// The type of extensions in what proxies refuse.
const EXTENSIONS: &str = "TypedExtensionConfig";

/// How many proxies are named where one thing is said of many.
const NAMED: usize = 3;

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
                let state = state(proxy, carrier, root_namespace);
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

fn state(proxy: &Proxy, carrier: &Carrier, root_namespace: &str) -> State {
    let is_of = |name: &str| is_of(carrier, name) && may_be_for(carrier, proxy, root_namespace);
    let asked = proxy.asked.as_ref();
    let asks = asked.map(|names| names.iter().any(|name| is_of(name)));
    let sends = proxy.configs.as_ref().map(|configs| {
        let mut configs = configs.iter();
        configs.find(|config| is_of(&config.name))
    });
    match (asks, &sends) {
        (Some(false), _) | (None, Some(None)) => return State::Absent,
        _ => {}
    }
    if proxy.refused.iter().any(|one| one.what == EXTENSIONS) {
        return State::Refused;
    }
    let Some(nonces) = &proxy.nonces else {
        return State::Unknown;
    };
    if nonces.sent.is_empty() {
        return State::NotSent;
    }
    if nonces.sent != nonces.acked {
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

/// Whether a plugin can be what a proxy has under its name. The resource of an EnvoyFilter has no
/// namespace in its name, so where the filter holds decides: in its namespace, or in the whole mesh.
fn may_be_for(carrier: &Carrier, proxy: &Proxy, root_namespace: &str) -> bool {
    // Labels come with what is asked for.
    let labelled = proxy.asked.is_none() || has_labels(carrier, proxy);
    carrier.kind != "EnvoyFilter" || (labelled && is_near(carrier, proxy, root_namespace))
}

fn has_labels(carrier: &Carrier, proxy: &Proxy) -> bool {
    let mut labels = carrier.labels.iter();
    labels.all(|(key, value)| proxy.labels.get(key) == Some(value))
}

fn is_near(carrier: &Carrier, proxy: &Proxy, root_namespace: &str) -> bool {
    let namespace = carrier.namespace.as_deref().unwrap_or_default();
    namespace == root_namespace || namespace == proxy.namespace()
}

/// Whether a plugin is meant for a proxy, as far as labels tell; what a plugin with targets is for is
/// known from what asks for it.
fn is_for(carrier: &Carrier, proxy: &Proxy, root_namespace: &str) -> bool {
    let near = is_near(carrier, proxy, root_namespace) && has_labels(carrier, proxy);
    let takes_plugins = matches!(proxy.role.as_str(), "sidecar" | "router");
    near && !carrier.targeted && takes_plugins
}

/// What is wrong with proxies; what is said of many alike is said once.
pub(super) fn judge(cluster: &Cluster, proxies: &[ProxyStatus], findings: &mut Vec<Finding>) {
    let mut said = Vec::new();
    for one in proxies {
        let (severity, code, message, help) = match one.state {
            State::Synced | State::Acknowledged | State::Unknown => continue,
            State::Refused => (
                Severity::Error,
                Code::ProxyRefused,
                format!(
                    "what was sent for {} was refused, and what was there before stays: {}",
                    one.plugin,
                    one.refused.as_deref().unwrap_or("no reason is given")
                ),
                "mend what it names; where it names another extension than this one, that one holds all of them back",
            ),
            State::Outdated => (
                Severity::Warning,
                Code::ProxyOutdated,
                format!(
                    "{} has another config there than {} says now",
                    one.control_plane, one.plugin
                ),
                "ask again in some seconds; if it stays, look into the control plane's log",
            ),
            State::Stale => (
                Severity::Warning,
                Code::ProxyStale,
                format!("what was sent for {} is not taken yet", one.plugin),
                "ask again in some seconds; if it stays, look into the log of the agent: it may be fetching the module",
            ),
            State::NotSent => (
                Severity::Warning,
                Code::ProxyNotSent,
                format!("nothing was sent for {} yet", one.plugin),
                "ask again in some seconds; if it stays, look into the control plane's log",
            ),
            State::Absent => (
                Severity::Note,
                Code::ProxyWithout,
                format!(
                    "{} is not asked for: no listener has the filter",
                    one.plugin
                ),
                "that is right where no listener is for HTTP; else ask again in some seconds",
            ),
        };
        said.push((&one.proxy, severity, code, message, help));
    }
    let with: Vec<&str> = proxies.iter().map(|one| one.proxy.as_str()).collect();
    let connected = cluster.control_planes.iter().flat_map(|one| &one.proxies);
    for proxy in connected.filter(|proxy| with.contains(&proxy.id.as_str())) {
        for refused in proxy.refused.iter().filter(|one| one.what != EXTENSIONS) {
            said.push((
                &proxy.id,
                Severity::Warning,
                Code::ProxyRefusedOther,
                format!("a {} was refused: {}", refused.what, refused.message),
                "routes and clusters of a canary may be missing there until that is mended",
            ));
        }
    }
    let mut grouped: Vec<Finding> = Vec::new();
    for (proxy, severity, code, message, help) in said {
        let same = |one: &&mut Finding| (one.code, &one.message) == (code.name(), &message);
        match grouped.iter_mut().find(same) {
            Some(same) => same.proxies.push(proxy.clone()),
            None => grouped.push(Finding {
                severity,
                code: code.name(),
                about: String::new(),
                path: String::new(),
                proxies: vec![proxy.clone()],
                message,
                help: Some(help.to_owned()),
            }),
        }
    }
    findings.extend(grouped.into_iter().map(|mut one| {
        one.proxies.sort();
        // One that is connected to two control planes is one.
        one.proxies.dedup();
        one.about = named(&one.proxies);
        one
    }));
}

/// `proxy a`, or `5 proxies: a, b, c and 2 more`
pub(super) fn named(proxies: &[String]) -> String {
    if let [one] = proxies {
        return format!("proxy {one}");
    }
    let first: Vec<&str> = proxies.iter().take(NAMED).map(String::as_str).collect();
    let more = match proxies.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let count = counted(proxies.len(), "proxy");
    format!("{count}: {}{more}", first.join(", "))
}
