//! Which labels a subset of a `DestinationRule` has.

use super::name::{canonical, same};
use super::object::Object;

/// Every subset of the cluster.
#[derive(Debug)]
pub(super) struct Subsets<'n> {
    subsets: Vec<Subset<'n>>,
}

#[derive(Debug)]
struct Subset<'n> {
    host: String,
    name: &'n str,
    labels: Vec<(&'n str, &'n str)>,
}

impl<'n> Subsets<'n> {
    /// Those of all `DestinationRule`s.
    pub(super) fn of(objects: &[Object<'n>]) -> Self {
        let mut subsets = Vec::new();
        let rules = objects
            .iter()
            .filter(|object| object.kind == "DestinationRule");
        for (rule, spec) in rules.filter_map(|rule| Some((rule, rule.spec()?))) {
            let host = spec.text_at("host").unwrap_or_default();
            for subset in spec.items_at("subsets") {
                let labels = subset.get("labels");
                subsets.push(Subset {
                    host: canonical(host, rule.namespace),
                    name: subset.text_at("name").unwrap_or_default(),
                    labels: labels.map(|labels| labels.texts()).unwrap_or_default(),
                });
            }
        }
        Self { subsets }
    }

    /// The labels of a subset; `None` if there is none of this name.
    pub(super) fn labels(&self, host: &str, name: &str) -> Option<&[(&'n str, &'n str)]> {
        let mut subsets = self.subsets.iter();
        let found = subsets.find(|subset| subset.name == name && same(&subset.host, host));
        found.map(|subset| subset.labels.as_slice())
    }

    /// The names of a host's subsets.
    pub(super) fn names(&self, host: &str) -> Vec<&'n str> {
        let of_host = self
            .subsets
            .iter()
            .filter(|subset| same(&subset.host, host));
        of_host.map(|subset| subset.name).collect()
    }
}
