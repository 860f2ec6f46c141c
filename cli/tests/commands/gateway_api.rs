//! `coalmine render gateway-api`, and the page about it.

use crate::docs::{blocks, root};
use crate::run::{command, run};
use insta::assert_snapshot;
use std::fs;

const MODULE: &str = "oci://registry.example.com/coalmine@sha256:\
    0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn the_page_keeps_its_word() {
    let path = root().join("docs/gateway-api.md");
    let page = fs::read_to_string(&path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let files = ["canary.yaml", "routes.yaml"];
    for (file, text) in files.into_iter().zip(blocks(&page, "yaml")) {
        fs::write(folder.path().join(file), text).unwrap();
    }
    let (mut tried, mut difference) = (0, String::new());
    for line in blocks(&page, "console").into_iter().flat_map(str::lines) {
        let arguments = line
            .strip_prefix("$ coalmine ")
            .unwrap()
            .replace("$MODULE", MODULE);
        let arguments = shlex::split(&arguments).unwrap();
        let ran = run(command().args(arguments).current_dir(folder.path()), "");
        let code = i32::from(line.ends_with("--check"));
        assert_eq!(ran.code, code, "{line}: {ran}");
        if code == 1 {
            difference = ran.stdout;
        }
        tried += 1;
    }
    assert_eq!(tried, 7);
    let there = fs::read_to_string(folder.path().join("routes.yaml")).unwrap();
    assert_eq!(there, blocks(&page, "yaml")[1], "taken out again");
    let shown = blocks(&page, "diff")[0];
    if std::env::var_os("UPDATE").is_some() {
        let block = |text: &str| format!("```diff\n{text}```");
        fs::write(&path, page.replace(&block(shown), &block(&difference))).unwrap();
    }
    assert_eq!(shown, difference, "UPDATE=1 writes it anew");
    assert!(
        folder
            .path()
            .join("out/httproute.shop.coalmine-shop.yaml")
            .is_file()
    );
}

/// An example without Services is refused, with the place where each is missing.
#[test]
fn what_is_missing_is_drawn_where_it_is_missing() {
    let folder = root().join("examples");
    let mut command = command();
    command
        .args([
            "render",
            "gateway-api",
            "pin-by-header.yaml",
            "--gateway",
            "infra/public",
        ])
        .current_dir(folder);
    assert_snapshot!(run(&mut command, ""));
}

#[test]
fn refused_gateways() {
    let check = |gateways: &[&str], needed: &str| {
        let mut command = command();
        command
            .args(["render", "gateway-api", "examples/service-per-version.yaml"])
            .current_dir(root());
        for gateway in gateways {
            command.args(["--gateway", gateway]);
        }
        let ran = run(&mut command, "");
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (2, ""),
            "{gateways:?}: {ran}"
        );
        assert!(ran.stderr.contains(needed), "{gateways:?}: {ran}");
    };
    check(&["A b"], "write a name of a-z");
    check(&["a/b/c"], "write a name of a-z");
    check(
        &["infra/public", "infra/public:https"],
        "named as a whole and by a listener",
    );
    let many: Vec<String> = (0..33).map(|number| format!("g{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    check(&many, "32 gateways at most");
}
