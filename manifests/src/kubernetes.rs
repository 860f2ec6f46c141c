//! What all manifests for Kubernetes share: the envelope, who made them, and of what.
//!
//! Every manifest is one [`File`], so that `kubectl apply -f FOLDER` takes a folder of them and
//! [`documents`] makes one stream of them. Types of ours and no crate's: of the envelope four fields
//! are written, and what is in `spec` is a small part of what an API has.

use crate::{Error, File, to_yaml};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The label that says who made a manifest (kubernetes.io, "Recommended Labels").
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "coalmine");

/// The annotation with the names of the files that a manifest was made from.
pub const SOURCE: &str = "coalmine.dev/source";

/// The annotation with their hashes, in the same order.
pub const SOURCE_HASH: &str = "coalmine.dev/source-hash";

/// A file that canaries were read from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// Its name, without the folders.
    pub file: String,
    /// The SHA-256 of its bytes, as `sha256:` and 64 digits of hex.
    pub hash: String,
}

/// Which file each canary comes from, by the canary's [full
/// name](coalmine::config::Canary::full_name). Canaries do not know it themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    origins: BTreeMap<String, Origin>,
}

/// An object as Kubernetes takes it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest<S> {
    /// Group and version, like `networking.istio.io/v1`.
    pub api_version: &'static str,
    /// The kind, like `VirtualService`.
    pub kind: &'static str,
    /// Which one it is.
    pub metadata: Metadata,
    /// What it says.
    pub spec: S,
}

/// Which object it is, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// Its name.
    pub name: String,
    /// Its namespace; without one, whoever applies it decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// [`MANAGED_BY`] and what is added to it.
    pub labels: BTreeMap<String, String>,
    /// [`SOURCE`], [`SOURCE_HASH`] and what is added to them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Manifests as one stream of YAML documents.
pub fn documents(files: &[File]) -> String {
    let texts: Vec<&str> = files.iter().map(|file| file.contents.as_str()).collect();
    texts.join("---\n")
}

/// Whether an object may be called so: a DNS name in lower case (RFC 1123, section 2.1).
pub fn is_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(inner)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(part)
}

/// Whether Kubernetes takes it for a label (kubernetes.io, "Labels and Selectors").
pub fn is_label(name: &str, value: &str) -> bool {
    let word = |text: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let outer = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = text.as_bytes();
        text.len() <= 63
            && bytes.iter().all(|&b| inner(b))
            && outer(bytes.first())
            && outer(bytes.last())
    };
    let (prefix, name) = match name.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, name),
    };
    let prefix = prefix.is_none_or(is_name);
    prefix && word(name) && (value.is_empty() || word(value))
}

// === impl Provenance ===

impl Provenance {
    /// The annotations of a manifest made from these canaries: each of their files once, by name.
    pub fn annotations<'c>(
        &self,
        canaries: impl IntoIterator<Item = &'c str>,
    ) -> BTreeMap<String, String> {
        let origins: BTreeSet<&Origin> = canaries
            .into_iter()
            .filter_map(|canary| self.origins.get(canary))
            .collect();
        if origins.is_empty() {
            return BTreeMap::new();
        }
        let list = |part: fn(&Origin) -> &str| {
            let parts: Vec<&str> = origins.iter().map(|origin| part(origin)).collect();
            parts.join(", ")
        };
        let source = (SOURCE.to_owned(), list(|origin| &origin.file));
        let hash = (SOURCE_HASH.to_owned(), list(|origin| &origin.hash));
        BTreeMap::from([source, hash])
    }
}

impl FromIterator<(String, Origin)> for Provenance {
    fn from_iter<I: IntoIterator<Item = (String, Origin)>>(origins: I) -> Self {
        let origins = origins.into_iter().collect();
        Self { origins }
    }
}

// === impl Metadata ===

impl Metadata {
    /// An object of ours, with what [`Provenance::annotations`] says of it.
    pub fn new(
        name: impl Into<String>,
        namespace: Option<String>,
        annotations: BTreeMap<String, String>,
    ) -> Self {
        let (label, coalmine) = MANAGED_BY;
        Self {
            name: name.into(),
            namespace,
            labels: BTreeMap::from([(label.to_owned(), coalmine.to_owned())]),
            annotations,
        }
    }
}

// === impl Manifest ===

impl<S: Serialize> Manifest<S> {
    /// As a file of its own, called `<kind>.<namespace>.<name>.yaml` in lower case: a namespace has
    /// no dot, so no two objects share a name.
    ///
    /// # Errors
    /// None that a manifest made from canaries can cause.
    pub fn file(&self) -> Result<File, Error> {
        let Metadata {
            name, namespace, ..
        } = &self.metadata;
        let kind = self.kind.to_ascii_lowercase();
        Ok(File {
            name: match namespace {
                Some(namespace) => format!("{kind}.{namespace}.{name}.yaml"),
                None => format!("{kind}.{name}.yaml"),
            },
            contents: to_yaml(self)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Manifest, Metadata, Origin, Provenance, documents, is_label, is_name};

    fn provenance() -> Provenance {
        let from = |canary: &str, file: &str| {
            let origin = Origin {
                file: file.to_owned(),
                hash: format!("sha256:{file}"),
            };
            (canary.to_owned(), origin)
        };
        [
            from("n/b", "z.yaml"),
            from("n/c", "a.yaml"),
            from("a", "z.yaml"),
        ]
        .into_iter()
        .collect()
    }

    #[test]
    fn files_are_named_once_and_in_order() {
        let check = |canaries: &[&str], expected: &[(&str, &str)]| {
            let annotations = provenance().annotations(canaries.iter().copied());
            let pairs: Vec<(&str, &str)> = annotations
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            assert_eq!(pairs, expected, "{canaries:?}");
        };
        let source = "coalmine.dev/source";
        let hash = "coalmine.dev/source-hash";
        check(&[], &[]);
        check(&["n/unknown"], &[]);
        check(&["a"], &[(source, "z.yaml"), (hash, "sha256:z.yaml")]);
        check(
            &["n/b", "a", "n/c"],
            &[
                (source, "a.yaml, z.yaml"),
                (hash, "sha256:a.yaml, sha256:z.yaml"),
            ],
        );
    }

    #[test]
    fn a_manifest_is_a_document() {
        let annotations = provenance().annotations(["a"]);
        let manifest = |namespace: Option<&str>| Manifest {
            api_version: "networking.istio.io/v1",
            kind: "VirtualService",
            metadata: Metadata::new("a", namespace.map(str::to_owned), annotations.clone()),
            spec: "anything",
        };
        let files = [None, Some("shop")].map(|namespace| manifest(namespace).file().unwrap());
        assert_eq!(files[0].name, "virtualservice.a.yaml");
        assert_eq!(files[1].name, "virtualservice.shop.a.yaml");
        let one = "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: a
  labels:
    app.kubernetes.io/managed-by: coalmine
  annotations:
    coalmine.dev/source: z.yaml
    coalmine.dev/source-hash: sha256:z.yaml
spec: anything\n";
        let two = one.replace("name: a\n", "name: a\n  namespace: shop\n");
        assert_eq!(documents(&files), format!("{one}---\n{two}"));
    }

    #[test]
    fn names_and_labels() {
        for name in ["a", "coalmine-reviews", "7up", "a.b-c.d"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "A", "a_b", "-a", "a-", "a..b", "a b", &"a".repeat(254)] {
            assert!(!is_name(name), "{name}");
        }
        let long = "a".repeat(63);
        for (name, value) in [
            ("version", "v1"),
            ("app.kubernetes.io/version", "1.0_b-2"),
            ("V", ""),
            (&long, &long),
        ] {
            assert!(is_label(name, value), "{name}: {value}");
        }
        let longer = "a".repeat(64);
        for (name, value) in [
            ("", "v1"),
            ("/version", "v1"),
            ("a/b/c", "v1"),
            ("UP/version", "v1"),
            ("version", "v 1"),
            ("version", "-v1"),
            ("version", "*"),
            ("version", &longer),
            (&longer, "v1"),
        ] {
            assert!(!is_label(name, value), "{name}: {value}");
        }
    }
}
