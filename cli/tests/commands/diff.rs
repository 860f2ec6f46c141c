//! `coalmine diff`

use crate::docs::{blocks, root};
use crate::run::{command, run};
use insta::assert_snapshot;
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

const OLD: &str = "\
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  variants: {stable: {labels: {version: v1}}, canary: {labels: {version: v2}}}
  default: stable
  pins: {header: x-canary}
  rules:
    - name: staff
      when: {header: {name: x-user-group, in: [staff, beta]}}
      route: canary
  shares: {canary: 5%}
  unit: [{header: x-user-id}, {cookie: session}]
";

/// A folder with `old.yaml` and `new.yaml`, which is the old one with some words replaced.
fn folder(replaced: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut new = OLD.to_owned();
    for (from, to) in replaced {
        assert!(new.contains(from), "{from}");
        new = new.replace(from, to);
    }
    fs::write(folder.path().join("old.yaml"), OLD).unwrap();
    fs::write(folder.path().join("new.yaml"), new).unwrap();
    folder
}

fn diff(folder: &TempDir, arguments: &str) -> crate::run::Ran {
    let arguments = shlex::split(&format!("diff {arguments}")).unwrap();
    run(command().args(arguments).current_dir(folder.path()), OLD)
}

const MOVED: [(&str, &str); 2] = [("5%", "20%"), ("[staff, beta]", "[staff]")];

#[test]
fn the_report_for_people() {
    let both = folder(&MOVED);
    assert_snapshot!(diff(&both, "old.yaml new.yaml").to_string());
    let more = [
        ("version: v2", "version: v3"),
        ("x-canary", "x-version"),
        ("hosts: [reviews]", "hosts: [reviews]\n  salt: another"),
    ];
    assert_snapshot!(diff(&folder(&more), "old.yaml new.yaml").to_string());
}

/// What a merge request's gate is told.
#[test]
fn exit_codes() {
    let check = |replaced: &[(&str, &str)], arguments: &str, code: i32| {
        let ran = diff(&folder(replaced), arguments);
        assert_eq!(ran.code, code, "{arguments}: {ran}");
    };
    let share = [("5%", "20%")];
    check(&[], "old.yaml new.yaml", 0);
    check(&[], "- new.yaml", 0);
    check(&share, "old.yaml new.yaml", 1);
    check(&share, "new.yaml -", 1);
    check(&share, "old.yaml new.yaml --max-moved 14.9999%", 1);
    check(&share, "old.yaml new.yaml --max-moved 15%", 0);
    check(&MOVED, "old.yaml new.yaml --max-moved 15%", 1);
    check(&MOVED, "old.yaml new.yaml --max-moved 15% --allow rules", 0);
    check(&MOVED, "old.yaml new.yaml --max-moved 15% --allow pins", 1);
    let pins = [("x-canary", "x-version")];
    check(&pins, "old.yaml new.yaml --allow rules", 1);
    check(&pins, "old.yaml new.yaml --allow pins --allow rules", 0);
    let version = [("version: v2", "version: v3")];
    check(&version, "old.yaml new.yaml --max-moved 100%", 1);
    check(&version, "old.yaml new.yaml --allow variants", 0);
    check(&[("5%", "500%")], "old.yaml new.yaml", 2);
    check(&[], "old.yaml new.yaml --max-moved 5", 2);
    check(&[], "- -", 2);
    check(&[], "old.yaml nothing.yaml", 3);
}

/// What is printed to paste is decided as it says.
#[test]
fn lines_to_paste() {
    let folder = folder(&[("5%", "20%"), ("[staff, beta]", "[staff, \"it's\"]")]);
    let text = diff(&folder, "old.yaml new.yaml").stdout;
    let json: Value =
        serde_json::from_str(&diff(&folder, "old.yaml new.yaml -o json").stdout).unwrap();
    let canary = &json["canaries"][0];
    let flows = canary["users"][0]["flows"].as_array().unwrap().iter();
    let changes = canary["changes"].as_array().unwrap().iter();
    let expected = flows
        .map(|flow| (&flow["from"], &flow["to"]))
        .chain(changes.map(|change| (&change["old"]["variant"], &change["new"]["variant"])));
    let lines = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("coalmine "));
    let mut tried = 0;
    for (line, (from, to)) in lines.zip(expected) {
        for (file, variant) in [("old.yaml", from), ("new.yaml", to)] {
            let line = line.replace("new.yaml", file);
            let mut arguments = shlex::split(&line).unwrap();
            arguments.extend(["-o".to_owned(), "json".to_owned()]);
            let ran = run(command().args(arguments).current_dir(folder.path()), "");
            let explained: Value = serde_json::from_str(&ran.stdout).unwrap();
            assert_eq!(&explained["decision"]["variant"], variant, "{line}");
            tried += 1;
        }
    }
    assert_eq!(tried, 6, "{text}");
}

#[test]
fn the_commands_of_the_docs_run() {
    let page = fs::read_to_string(root().join("docs/diff.md")).unwrap();
    let folder = folder(&MOVED);
    let codes = [1, 0, 0];
    let lines = blocks(&page, "console");
    let mut tried = 0;
    for line in lines.iter().flat_map(|block| block.lines()) {
        let ran = diff(&folder, line.strip_prefix("$ coalmine diff ").expect(line));
        assert_eq!(ran.code, codes[tried], "{line}: {ran}");
        tried += 1;
        if tried == 1 {
            // The page shows what comes out.
            assert!(
                blocks(&page, "text").contains(&ran.stdout.as_str()),
                "{ran}"
            );
        }
    }
    assert_eq!(tried, 3);
}
