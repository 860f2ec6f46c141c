//! Where the counters of a query come from, and what tells a variant's series in them.

use super::Ratio;
use crate::config::service::full_name;
use crate::config::{Canary, Protocol, Variant};
use serde::Serialize;

/// Labels of workloads by which Istio knows a revision, the first that is there. Its metrics have it
/// in `destination_canonical_revision`.
const REVISIONS: [&str; 3] = [
    "service.istio.io/canonical-revision",
    "app.kubernetes.io/version",
    VERSION,
];

/// The label of workloads that Istio's metrics have in `destination_version`.
const VERSION: &str = "version";

/// Where the counters of a query come from.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Origin {
    /// PromQL that people wrote.
    Written {
        /// Of the variant.
        canary: Ratio,
        /// Of what it is compared with.
        control: Ratio,
    },
    /// What proxies count anyway: the variant's requests and those of the default, whoever sent them.
    Proxies(Proxies),
}

/// Whose counters, of those that proxies have anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "from", rename_all = "lowercase")]
pub enum Proxies {
    /// Istio's, `istio_requests_total`.
    Istio {
        /// Which of the proxies on a request's way.
        reporter: Reporter,
    },
    /// Envoy's, of the clusters that `render envoy` makes.
    Envoy,
}

/// Who tells Istio of a request: each request is told of by several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reporter {
    /// The proxy that sends it: a sidecar of a client, or a gateway. It knows of what never arrived.
    #[default]
    Source,
    /// The proxy beside the version.
    Destination,
    /// A waypoint between them.
    Waypoint,
}

/// What the series of a variant have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// Labels with their values, each of which they have.
    pub all: Vec<(&'static str, String)>,
    /// Labels with their values, at least one of which they have; none is needed if there are none.
    pub any: Vec<(&'static str, String)>,
}

/// Why proxies' counters cannot tell a variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Untold {
    /// No service is known, of which it would be a version.
    Service,
    /// This service is in no namespace.
    Namespace(String),
    /// It has neither a label that tells its version nor a service of its own.
    Version,
    /// It has no endpoints, so no cluster is made for it.
    Endpoints,
    /// It speaks gRPC, whose statuses are not counted.
    Grpc,
}

// === impl Reporter ===

impl Reporter {
    /// Its name in Istio's metrics, and in the config.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
            Self::Waypoint => "waypoint",
        }
    }
}

// === impl Proxies ===

impl Proxies {
    /// The word for it in the config.
    pub fn name(self) -> &'static str {
        match self {
            Self::Istio { .. } => "istio",
            Self::Envoy => "envoy",
        }
    }
}

// === impl Selector ===

impl Selector {
    /// Whether the same series may be of both.
    pub fn meets(&self, other: &Self) -> bool {
        let free = self.any.is_empty() || other.any.is_empty();
        self.all == other.all && (free || self.any.iter().any(|label| other.any.contains(label)))
    }
}

// === impl Canary ===

impl Canary {
    /// What tells the series of a variant among those of the proxies.
    ///
    /// # Errors
    /// Nothing in the config does.
    pub fn selector(&self, of: Proxies, variant: &str) -> Result<Selector, Untold> {
        let variants = &self.spec.variants;
        let said = variants.iter().find(|(name, _)| name == variant);
        let said = said.map(|(_, variant)| variant);
        match of {
            Proxies::Istio { reporter } => self.istio_selector(reporter, said),
            Proxies::Envoy if self.spec.protocol == Protocol::Grpc => Err(Untold::Grpc),
            Proxies::Envoy if said.is_none_or(|variant| variant.endpoints.is_empty()) => {
                Err(Untold::Endpoints)
            }
            Proxies::Envoy => Ok(Selector {
                all: vec![("envoy_cluster_name", self.cluster(variant))],
                any: Vec::new(),
            }),
        }
    }

    fn istio_selector(
        &self,
        reporter: Reporter,
        variant: Option<&Variant>,
    ) -> Result<Selector, Untold> {
        let own = variant.and_then(|variant| variant.service.clone());
        let mut any = Vec::new();
        if own.is_none() {
            let label = |name: &str| {
                let labels = variant.map(|variant| variant.labels.as_slice());
                let found = labels?.iter().find(|(label, _)| label == name);
                found.map(|(_, value)| value.clone())
            };
            any.extend(label(VERSION).map(|value| ("destination_version", value)));
            // At the source what got no answer is of no version, and still of a revision.
            let revision = REVISIONS.iter().find_map(|name| label(name));
            any.extend(revision.map(|value| ("destination_canonical_revision", value)));
            if any.is_empty() {
                return Err(Untold::Version);
            }
        }
        let service = own.or_else(|| self.service()).ok_or(Untold::Service)?;
        let full = full_name(&service.host, self.namespace.as_deref());
        if !full.contains('.') {
            return Err(Untold::Namespace(full));
        }
        let all = vec![
            ("reporter", reporter.name().to_owned()),
            ("destination_service", full),
        ];
        Ok(Selector { all, any })
    }
}
