//! `coalmine schema`, and the page about it.

use crate::docs::{blocks, root};
use crate::run::{coalmine, command, run};
use std::fs;
use std::path::Path;

#[test]
fn what_is_printed_is_what_is_checked_in() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    for (arguments, file) in [
        ("schema", "canary.schema.json"),
        ("schema --crd", "canaries.coalmine.dev.yaml"),
    ] {
        let ran = coalmine(arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{arguments}");
        assert!(
            ran.stdout == fs::read_to_string(docs.join(file)).unwrap(),
            "{file}"
        );
    }
}

#[test]
fn the_page_keeps_its_word() {
    let page = fs::read_to_string(root().join("docs/schema.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let lines = blocks(&page, "console").into_iter().flat_map(str::lines);
    let commands: Vec<&str> = lines
        .map(|line| line.strip_prefix("$ coalmine ").unwrap())
        .collect();
    assert_eq!(commands.len(), 2);
    for word in ["wrote", "unchanged:"] {
        for arguments in &commands {
            let arguments = shlex::split(arguments).unwrap();
            let file = arguments.last().unwrap().clone();
            let ran = run(command().args(arguments).current_dir(folder.path()), "");
            assert_eq!((ran.code, ran.stderr), (0, format!("{word} {file}\n")));
        }
    }
    let ran = run(command().args(["validate", "-"]), blocks(&page, "yaml")[0]);
    assert_eq!(ran.code, 0, "{ran}");
}

#[test]
fn a_file_that_cannot_be_written() {
    let ran = coalmine("schema -o /dev/null/schema.json");
    assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{ran}");
    assert!(
        ran.stderr
            .starts_with("error: cannot write /dev/null/schema.json: "),
        "{ran}"
    );
}

/// Every document of every example says where its schema is, and that is there.
#[test]
fn examples_point_at_the_schema() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "yaml") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for document in text.split("\n---\n") {
            let line = document
                .lines()
                .find_map(|line| line.strip_prefix("# yaml-language-server: $schema="));
            let Some(schema) = line else {
                panic!(
                    "{}: a document does not say where its schema is",
                    path.display()
                );
            };
            assert!(
                folder.join(schema).is_file(),
                "{}: {schema}",
                path.display()
            );
        }
    }
}
