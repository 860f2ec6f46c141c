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
        let Some(arguments) = line.strip_prefix("$ cargo run -p coalmine-cli -- ") else {
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

/// What a link of GitHub's names a heading by.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || "-_".contains(c) => Some(c.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

fn anchors(page: &str) -> Vec<String> {
    let outside = page.split("```").step_by(2);
    let lines = outside.flat_map(str::lines);
    let headings = lines.filter(|line| line.starts_with('#'));
    headings
        .map(|line| anchor(line.trim_start_matches('#').trim()))
        .collect()
}

#[test]
fn links_lead_somewhere() {
    let mut headings = 0;
    for (path, text) in pages() {
        for target in text.split("](").skip(1) {
            let target = target.split(')').next().unwrap();
            if target.starts_with("http") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let there = match file {
                "" => path.clone(),
                file => path.parent().unwrap().join(file),
            };
            assert!(there.exists(), "{}: {target}", path.display());
            if heading.is_empty() {
                continue;
            }
            let known = anchors(&fs::read_to_string(there).unwrap());
            assert!(
                known.iter().any(|known| known == heading),
                "{}: {target}",
                path.display()
            );
            headings += 1;
        }
    }
    assert!(headings > 5, "only {headings} links to headings");
}

/// The names in backticks that rows of a table begin with.
fn rows(text: &str) -> Vec<String> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    let firsts = rows.filter_map(|row| row.split(" |").next());
    let names = firsts.flat_map(|first| first.split(", "));
    names
        .map(|name| name.trim_matches(['`', '/']).to_owned())
        .collect()
}

/// The map in ARCHITECTURE.md has every package and every module of `src/`, and nothing that is not there.
#[test]
fn the_map_is_whole() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let map = page.split("## ").find(|part| part.starts_with("Map\n"));
    let (folders, modules) = map.unwrap().split_once("Inside `src/`").unwrap();

    let folders = rows(folders);
    for folder in &folders {
        assert!(root().join(folder).is_dir(), "there is no {folder}/");
    }
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let members = workspace.split_once("members = [").unwrap().1;
    let members = members.split(']').next().unwrap().split(", ");
    for member in members.map(|member| member.trim_matches('"')) {
        let folder = if member == "." { "src" } else { member };
        assert!(
            folders.iter().any(|known| known == folder),
            "{member} is not on the map"
        );
    }

    let library = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let declared = library.lines().filter_map(|line| {
        let name = line.trim_start_matches("pub ").strip_prefix("mod ")?;
        name.strip_suffix(';').map(str::to_owned)
    });
    let mut declared: Vec<String> = declared.collect();
    let mut modules = rows(modules);
    declared.sort();
    modules.sort();
    assert_eq!(declared, modules);
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
