//! `coalmine render istio-envoyfilter`

use crate::run::{coalmine, coalmine_with, data_folder};
use insta::assert_snapshot;
use std::fs;

const LOCAL: &str = "--module /lib/coalmine.wasm";

/// Canaries without the port of their service.
fn without_port() -> String {
    let sound = fs::read_to_string(data_folder().join("sound.yaml")).unwrap();
    sound.replace("service: reviews:9080", "service: reviews")
}

#[test]
fn the_filter_alone() {
    assert_snapshot!(coalmine(&format!(
        "render istio-envoyfilter sound.yaml {LOCAL}"
    )));
}

#[test]
fn with_routes_and_subsets() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().display();
    let command = format!("render istio-envoyfilter sound.yaml {LOCAL} --routes");
    let ran = coalmine(&format!("{command} -o {out}"));
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{ran}");
    for name in [
        "destinationrule.bookinfo.coalmine-reviews.yaml",
        "envoyfilter.istio-system.coalmine.bookinfo.reviews.yaml",
        "envoyfilter.istio-system.coalmine.yaml",
    ] {
        assert!(
            folder.path().join(name).is_file(),
            "{name} is not among {ran}"
        );
    }
    let ran = coalmine(&command);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran}");
    assert_eq!(ran.stdout.matches("operation: INSERT_FIRST").count(), 4);
    assert!(
        ran.stdout
            .contains("cluster: outbound|9080|green|reviews.bookinfo.svc.cluster.local")
    );
}

#[test]
fn options() {
    let check = |more: &str, part: &str, warned: bool| {
        let ran = coalmine(&format!("render istio-envoyfilter sound.yaml {more}"));
        assert_eq!(ran.code, 0, "{more}: {ran}");
        assert!(ran.stdout.contains(part), "{more}: {part} is not in {ran}");
        assert_eq!(
            ran.stderr.starts_with("warning: if a proxy cannot fetch"),
            warned,
            "{ran}"
        );
        assert_eq!(ran.stderr.is_empty(), !warned, "{ran}");
    };
    check(LOCAL, "failure_policy: FAIL_RELOAD", false);
    check(
        "--module file:///lib/c.wasm",
        "filename: /lib/c.wasm",
        false,
    );
    check(
        &format!("{LOCAL} --failure-policy open"),
        "FAIL_OPEN",
        false,
    );
    check(
        &format!("{LOCAL} --failure-policy closed"),
        "FAIL_CLOSED",
        false,
    );
    check(
        &format!("{LOCAL} --namespace a --name b"),
        "name: b\n  namespace: a\n",
        false,
    );
    check(&format!("{LOCAL} --name b"), "vm_id: b\n", false);
    check(
        &format!("{LOCAL} --name b --only-governed-hosts"),
        "typed_per_filter_config:\n          b:\n",
        false,
    );
    check(
        &format!("{LOCAL} --selector a=b"),
        "workloadSelector:\n    labels:\n      a: b\n",
        false,
    );
    let sum = "0123456789abcdef".repeat(4);
    let image = format!("--module oci://r/c@sha256:{sum}");
    check(&image, &format!("sha256: {sum}"), true);
    check(
        &format!("{image} --failure-policy open"),
        "cluster: _",
        false,
    );
    let file = format!("--module https://r/c.wasm --sha256 {sum}");
    check(&file, "uri: https://r/c.wasm", true);
}

#[test]
fn refused() {
    let check = |more: &str, said: &str| {
        let ran = coalmine(&format!("render istio-envoyfilter sound.yaml {more}"));
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{more}: {ran}");
        assert!(ran.stderr.contains(said), "{more}: {said} is not in {ran}");
    };
    check("", "--module <PATH|ADDRESS>");
    check("--module r/c:1", "Envoy wants a checksum");
    check("--module https://r/c.wasm", "--sha256");
    check("--module ftp://r/c", "oci://, https://, http:// or file://");
    check(&format!("{LOCAL} --selector a"), "LABEL=VALUE");
    check(&format!("{LOCAL} --name a_b"), "a name of a-z");
    let governed = format!("{LOCAL} --only-governed-hosts");
    check(
        &format!("{governed} --edge"),
        "cannot be used with '--edge'",
    );
    let sound = fs::read_to_string(data_folder().join("sound.yaml")).unwrap();
    let plugin = "apiVersion: coalmine.dev/v1alpha1\nkind: Plugin\nedge: true\ncanaries: []\n";
    let edge = format!("{plugin}---\n{sound}");
    let ran = coalmine_with(&format!("render istio-envoyfilter - {governed}"), &edge);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran}");
    assert!(
        ran.stderr.contains("leave out --only-governed-hosts"),
        "{ran}"
    );
    let wildcard = sound.replace("hosts: [reviews]", "hosts: ['*.example.com']");
    let ran = coalmine_with(&format!("render istio-envoyfilter - {governed}"), &wildcard);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran}");
    assert!(ran.stderr.contains("error[host-is-a-wildcard]"), "{ran}");
}

#[test]
fn a_port_that_is_missing_is_drawn_where_it_belongs() {
    let command = format!("render istio-envoyfilter - {LOCAL} --routes");
    assert_snapshot!(coalmine_with(&command, &without_port()));
}
