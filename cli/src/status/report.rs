//! What `coalmine status` says, for programs as it is; `text` says the same to people.

use super::code::Code;
use serde::Serialize;
use std::collections::BTreeMap;

/// The state of canaries in a cluster.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Whether nothing is wrong; warnings and notes stop nothing.
    pub ok: bool,
    /// When the cluster was asked, in RFC 3339: ramps depend on it.
    pub at: String,
    /// The canaries that were asked for.
    pub canaries: Vec<CanaryStatus>,
    /// The plugins that carry them.
    pub plugins: Vec<PluginStatus>,
    /// The proxies that have, or should have, one of those plugins; none if no control plane was asked.
    pub proxies: Option<Vec<ProxyStatus>>,
    /// What is wrong, the worst first.
    pub findings: Vec<Finding>,
}

/// A canary.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CanaryStatus {
    /// `namespace/name`.
    pub name: String,
    /// What it governs.
    pub hosts: Vec<String>,
    /// The plugins that carry it.
    pub plugins: Vec<String>,
    /// The objects with its routes.
    pub routes: Vec<String>,
    /// The default first.
    pub variants: Vec<VariantStatus>,
    /// The next point of its ramp, if there is one to come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Next>,
    /// How many rules decide before the shares.
    pub rules: usize,
}

/// A variant.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VariantStatus {
    /// Its name.
    pub name: String,
    /// Whether it is the default.
    pub default: bool,
    /// Its share now, like `5%`.
    pub share: String,
    /// Where its requests go, if a route says so.
    pub service: Option<String>,
    /// The labels of its endpoints.
    pub labels: BTreeMap<String, String>,
    /// How many endpoints are ready, if that is known.
    pub endpoints: Option<usize>,
}

/// The next point of a ramp.
#[derive(Clone, Debug, Serialize)]
pub struct Next {
    /// When, in RFC 3339.
    pub at: String,
    /// The shares from then on, by variant.
    pub shares: BTreeMap<String, String>,
}

/// A plugin.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginStatus {
    /// `WasmPlugin istio-system/coalmine`.
    pub name: String,
    /// The canaries in it; none if the filter refuses its config.
    pub canaries: Option<usize>,
    /// Where its module is.
    pub module: Option<String>,
    /// The digest that pins the module.
    pub digest: Option<String>,
    /// The files it was made from, with their hashes.
    pub sources: BTreeMap<String, String>,
    /// How many proxies are in each state; empty if no control plane was asked.
    pub proxies: BTreeMap<State, usize>,
}

/// A proxy beside a plugin.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxyStatus {
    /// `name.namespace`.
    pub proxy: String,
    /// `sidecar`, `router` or `waypoint`; empty if that is not known.
    pub role: String,
    /// The version of Istio that its agent has.
    pub version: String,
    /// The plugin.
    pub plugin: String,
    /// What it has of it.
    pub state: State,
    /// The control plane that says so.
    pub control_plane: String,
    /// What it refused last, in its words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// What a proxy has of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It took the last config, and that is the plugin's.
    Synced,
    /// It took the last config that its control plane sent; whether that is the plugin's is not known.
    Acknowledged,
    /// It took the last config that its control plane sent, which is not what the plugin says now.
    Outdated,
    /// It asks for the plugin; what it took is not known.
    Unknown,
    /// A config was sent, and it has not answered yet.
    Stale,
    /// Nothing was sent yet.
    NotSent,
    /// It refused what was sent last.
    Refused,
    /// It does not ask for the plugin: none of its listeners has the filter.
    Absent,
}

/// Something that is wrong, or worth knowing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// A short stable name of the kind of problem.
    pub code: &'static str,
    /// The canary, object or proxy it is about, or the first of many proxies; empty for the cluster.
    pub about: String,
    /// The field, where it is about an object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The proxies, where it is about some: each that it is said of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub proxies: Vec<String>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// How bad it is; the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A canary does not do what it says.
    Error,
    /// It works, and is probably not what is meant, or not for long.
    Warning,
    /// Something could not be looked at, or may be as it should.
    Note,
}

impl Finding {
    /// About the cluster as a whole.
    pub(super) fn of_cluster(
        severity: Severity,
        code: Code,
        message: String,
        help: String,
    ) -> Self {
        Self {
            severity,
            code: code.name(),
            about: String::new(),
            path: String::new(),
            proxies: Vec::new(),
            message,
            help: Some(help),
        }
    }
}

impl State {
    /// In the words of the table.
    pub fn words(self) -> &'static str {
        match self {
            Self::Synced => "synced",
            Self::Acknowledged => "acknowledged",
            Self::Outdated => "outdated",
            Self::Unknown => "unknown",
            Self::Stale => "stale",
            Self::NotSent => "not sent",
            Self::Refused => "refused",
            Self::Absent => "absent",
        }
    }
}
