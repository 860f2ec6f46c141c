//! Plain Envoy: one bootstrap, and one watched file that changes shares.
//!
//! | file | what | read by Envoy |
//! |---|---|---|
//! | [`BOOTSTRAP`] | listener, routes by the variant header, clusters, labels of metrics | at its start |
//! | [`PLUGIN`] | the filter with its config, as an extension discovery resource | at its start, and whenever it is replaced |
//!
//! To change a share under traffic, write [`plugin_resource`] to a new file in the same folder and
//! rename it over the old one: Envoy acts on the rename, and no control plane is needed.
//!
//! The bootstrap is YAML, because people read and extend it. The watched file is JSON, because it
//! is written by programs and holds the plugin's config byte for byte as the filter gets it.
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
mod clusters;
mod plugin;
mod routes;

pub use plugin::{FailurePolicy, filter_resource, plugin_resource};

use crate::{Error, File, Problem, to_yaml};
use coalmine::config::Canaries;
use std::net::SocketAddr;

/// The name of the bootstrap.
pub const BOOTSTRAP: &str = "envoy.yaml";

/// The folder that Envoy watches. It is one of its own, since any rename in it makes Envoy read.
pub const WATCHED: &str = "xds";

/// The name of the file with the plugin's config.
pub const PLUGIN: &str = "xds/coalmine.json";

/// The name of the HTTP filter, of its extension discovery resource and of its plugin: the middle of
/// Envoy's metrics `extension_config_discovery.http_filter.coalmine.*`.
pub const FILTER: &str = "coalmine";

/// The name of the listener.
pub const LISTENER: &str = "ingress";

/// What the canaries do not say and Envoy has to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
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

/// Everything that a plain Envoy needs for these canaries: [`BOOTSTRAP`] and [`PLUGIN`].
///
/// # Errors
/// [`Error::Problems`] if a variant has no endpoints, or one that is no address.
pub fn render(canaries: &Canaries, options: &Options) -> Result<Vec<File>, Error> {
    let mut problems = Vec::new();
    let clusters = clusters::clusters(canaries, &mut problems);
    if !problems.is_empty() {
        return Err(Error::Problems(problems));
    }
    let routes = routes::routes(canaries);
    let bootstrap = bootstrap::bootstrap(routes, clusters, options);
    Ok(vec![
        File {
            name: BOOTSTRAP.to_owned(),
            contents: to_yaml(&bootstrap)?,
        },
        plugin_resource(canaries, options)?,
    ])
}

/// A config behind the type URL that tells Envoy what it is.
#[derive(serde::Serialize)]
struct Typed<T> {
    #[serde(rename = "@type")]
    type_url: String,
    #[serde(flatten)]
    config: T,
}

/// Nothing but a type URL.
#[derive(serde::Serialize)]
struct Empty {}

impl<T> Typed<T> {
    /// `name` is the full name of Envoy's message.
    fn new(name: &str, config: T) -> Self {
        Self {
            type_url: format!("type.googleapis.com/{name}"),
            config,
        }
    }
}

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
