//! Objects beside each other: of other files, of other kinds, and of other people.

use super::{CANARY, NOW, SERVICE, SERVICES, cluster, everything, judged, rendered, told};
use crate::run::coalmine_with;

/// Plugin and routes of another file, or of another version of the file.
#[test]
fn sources() {
    let source = "    coalmine.dev/source: <stdin>\n";
    let plugin = rendered("--only plugin");
    let routes = rendered("--only routes");
    let check = |routes: &str, expected: &str| {
        let objects = format!("{plugin}---\n{routes}");
        let status = judged(&cluster(&objects), &everything(), NOW);
        let subsets = format!(
            "warning other-source: {}",
            SERVICES.replace("VirtualService", "DestinationRule")
        );
        let services = format!("warning other-source: {SERVICES}");
        assert_eq!(told(&status), [subsets, services]);
        assert!(status.ok);
        assert!(
            status.findings[0].message.contains(expected),
            "{:?}",
            status.findings
        );
    };
    let routes = routes.strip_prefix(SERVICE).unwrap();
    check(
        &routes.replace(source, "    coalmine.dev/source: other.yaml\n"),
        "was made from other.yaml, and ",
    );
    check(
        &routes.replace("source-hash: sha256:", "source-hash: sha256:0"),
        "another version of <stdin>",
    );
}

/// What stands beside the objects of a canary.
#[test]
fn rivals() {
    let good = rendered("");
    let theirs = "
---
kind: VirtualService
metadata: {name: theirs, namespace: bookinfo}
spec:
  hosts: [reviews.bookinfo.svc.cluster.local]
  http:
    - match: [{headers: {x-coalmine-variant: {exact: canary}}}]
      route: [{destination: {host: reviews, subset: canary}}]
    - route: [{destination: {host: reviews, subset: stable}}]
";
    let two = "two-virtual-services: VirtualService bookinfo/theirs";
    let check = |beside: &str, expected: &[&str]| {
        let status = judged(&cluster(&format!("{good}{beside}")), &everything(), NOW);
        assert_eq!(told(&status), expected, "{beside}");
    };
    check(theirs, &[&format!("error {two}")]);
    let exported = theirs.replace("  http:", "  exportTo: [.]\n  http:");
    check(&exported, &[&format!("warning {two}")]);
    let at_a_gateway = theirs.replace("  http:", "  gateways: [edge]\n  http:");
    check(&at_a_gateway, &[]);
    let elsewhere = theirs.replace("reviews.bookinfo.svc", "ratings.bookinfo.svc");
    check(&elsewhere, &[]);
    let second = format!(
        "\n---\n{}",
        rendered("--only plugin --plugin-namespace bookinfo")
            .strip_prefix(SERVICE)
            .unwrap()
    );
    let twice = "error two-plugins: WasmPlugin bookinfo/coalmine";
    check(&second, &[twice]);
    let other_module = second.replace("sha256:0000", "sha256:1111");
    check(
        &other_module,
        &[twice, "warning two-modules: WasmPlugin bookinfo/coalmine"],
    );
    let other_config = second.replace("canary: 5%", "canary: 6%");
    check(
        &other_config,
        &["error other-config: canary bookinfo/reviews", twice],
    );
    // Routes of ours for what no plugin carries.
    let lost = good
        .split("---\n")
        .find(|document| document.contains("kind: VirtualService"))
        .unwrap()
        .replace("reviews", "lost");
    check(
        &format!("\n---\n{lost}"),
        &["warning stray-routes: VirtualService bookinfo/coalmine-lost"],
    );
}

/// The same of a plugin by its other kinds, and of routes of the Gateway API.
#[test]
fn other_kinds() {
    let check = |objects: &str, plugin: &str| {
        let status = judged(&cluster(objects), &everything(), NOW);
        assert_eq!(told(&status), [""; 0], "{objects}");
        assert_eq!(status.canaries[0].plugins, [plugin]);
    };
    check(
        &rendered("--istio 1.30 --traffic-extension"),
        "TrafficExtension istio-system/coalmine",
    );
    let canary = CANARY.replace(
        "hosts: [reviews]",
        "hosts: [reviews]\n  service: reviews:9080",
    );
    let ran = coalmine_with(
        "render istio-envoyfilter - --module /coalmine.wasm --routes",
        &canary,
    );
    if ran.code == 0 {
        check(
            &format!("{SERVICE}{}", ran.stdout),
            "EnvoyFilter istio-system/coalmine",
        );
    } else {
        panic!("{ran}");
    }
}
