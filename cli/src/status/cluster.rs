//! What was read of a cluster: its objects, and what its control planes say of proxies. Everything that
//! `coalmine status` says is made from this.

use coalmine::Node;
use std::collections::BTreeMap;

/// A cluster at one moment.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// Every object that was read; each says its `kind`.
    pub objects: Vec<Node>,
    /// What could not be read.
    pub unread: Vec<Unread>,
    /// The control planes that answered.
    pub control_planes: Vec<ControlPlane>,
    /// Why some did not, or not to all that they were asked, and what to do about it.
    pub silent: Vec<Silent>,
}

/// Objects that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Their kind.
    pub kind: String,
    /// Where they are in RBAC, like `wasmplugins.extensions.istio.io`.
    pub resource: String,
    /// Why.
    pub why: Why,
}

/// Why objects could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The cluster does not have the kind, so there are none.
    Absent,
    /// One may not list them; in these namespaces one may.
    Forbidden {
        /// Where they were read all the same.
        but_in: Vec<String>,
    },
    /// The API server failed.
    Failed {
        /// How, in its words.
        error: String,
        /// The namespaces in which they were read all the same.
        but_in: Vec<String>,
    },
}

/// What control planes did not tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silent {
    /// Whether it is a part of what one knows, which told other things.
    pub partly: bool,
    /// What happened.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// What one istiod says of the proxies that are connected to it.
#[derive(Clone, Debug, Default)]
pub struct ControlPlane {
    /// Its pod or its address.
    pub name: String,
    /// The proxies.
    pub proxies: Vec<Proxy>,
}

/// A proxy as its control plane knows it.
#[derive(Clone, Debug, Default)]
pub struct Proxy {
    /// `name.namespace`.
    pub id: String,
    /// `sidecar`, `router` or `waypoint`; empty if that is not known.
    pub role: String,
    /// The version of Istio that its agent has.
    pub version: String,
    /// The labels of its workload.
    pub labels: BTreeMap<String, String>,
    /// The extensions that it asks for, by the names of their resources; none if that is not known.
    pub asked: Option<Vec<String>>,
    /// What was sent to it and taken last; none if that is not known.
    pub nonces: Option<Nonces>,
    /// What it refused, in its own words: the kind of config and why.
    pub refused: Vec<Refused>,
    /// The configs that its control plane has for it, by the names of resources; none if not known.
    pub configs: Option<Vec<Config>>,
}

/// The nonces of extensions, which stand for all of them together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nonces {
    /// Of those that were sent last; empty if none were.
    pub sent: String,
    /// Of those that the proxy took last.
    pub acked: String,
}

/// What a proxy refused last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The last part of the type's name, like `TypedExtensionConfig` or `RouteConfiguration`.
    pub what: String,
    /// The proxy's words.
    pub message: String,
}

/// A config that a control plane has for a proxy.
#[derive(Clone, Debug)]
pub struct Config {
    /// The name of its resource.
    pub name: String,
    /// What the filter reads; none if it is no text with JSON.
    pub config: Option<Node>,
}

impl Cluster {
    /// Whether all objects of a kind were read, in all namespaces; where there is no such kind there
    /// are none.
    pub fn has_all(&self, kind: &str) -> bool {
        let mut unread = self.unread.iter();
        !unread.any(|one| one.kind == kind && one.why != Why::Absent)
    }
}

impl Proxy {
    /// Its namespace.
    pub fn namespace(&self) -> &str {
        self.id
            .rsplit_once('.')
            .map_or("", |(_, namespace)| namespace)
    }
}
