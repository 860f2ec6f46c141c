//! The examples as canaries, and where they come from.

#![allow(dead_code, reason = "each test uses a part of it")]

use coalmine::config::Canaries;
use coalmine::yaml::{self, Source};
use coalmine_manifests::kubernetes::{Origin, Provenance};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

/// A file of `examples/`.
pub(crate) struct Example {
    /// Its name without ending.
    pub(crate) name: String,
    pub(crate) canaries: Canaries,
    pub(crate) provenance: Provenance,
    text: String,
}

/// Every example, by the files' names.
pub(crate) fn all() -> Vec<Example> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "yaml") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap();
        all.push(Example::new(name, text));
    }
    all.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(!all.is_empty());
    all
}

/// The canaries of a text that has nothing wrong with it.
pub(crate) fn read(text: &str) -> Canaries {
    let source = Source {
        name: "test.yaml".to_owned(),
        text: text.to_owned(),
    };
    let (canaries, found) = yaml::read(&[source]);
    assert!(found.is_empty(), "{found:?}\n{text}");
    canaries
}

/// All canaries come from one file.
fn provenance(file: &str, text: &str, canaries: &Canaries) -> Provenance {
    let digits = Sha256::digest(text.as_bytes());
    let digits: Vec<String> = digits.iter().map(|byte| format!("{byte:02x}")).collect();
    let origin = Origin {
        file: file.to_owned(),
        hash: format!("sha256:{}", digits.concat()),
    };
    let names = canaries.canaries.iter().map(|canary| canary.full_name());
    names.map(|name| (name, origin.clone())).collect()
}

// === impl Example ===

impl Example {
    pub(crate) fn new(name: &str, text: String) -> Self {
        Self::with(name, read(&text), text)
    }

    fn with(name: &str, canaries: Canaries, text: String) -> Self {
        Self {
            name: name.to_owned(),
            provenance: provenance(&format!("{name}.yaml"), &text, &canaries),
            canaries,
            text,
        }
    }

    /// The same with its canaries in a namespace, each with the port of its service.
    pub(crate) fn in_a_cluster(&self) -> Self {
        let mut canaries = self.canaries.clone();
        for canary in &mut canaries.canaries {
            canary.namespace.get_or_insert_with(|| "default".to_owned());
            let mut service = canary.service().unwrap();
            service.port = Some(9080);
            canary.spec.service = Some(service);
        }
        Self::with(&self.name, canaries, self.text.clone())
    }
}
