//! Pages of `docs/` whose commands are run, and give what the page shows.

use crate::run::{command, run};
use std::fs;
use std::path::{Path, PathBuf};

fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(name)
}

/// Saves the page's configs under these names, in their order, and runs each of its commands; what
/// stands below a command is its whole standard output. `UPDATE=1` writes the outputs anew.
pub(crate) fn check_page(name: &str, files: &[&str], codes: &[i32]) {
    check_page_with(name, files, codes, |_| ());
}

/// The same, where more is done in the folder before.
pub(crate) fn check_page_with(name: &str, files: &[&str], codes: &[i32], before: impl Fn(&Path)) {
    let path = page(name);
    let text = fs::read_to_string(&path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut configs = text.split("```yaml\n").skip(1);
    for file in files {
        let config = configs.next().unwrap().split("```").next().unwrap();
        fs::write(folder.path().join(file), config).unwrap();
    }
    before(folder.path());
    let mut shown = String::new();
    let mut ran_codes = Vec::new();
    for (number, part) in text.split("```console\n").enumerate() {
        if number == 0 {
            shown.push_str(part);
            continue;
        }
        let (block, rest) = part.split_once("```").unwrap();
        shown.push_str("```console\n");
        for line in block.lines().filter_map(|line| line.strip_prefix("$ ")) {
            let arguments = line.strip_prefix("coalmine ").unwrap();
            let arguments = shlex::split(arguments).unwrap();
            let ran = run(command().args(arguments).current_dir(folder.path()), "");
            assert!(codes.contains(&ran.code), "{name}: {line}: {ran}");
            ran_codes.push(ran.code);
            shown.push_str(&format!("$ {line}\n{}{}", ran.stdout, ran.stderr));
        }
        shown.push_str("```");
        shown.push_str(rest);
    }
    assert_eq!(ran_codes, codes, "{name}");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &shown).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        shown,
        "{name}: UPDATE=1 writes it anew"
    );
}

#[test]
fn explaining() {
    check_page("explain.md", &["reviews.yaml"], &[0, 0, 0]);
}

#[test]
fn validating() {
    check_page("validate.md", &["reviews.yaml", "cluster.yaml"], &[0, 1]);
}

#[test]
fn guarding() {
    check_page("guard.md", &["reviews.yaml"], &[0]);
}

#[test]
fn counting_responses() {
    check_page("evidence.md", &["payments.yaml"], &[0]);
}

#[test]
fn the_plugin_alone() {
    check_page("plugin.md", &["reviews.yaml"], &[0, 0, 0]);
}

#[test]
fn signed_pins() {
    check_page("signed-pins.md", &["reviews.yaml"], &[0, 0, 1, 0]);
}

#[test]
fn watching() {
    check_page("dashboards.md", &["reviews.yaml"], &[0]);
}
