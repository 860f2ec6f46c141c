//! The examples as canaries, and where they come from.

use coalmine::config::Canaries;
use coalmine::yaml::{self, Source};
use coalmine_manifests::kubernetes::{Origin, Provenance};
use std::fs;
use std::path::Path;

/// Every example by its name, in the order of their names.
pub(crate) fn all() -> Vec<(String, Canaries)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "yaml") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            all.push((name, read(&fs::read_to_string(&path).unwrap())));
        }
    }
    all.sort_by(|one, other| one.0.cmp(&other.0));
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

/// A file for each canary, called after it; the hash says no more than that.
pub(crate) fn provenance(canaries: &Canaries) -> Provenance {
    let names = canaries.canaries.iter().map(|canary| canary.full_name());
    let origin = |name: String| {
        let file = format!("{name}.yaml");
        let hash = format!("sha256:{:064x}", name.len());
        (name, Origin { file, hash })
    };
    names.map(origin).collect()
}
