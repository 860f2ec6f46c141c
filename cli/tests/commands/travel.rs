//! Decisions that travel: warnings across files, what `explain` says of them, and `--edge`.

use crate::docs::root;
use crate::pages::check_page;
use crate::run::{Ran, command, run};
use insta::assert_snapshot;
use serde_json::Value;
use std::fs;

fn coalmine(arguments: &str) -> Ran {
    let arguments = shlex::split(arguments).unwrap();
    run(command().args(arguments).current_dir(root()), "")
}

const EXAMPLE: &str = "examples/decisions-that-travel.yaml";

#[test]
fn the_page() {
    check_page("propagation.md", &["store.yaml"], &[0, 0, 0, 0]);
}

#[test]
fn what_cannot_arrive_is_warned_of() {
    let text = fs::read_to_string(root().join(EXAMPLE)).unwrap();
    let silent = text.replacen("  propagate: {baggage: true}\n", "", 1);
    assert_ne!(text, silent);
    let ran = run(command().args(["validate", "-"]), &silent);
    assert_eq!(ran.code, 0, "{ran}");
    assert_snapshot!(ran);
    // Who believes nobody need not be told.
    let nobody = silent.replace("from: mesh", "from: nobody");
    let ran = run(command().args(["validate", "-"]), &nobody);
    assert_eq!(
        (ran.code, ran.stderr.contains("warning")),
        (0, false),
        "{ran}"
    );
}

#[test]
fn explanations() {
    let explain = |name: &str, more: &str| {
        let at = "--at 2026-11-25T09:00:00Z";
        assert_snapshot!(name, coalmine(&format!("explain {EXAMPLE} {at} {more}")));
    };
    explain(
        "inherited_from_the_second",
        "--host prices --header 'baggage: coalmine.store.catalogue=v9,coalmine.store.frontend=v2'",
    );
    explain(
        "inherited_nothing",
        "--host prices --header 'baggage: coalmine.store.catalogue=\"v2\"' \
         --header 'baggage: coalmine.store.frontend=v1,coalmine.store.frontend=v2'",
    );
    explain(
        "not_inherited_at_the_edge",
        "--edge --host catalogue --header 'baggage: a=1, coalmine.store.frontend=v2'",
    );
    explain(
        "cleaned_without_a_canary",
        "--edge --host elsewhere --header 'baggage: coalmine.store.frontend=v2'",
    );
    explain(
        "does_not_go_on",
        "--host catalogue --header 'baggage: a b, coalmine.store.catalogue=v2'",
    );
    explain(
        "inherited_for_programs",
        "--host catalogue -o json --header 'baggage: coalmine.store.frontend=v2, a=1'",
    );
}

#[test]
fn a_plugin_for_the_edge_says_so() {
    let marks = ["\"edge\":true", "\"edge\": true", "edge: true"];
    let check = |arguments: &str| {
        for (edge, mark) in [("", false), ("--edge", true)] {
            let ran = coalmine(&format!("render {arguments} {edge}"));
            assert_eq!(ran.code, 0, "{arguments}: {ran}");
            let says = marks.iter().any(|text| ran.stdout.contains(text));
            assert_eq!(says, mark, "{arguments}: {}", ran.stdout);
        }
    };
    check(&format!("plugin {EXAMPLE}"));
    let module = "--module oci://registry.example.com/coalmine:1";
    check(&format!("istio {EXAMPLE} {module}"));
    let module = "--module /var/lib/coalmine.wasm";
    check(&format!("istio-envoyfilter {EXAMPLE} {module}"));
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().display();
    let ran = coalmine(&format!("render envoy {EXAMPLE} --edge -o {out}"));
    assert_eq!(ran.code, 0, "{ran}");
    let plugin = fs::read_to_string(folder.path().join("xds/coalmine.json")).unwrap();
    let _: Value = serde_json::from_str(&plugin).unwrap();
    assert!(
        plugin.replace("\\\"", "\"").contains("\"edge\":true"),
        "{plugin}"
    );
}
