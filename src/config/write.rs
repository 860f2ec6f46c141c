//! Types back to JSON: the document that the filter reads.

use super::{
    API_VERSION, CANARY_KIND, Canaries, Canary, PLUGIN_KIND, Protocol, Spec, VARIANT_HEADER,
    Variant,
};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A canary as a document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Serialize)]
struct Metadata {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
}

impl From<Canary> for Document {
    fn from(canary: Canary) -> Self {
        Self {
            api_version: API_VERSION,
            kind: CANARY_KIND,
            metadata: Metadata {
                name: canary.name,
                namespace: canary.namespace,
            },
            spec: canary.spec,
        }
    }
}

/// The plugin's config: every canary in one document, without what only manifests need.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plugin<'c> {
    api_version: &'static str,
    kind: &'static str,
    #[serde(skip_serializing_if = "is_usual")]
    variant_header: &'c str,
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    edge: bool,
    canaries: Vec<Canary>,
}

fn is_usual(variant_header: &&str) -> bool {
    *variant_header == VARIANT_HEADER
}

impl<'c> From<&'c Canaries> for Plugin<'c> {
    fn from(canaries: &'c Canaries) -> Self {
        let lean = |canary: &Canary| {
            let mut canary = canary.clone();
            canary.spec.service = None;
            canary.spec.protocol = Protocol::default();
            // The filter knows no revisions, and still draws by them.
            if canary.revision().is_some() {
                canary.spec.salt = Some(canary.salt());
            }
            canary.spec.rollout = None;
            for (_, variant) in &mut canary.spec.variants {
                *variant = Variant {
                    max: variant.max,
                    ..Variant::default()
                };
            }
            canary
        };
        Self {
            api_version: API_VERSION,
            kind: PLUGIN_KIND,
            variant_header: &canaries.variant_header,
            edge: canaries.edge,
            canaries: canaries.canaries.iter().map(lean).collect(),
        }
    }
}

/// The [`Plugin`] as the text that the filter reads.
///
/// # Errors
/// None that a config made by [`read`](super::read()) can cause.
pub fn plugin_json(canaries: &Canaries) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Plugin::from(canaries))
}

/// A list of pairs as a map, in its order.
pub(super) fn as_map<V: Serialize, S: Serializer>(
    pairs: &[(String, V)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(pairs.len()))?;
    for (name, value) in pairs {
        map.serialize_entry(name, value)?;
    }
    map.end()
}

/// Seconds as the reader takes them.
pub(super) fn seconds<S: Serializer>(
    seconds: &Option<u32>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match seconds {
        Some(seconds) => serializer.collect_str(&format_args!("{seconds}s")),
        None => serializer.serialize_none(),
    }
}

/// Milliseconds as the reader takes them.
pub(super) fn millis<S: Serializer>(millis: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{millis}ms"))
}

/// Lengths in milliseconds as the reader takes them.
pub(super) fn all_millis<S: Serializer>(lengths: &[u32], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(lengths.iter().map(|millis| format!("{millis}ms")))
}

/// Milliseconds that may not be said.
pub(super) fn maybe_millis<S: Serializer>(
    length: &Option<u32>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match length {
        Some(length) => millis(length, serializer),
        None => serializer.serialize_none(),
    }
}
