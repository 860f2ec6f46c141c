//! The docs keep their word: their configs are sound, their commands run, their links lead somewhere.

use crate::run::{command, run};
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The pages for users, README first.
fn pages() -> Vec<(PathBuf, String)> {
    let docs = fs::read_dir(root().join("docs")).unwrap();
    let pages = docs
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "md"));
    let others = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "examples/README.md",
        "filters/COST.md",
    ];
    let all = others
        .map(|name| root().join(name))
        .into_iter()
        .chain(pages);
    all.map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
        .collect()
}

/// The fenced blocks of one language.
pub(crate) fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let fence = format!("```{language}\n");
    let ends = text.split(fence.as_str()).skip(1);
    ends.map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn configs_are_sound() {
    let mut checked = 0;
    for (path, text) in pages() {
        for block in blocks(&text, "yaml") {
            if !block.starts_with("apiVersion: coalmine.dev/") {
                continue;
            }
            let ran = run(command().args(["validate", "-"]), block);
            assert_eq!(ran.code, 0, "{}: {}", path.display(), ran.stderr);
            checked += 1;
        }
    }
    assert!(
        checked >= 2,
        "only {checked} configs were found in the docs"
    );
}

/// The README's commands over the README's own file.
#[test]
fn commands_run() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let canary = blocks(&readme, "yaml");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("canary.yaml"), canary[0]).unwrap();
    let mut checked = 0;
    for line in blocks(&readme, "console")
        .iter()
        .flat_map(|block| block.lines())
    {
        let Some(arguments) = line.strip_prefix("$ cargo run -q -p coalmine-cli -- ") else {
            continue;
        };
        let arguments = shlex::split(arguments).unwrap();
        let ran = run(command().args(arguments).current_dir(folder.path()), "");
        assert_eq!(ran.code, 0, "{line}: {}", ran.stderr);
        checked += 1;
    }
    assert_eq!(checked, 4);
    assert!(folder.path().join("run/envoy.yaml").is_file());
    assert!(folder.path().join("run/xds/coalmine.json").is_file());
}

/// The picture at the README's head tells the truth about its two users.
#[test]
fn the_picture_is_true() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let canary = blocks(&readme, "yaml")[0];
    let users = [("alice", "147,884", "stable"), ("mary", "7,264", "canary")];
    for (user, position, variant) in users {
        assert!(
            readme.contains(position),
            "{position} is not in the picture"
        );
        let arguments = format!("explain - --header 'x-user-id: {user}'");
        let arguments = shlex::split(&arguments).unwrap();
        let ran = run(command().args(arguments), canary);
        let plain = position.replace(',', "");
        assert!(ran.stdout.contains(&plain), "{user}: {}", ran.stdout);
        assert!(ran.stdout.contains(variant), "{user}: {}", ran.stdout);
    }
}

#[test]
fn links_lead_somewhere() {
    for (path, text) in pages() {
        for target in text.split("](").skip(1) {
            let target = target.split(')').next().unwrap();
            let file = target.split('#').next().unwrap();
            if file.is_empty() || file.starts_with("http") {
                continue;
            }
            let there = path.parent().unwrap().join(file);
            assert!(there.exists(), "{}: {target}", path.display());
        }
    }
}

/// A promise about a failure names the test that keeps it, and that test is there.
#[test]
fn what_happens_when_something_breaks_is_tested() {
    let page = fs::read_to_string(root().join("docs/failure-modes.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let rows = rows.filter(|row| !row.starts_with("| what |"));
    let mut checked = 0;
    for row in rows {
        let last = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let mut names = Vec::new();
        let mut files = 0;
        for quoted in last.split('`').skip(1).step_by(2) {
            if !quoted.ends_with(".rs") {
                names.push(quoted);
                continue;
            }
            let text = fs::read_to_string(root().join(quoted)).unwrap();
            for name in names.drain(..) {
                let test = "#[test]\n";
                let found = text.split(test).skip(1).any(|rest| {
                    let rest = rest.trim_start();
                    rest.starts_with(&format!("fn {name}("))
                });
                assert!(found, "{quoted} has no test {name}");
                checked += 1;
            }
            files += 1;
        }
        assert!(files > 0 && names.is_empty(), "no test: {row}");
    }
    assert!(checked > 20, "{checked}");
}
