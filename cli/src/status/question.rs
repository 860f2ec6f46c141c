//! Of which canaries of a cluster a status is.

use super::cluster::Cluster;
use coalmine::config::Canary;
use coalmine_manifests::check::survey::{Scope, Survey, survey};

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// One canary, by its name or as `namespace/name`; all if not said.
    pub canary: Option<String>,
    /// The canaries of one namespace.
    pub namespace: Option<String>,
    /// The namespace whose plugins are for the whole mesh.
    pub root_namespace: String,
}

impl Question {
    fn asks_for(&self, canary: &Canary) -> bool {
        let name = self.canary.as_ref();
        let named = name.is_none_or(|name| *name == canary.name || *name == canary.full_name());
        let namespace = self.namespace.as_ref();
        named && namespace.is_none_or(|one| canary.namespace.as_ref() == Some(one))
    }

    /// What the cluster has of it.
    pub fn survey(&self, cluster: &Cluster) -> Survey {
        survey(
            cluster.objects.iter().enumerate(),
            &Scope {
                root_namespace: &self.root_namespace,
                wanted: &|canary| self.asks_for(canary),
                read: &|kind| cluster.has_all(kind),
            },
        )
    }
}
