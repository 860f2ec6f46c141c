//! What an earlier render left in a folder.

use super::Written;
use crate::outcome::Failure;
use coalmine::yaml;
use coalmine::{Node, Value};
use coalmine_manifests::File;
use coalmine_manifests::kubernetes::{MANAGED_BY, SOURCE};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Says which manifests of ours in the folder were not made this time, or removes them.
///
/// # Errors
/// One cannot be removed.
pub(super) fn told(folder: &Path, made: &[File], written: &Written) -> Result<String, Failure> {
    let mut talk = String::new();
    for path in stale(folder, made) {
        let name = path.display();
        if written.prune {
            fs::remove_file(&path)
                .map_err(|error| Failure::cannot(format!("cannot remove {name}: {error}")))?;
            talk.push_str(&format!("removed {name}\n"));
        } else {
            talk.push_str(&format!(
                "warning: {name} is of an earlier render and was not made this time, but \
                 `kubectl apply -f {}` applies it: remove it with --prune, or render to another folder\n",
                folder.display()
            ));
        }
    }
    Ok(talk)
}

/// The manifests in a folder that this command made, as their label and annotation say, except those
/// that it has made just now.
fn stale(folder: &Path, made: &[File]) -> Vec<PathBuf> {
    let made: BTreeSet<PathBuf> = made.iter().map(|file| folder.join(&file.name)).collect();
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    let is_ours = |path: &PathBuf| {
        let text = fs::read_to_string(path).ok();
        let documents = text.and_then(|text| yaml::parse(&text, 0).ok());
        documents.is_some_and(|all| !all.is_empty() && all.iter().all(is_made_here))
    };
    paths.retain(|path| {
        let yaml = path.extension().is_some_and(|ending| ending == "yaml");
        yaml && !made.contains(path) && is_ours(path)
    });
    paths.sort();
    paths
}

fn is_made_here(object: &Node) -> bool {
    let metadata = |part: &str, name: &str| {
        let part = entry(entry(object, "metadata")?, part)?;
        entry(part, name)
    };
    let label = metadata("labels", MANAGED_BY.0).map(|label| &label.value);
    let ours = matches!(label, Some(Value::String(maker)) if maker == MANAGED_BY.1);
    ours && metadata("annotations", SOURCE).is_some()
}

fn entry<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let Value::Map(entries) = &node.value else {
        return None;
    };
    let found = entries.iter().find(|(key, _)| key.name == name);
    found.map(|(_, value)| value)
}
