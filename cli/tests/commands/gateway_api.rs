//! `coalmine render gateway-api`, and the page about it.

use crate::docs::{blocks, root};
use crate::run::{command, run};
use insta::assert_snapshot;
use std::fs;

const MODULE: &str = "oci://registry.example.com/coalmine@sha256:\
    0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn the_page_keeps_its_word() {
    let page = fs::read_to_string(root().join("docs/gateway-api.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("canary.yaml"), blocks(&page, "yaml")[0]).unwrap();
    let mut tried = 0;
    for line in blocks(&page, "console").into_iter().flat_map(str::lines) {
        let arguments = line
            .strip_prefix("$ coalmine ")
            .unwrap()
            .replace("$MODULE", MODULE);
        let arguments = shlex::split(&arguments).unwrap();
        let ran = run(command().args(arguments).current_dir(folder.path()), "");
        assert_eq!(ran.code, 0, "{line}: {ran}");
        tried += 1;
    }
    assert_eq!(tried, 4);
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
