//! The fixtures, each with each canary that fits it.

use coalmine::config::Canaries;
use coalmine::yaml::{self, Source};
use coalmine_manifests::into::{Api, insert};
use std::fs;
use std::path::{Path, PathBuf};

/// A manifest, a canary, and what comes of the two.
pub(crate) struct Fixture {
    /// For messages.
    pub(crate) name: String,
    pub(crate) canary: &'static str,
    pub(crate) api: Api,
    pub(crate) text: String,
    /// Where it is checked in what the text becomes.
    pub(crate) golden: PathBuf,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/into")
}

pub(crate) fn fixtures() -> Vec<Fixture> {
    let kinds: [(&str, Api, &[&'static str]); 2] = [
        ("istio", Api::Istio, &["reviews", "three", "services"]),
        ("gateway", Api::Gateway, &["services"]),
    ];
    let mut all = Vec::new();
    for (folder, api, with) in kinds {
        let entries = fs::read_dir(root().join(folder)).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let file = path.file_name().unwrap().to_str().unwrap();
            for canary in with {
                all.push(Fixture {
                    name: format!("{file} with {canary}"),
                    canary,
                    api,
                    text: fs::read_to_string(&path).unwrap(),
                    golden: root().join("golden").join(folder).join(canary).join(file),
                });
            }
        }
    }
    all
}

/// The canaries of a file in `canaries/`.
pub(crate) fn canaries(name: &str) -> Canaries {
    let path = root().join("canaries").join(name).with_extension("yaml");
    sound(&fs::read_to_string(path).unwrap())
}

/// The canaries of a text.
pub(crate) fn sound(text: &str) -> Canaries {
    let source = Source {
        name: "canary.yaml".to_owned(),
        text: text.to_owned(),
    };
    let (canaries, found) = yaml::read(&[source]);
    assert!(found.is_empty(), "{found:?}");
    canaries
}

impl Fixture {
    pub(crate) fn inserted(&self) -> String {
        self.insert(&self.text)
    }

    pub(crate) fn insert(&self, text: &str) -> String {
        match insert(&[text], &canaries(self.canary), self.api) {
            Ok(inserted) => inserted.texts.into_iter().next().unwrap(),
            Err(refused) => panic!("{}: {refused:#?}", self.name),
        }
    }
}
