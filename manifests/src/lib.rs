//! From canaries to what a proxy is configured with.
//!
//! Pure: it takes [`Canaries`](coalmine::config::Canaries) and gives [`File`]s; the command line
//! writes them. The same canaries and options always give the same bytes.
//!
//! | where | what |
//! |---|---|
//! | [`check`] | whether the manifests of a cluster agree with canaries |
//! | [`envoy`] | plain Envoy: a bootstrap and a watched file with the plugin's config |
//! | [`envoy_filter`] | Istio without its plugins: the filter, and routes, as patches of Envoy's config |
//! | [`istio`] | Istio: the plugin, and the routes to the variants |
//! | [`into`] | canaries into manifests that people have |
//! | [`gateway_api`] | the Gateway API: routes to one Service a variant |
//! | [`kubernetes`] | what all manifests for Kubernetes share: envelope, labels, provenance |
//! | [`monitoring`] | what people watch canaries with: rules and alerts for Prometheus, a dashboard for Grafana |
//! | [`plugin_config`] | the config that the filter reads |
//! | [`prometheus`] | labels for Prometheus where the bootstrap is a mesh's |
//! | [`schema`] | the file itself: JSON Schema for editors, the CustomResourceDefinition |
//! | [`error`] | why something cannot be rendered |

#![forbid(unsafe_code)]

pub mod check;
pub mod envoy;
pub mod envoy_filter;
pub mod error;
pub mod gateway_api;
pub mod into;
pub mod istio;
pub mod kubernetes;
pub mod monitoring;
pub mod plugin_config;
pub mod prometheus;
pub mod schema;

pub use error::{Error, Problem};

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path below the folder of the output, with `/` between the parts.
    pub name: String,
    /// Its whole text.
    pub contents: String,
}

/// A value as YAML, with every value on the line of its key: type URLs and digests are long, and a
/// folded one is found by no search.
///
/// # Errors
/// None that a value made of maps, lists, texts and numbers can cause.
pub fn to_yaml(value: &impl serde::Serialize) -> Result<String, serde_saphyr::ser_error::Error> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(value, options)
}
