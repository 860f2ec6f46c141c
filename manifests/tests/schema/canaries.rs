//! Configs to try things on: the examples, the decision tables, and those that are bad.

use coalmine::yaml;
use coalmine::{Node, Value as Tree};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// The workspace's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A bad file.
pub(crate) struct Bad {
    pub(crate) name: String,
    pub(crate) text: String,
    /// The codes of what its comments expect.
    pub(crate) codes: Vec<String>,
}

/// Compares with a file that is checked in, or writes it if `UPDATE` is set.
pub(crate) fn check_golden(name: &str, made: &str) {
    let path = root().join(name);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, made).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == made,
        "{name} is out of date: run `cargo xtask golden` and read the difference"
    );
}

/// The examples by name, with their texts.
pub(crate) fn examples() -> Vec<(String, String)> {
    files_in(&root().join("examples"), "yaml")
        .into_iter()
        .map(|path| {
            (
                path.display().to_string(),
                fs::read_to_string(path).unwrap(),
            )
        })
        .collect()
}

/// Every canary of the decision tables.
pub(crate) fn sound_configs() -> Vec<(String, Value)> {
    let mut canaries = Vec::new();
    for path in files_in(&root().join("tests/tables"), "json") {
        let table = json(&fs::read_to_string(&path).unwrap());
        let name = path.display().to_string();
        let of_plugin = table["config"]["canaries"].as_array().cloned();
        let listed = of_plugin.unwrap_or_else(|| vec![table["config"].clone()]);
        canaries.extend(listed.into_iter().map(|canary| (name.clone(), canary)));
    }
    canaries
}

/// Every bad file, those in folders as well.
pub(crate) fn bad() -> Vec<Bad> {
    let folder = root().join("tests/bad");
    let mut paths = files_in(&folder, "yaml");
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            paths.extend(files_in(&path, "yaml"));
        }
    }
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let expected = text
            .lines()
            .filter_map(|line| line.strip_prefix("# expect: "));
        Bad {
            name: path.display().to_string(),
            codes: expected
                .map(|line| line.split(' ').next().unwrap().to_owned())
                .collect(),
            text,
        }
    };
    paths.into_iter().map(read).collect()
}

/// The documents of a text, as an editor or an API server sees them.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    yaml::parse(text, 0).unwrap().iter().map(value).collect()
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn value(node: &Node) -> Value {
    match &node.value {
        Tree::Null => Value::Null,
        Tree::Bool(flag) => Value::from(*flag),
        Tree::Number(number) => serde_json::from_str(number).unwrap(),
        Tree::String(text) => Value::from(text.as_str()),
        Tree::List(items) => items.iter().map(value).collect(),
        Tree::Map(entries) => entries
            .iter()
            .map(|(key, node)| (key.name.clone(), value(node)))
            .collect(),
    }
}

fn files_in(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|there| there == ending));
    paths.sort();
    paths
}
