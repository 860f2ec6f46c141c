//! Plain Envoy: a bootstrap, and watched files that change what a running Envoy does.
//!
//! | file | what | [`Form`] |
//! |---|---|---|
//! | [`BOOTSTRAP`] | admin interface, labels of metrics; listener, routes and clusters in the static form | both |
//! | [`PLUGIN`] | the filter with its config, as an extension discovery resource | both |
//! | [`CDS`] | a cluster for each variant | xds |
//! | [`LDS`] | the listener | xds |
//! | [`RDS`] | routes by the variant header | xds |
//!
//! Envoy reads the bootstrap at its start, and every other file whenever it is replaced.
//!
//! To change a share under traffic, write [`plugin_resource`] to a new file in the same folder and
//! rename it over the old one: Envoy acts on the rename, and no control plane is needed. To change
//! anything else under traffic takes the xds form, and the order of [`change`].
//!
//! The bootstrap is YAML, because people read and extend it. The watched files are JSON, because
//! they are written by programs, and one holds the plugin's config byte for byte as the filter gets it.
//!
//! # Where it comes from
//! [`PLUGIN`] names the canaries' files and their hashes, as manifests for Kubernetes do. The others
//! do not: with a hash in them every edit of a canary would change them all, and a change of the
//! bootstrap asks for a restart.
//!
//! # When something fails
//! A canary must not be able to take a service down.
//! - A new config that the filter refuses never takes effect; the last good one goes on serving.
//! - If the first config of all is refused, the filter runs without canaries: requests go to the
//!   default variant, unless a client itself writes the variant header.
//! - If a worker's virtual machine dies, [`FailurePolicy::Open`], which is the default, lets requests
//!   go on without the filter until Envoy gets another config. What a client itself writes into the
//!   variant header is believed then; where that is worse than failed requests, choose
//!   [`FailurePolicy::Reload`].

mod bootstrap;
mod change;
mod clusters;
mod discovery;
mod inside;
mod listener;
mod plugin;
mod routes;

pub use change::{Step, change};
pub use discovery::{subscription, version};
pub use inside::{plugin_config, with_plugin_config};
pub use plugin::{FailurePolicy, filter_resource, plugin_resource};

use crate::kubernetes::Provenance;
use crate::{Error, File, Problem, to_yaml};
use bootstrap::Resources;
use coalmine::config::Canaries;
pub(crate) use discovery::Typed;
use listener::Routes;
use std::net::SocketAddr;

/// The name of the bootstrap.
pub const BOOTSTRAP: &str = "envoy.yaml";

/// The folder that Envoy watches. It is one of its own, since any rename in it makes Envoy read all
/// of its files; what it finds unchanged it leaves alone.
pub const WATCHED: &str = "xds";

/// The name of the file with the plugin's config.
pub const PLUGIN: &str = "xds/coalmine.json";

/// The name of the file with the clusters.
pub const CDS: &str = "xds/cds.json";

/// The name of the file with the listener.
pub const LDS: &str = "xds/lds.json";

/// The name of the file with the routes.
pub const RDS: &str = "xds/rds.json";

/// The name of the HTTP filter, of its extension discovery resource and of its plugin: the middle of
/// Envoy's metrics `extension_config_discovery.http_filter.coalmine.*`.
pub const FILTER: &str = "coalmine";

/// The name of the listener.
pub const LISTENER: &str = "ingress";

/// The name of the routes.
pub const ROUTES: &str = "canaries";

/// Where Envoy finds listener, routes and clusters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// In the bootstrap: a share changes under traffic, all else takes a restart.
    #[default]
    Static,
    /// In watched files: everything changes under traffic.
    Xds,
}

/// What the canaries do not say and Envoy has to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where listener, routes and clusters are.
    pub form: Form,
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where to serve the admin interface, if at all.
    pub admin: Option<SocketAddr>,
    /// The folder in which the rendered files will be, as Envoy will see it, without a slash at its
    /// end. A relative path is relative to where Envoy is started.
    pub folder: String,
    /// The WebAssembly module, as Envoy will see it.
    pub module: String,
    /// What happens to requests when the filter cannot run.
    pub failure_policy: FailurePolicy,
    /// `node.id`, which Envoy wants for any discovery.
    pub node_id: String,
    /// `node.cluster`, the same.
    pub node_cluster: String,
    /// Proxies in front of this one whose `x-forwarded-for` is to be believed. With 0 the client is
    /// whoever connects.
    pub trusted_hops: u32,
    /// The most that the request's headers may measure, in KiB, up to 8192; Envoy's default is 60.
    pub max_request_headers_kib: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            form: Form::default(),
            listen: SocketAddr::from(([0, 0, 0, 0], 10_000)),
            admin: Some(SocketAddr::from(([127, 0, 0, 1], 9901))),
            folder: "/etc/coalmine".to_owned(),
            module: "/etc/coalmine/coalmine.wasm".to_owned(),
            failure_policy: FailurePolicy::default(),
            node_id: "coalmine".to_owned(),
            node_cluster: "coalmine".to_owned(),
            trusted_hops: 0,
            max_request_headers_kib: None,
        }
    }
}

/// Everything that a plain Envoy needs for these canaries, in an order in which it may be written
/// while no Envoy reads it; for a running one there is [`change`].
///
/// # Errors
/// [`Error::Problems`] if a variant has no endpoints, or one that is no address.
pub fn render(
    canaries: &Canaries,
    provenance: &Provenance,
    options: &Options,
) -> Result<Vec<File>, Error> {
    let mut problems = Vec::new();
    let clusters = clusters::clusters(canaries, &mut problems);
    if !problems.is_empty() {
        return Err(Error::Problems(problems));
    }
    let routes = routes::routes(canaries);
    let (resources, watched) = match options.form {
        Form::Static => {
            let listener = listener::listener(Routes::RouteConfig(routes), options);
            let resources = Resources::StaticResources {
                listeners: vec![listener],
                clusters,
            };
            (resources, Vec::new())
        }
        Form::Xds => {
            let listener = listener::listener(Routes::watched(options), options);
            let watched = vec![
                discovery::file(CDS, clusters.into_iter().map(typed_cluster).collect())?,
                discovery::file(LDS, vec![Typed::new(LISTENER_TYPE, listener)])?,
                discovery::file(RDS, vec![Typed::new(ROUTES_TYPE, routes)])?,
            ];
            (Resources::watched(options), watched)
        }
    };
    let bootstrap = File {
        name: BOOTSTRAP.to_owned(),
        contents: bootstrap::HEAD.to_owned() + &to_yaml(&bootstrap::bootstrap(resources, options))?,
    };
    let mut files = vec![bootstrap];
    files.extend(watched);
    files.push(plugin_resource(canaries, provenance, options)?);
    Ok(files)
}

const LISTENER_TYPE: &str = "envoy.config.listener.v3.Listener";
const ROUTES_TYPE: &str = "envoy.config.route.v3.RouteConfiguration";

fn typed_cluster(cluster: clusters::Cluster) -> Typed<clusters::Cluster> {
    Typed::new("envoy.config.cluster.v3.Cluster", cluster)
}

/// Something of Envoy's that is found by its name.
#[derive(serde::Serialize)]
struct Named<T> {
    name: &'static str,
    typed_config: Typed<T>,
}

/// Nothing but a type URL.
#[derive(serde::Serialize)]
struct Empty {}

/// An address to listen at or to connect to.
#[derive(serde::Serialize)]
struct Address {
    socket_address: SocketAddress,
}

#[derive(serde::Serialize)]
struct SocketAddress {
    address: String,
    port_value: u16,
}

impl Address {
    fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            socket_address: SocketAddress {
                address: host.into(),
                port_value: port,
            },
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::new(address.ip().to_string(), address.port())
    }
}
