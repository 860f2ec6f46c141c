//! Whether the manifests of a cluster agree with canaries.
//!
//! Pure: it takes canaries and the trees of manifests, as `kubectl get -o yaml` prints them or as
//! people keep them, and gives diagnostics that point into those manifests. It reads leniently: what
//! it does not know is none of its business.
//!
//! | file | what |
//! |---|---|
//! | `field` | walking a manifest, with the place of everything |
//! | `object` | the objects in it, those of lists too |
//! | `name` | names of hosts and services in their one form |
//! | `findings` | what is wrong |
//! | `condition` | what a route matches, and whether one match covers another |
//! | `table` | a route table: what catches a request first, and where it goes |
//! | `virtual_service`, `http_route` | such tables from Istio and the Gateway API |
//! | `subsets` | which labels a subset of a `DestinationRule` has |
//! | `routes` | whether every variant is reached, and the default without the header |
//! | `plugin` | the plugins that are ours |
//! | `claims` | whether two of them are on one workload |
//! | `config` | whether a plugin carries these canaries, and what differs |
//! | `module` | whether its module is the one that is meant |
//! | [`mod@survey`] | what a cluster has, and whether it agrees with itself |

mod claims;
mod condition;
mod config;
mod field;
mod findings;
mod http_route;
mod module;
mod name;
mod object;
mod plugin;
mod routes;
mod subsets;
pub mod survey;
mod table;
mod virtual_service;

pub use module::Digests;

use crate::Problem;
use coalmine::Node;
use coalmine::config::Canaries;
use coalmine::diagnostic::Diagnostic;
use findings::Findings;

/// What is known beside canaries and manifests.
#[derive(Clone, Debug)]
pub struct Options {
    /// The namespace whose plugins are for the whole mesh.
    pub root_namespace: String,
    /// What the module's digests have to be, if that is to be looked at.
    pub module: Option<Digests>,
}

/// What was found, and in how much.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// Everything that does not agree, in the manifests.
    pub found: Vec<Diagnostic>,
    /// What canaries lack that is in no manifest.
    pub missing: Vec<Problem>,
    /// How many objects there were, known or not.
    pub objects: usize,
    /// How many of them are plugins of ours.
    pub plugins: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            root_namespace: "istio-system".to_owned(),
            module: None,
        }
    }
}

/// Checks manifests against canaries. Each document comes with the number of its source, which its
/// diagnostics carry.
pub fn check<'n>(
    canaries: &Canaries,
    documents: impl IntoIterator<Item = (usize, &'n Node)>,
    options: &Options,
) -> Checked {
    let objects = object::objects(documents);
    let mut findings = Findings::default();
    let plugins = plugin::plugins(&objects);
    routes::check(canaries, &objects, &mut findings);
    config::check(canaries, &plugins, &mut findings);
    claims::check(&plugins, &options.root_namespace, &mut findings);
    for plugin in &plugins {
        plugin::check(plugin, &mut findings);
        if let Some(digests) = &options.module {
            module::check(plugin, digests, &mut findings);
        }
    }
    let (found, missing) = findings.sorted();
    Checked {
        found,
        missing,
        objects: objects.len(),
        plugins: plugins.len(),
    }
}
