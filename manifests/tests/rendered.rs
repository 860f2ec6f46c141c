//! `manifests/rendered/`: what every example becomes, checked in so that a change can be read.
//!
//! `UPDATE=1 cargo test -p coalmine-manifests` writes it anew; without it the test compares.

use coalmine::config::Canaries;
use coalmine::yaml::{self, Source};
use coalmine_manifests::envoy::{self, Form, Options};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What to do with files that are made.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Write,
    Check,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder, by its path from there.
fn files_below(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_owned();
                files.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    files
}

fn canaries(path: &Path) -> Canaries {
    let source = Source {
        name: path.display().to_string(),
        text: fs::read_to_string(path).unwrap(),
    };
    let (canaries, found) = yaml::read(&[source]);
    assert!(found.is_empty(), "{}: {found:?}", path.display());
    canaries
}

fn rendered() -> BTreeMap<PathBuf, String> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(root().join("../examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "yaml") {
            continue;
        }
        for (target, form) in [("envoy", Form::Static), ("envoy-xds", Form::Xds)] {
            let folder = PathBuf::from(target).join(path.file_stem().unwrap());
            let options = Options {
                form,
                ..Options::default()
            };
            for file in envoy::render(&canaries(&path), &options).unwrap() {
                files.insert(folder.join(file.name), file.contents);
            }
        }
    }
    files
}

#[test]
fn examples_are_rendered_as_checked_in() {
    let mode = match std::env::var_os("UPDATE") {
        Some(_) => Mode::Write,
        None => Mode::Check,
    };
    let folder = root().join("rendered");
    let made = rendered();
    if mode == Mode::Write {
        let _ = fs::remove_dir_all(&folder);
        for (name, contents) in &made {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, contents).unwrap();
        }
    }
    let advice = "read the difference, then: UPDATE=1 cargo test -p coalmine-manifests";
    let there = files_below(&folder);
    let names = |files: &BTreeMap<PathBuf, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&made), names(&there), "{advice}");
    for (name, contents) in &made {
        assert_eq!(contents, &there[name], "{}: {advice}", name.display());
    }
}
