//! Manifests against canaries: the good ones, and each mistake by itself beside them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod plugins;
mod routes;

use coalmine::config::Canaries;
use coalmine::diagnostic::Severity;
use coalmine::yaml::{self, Source};
use coalmine_manifests::check::{Checked, Digests, Options, check};

const CANARY: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  service: reviews:9080
  variants:
    stable: {labels: {version: v1}}
    canary: {labels: {version: v2}}
  default: stable
  pins: {header: x-canary}
  shares: {canary: 5%}
  unit: [{header: x-user-id}]
";

const ROUTES: &str = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
    - match: [{headers: {x-coalmine-variant: {exact: canary}}}]
      route: [{destination: {host: reviews, subset: v2}}]
    - route: [{destination: {host: reviews.bookinfo.svc.cluster.local, subset: v1}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: bookinfo}
spec:
  host: reviews
  subsets:
    - {name: v1, labels: {version: v1}}
    - {name: v2, labels: {version: v2, track: canary}}
---
";

const PLUGIN: &str = r#"
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: coalmine, namespace: bookinfo}
spec:
  match: [{mode: CLIENT}]
  url: oci://registry.example.com/coalmine@sha256:aa
  failStrategy: FAIL_OPEN
  pluginName: coalmine
  pluginConfig:
    apiVersion: coalmine.dev/v1alpha1
    kind: Plugin
    canaries:
      - apiVersion: coalmine.dev/v1alpha1
        kind: Canary
        metadata: {name: reviews, namespace: bookinfo}
        spec:
          hosts: [reviews]
          variants: {stable: {}, canary: {}}
          default: stable
          pins: {header: x-canary}
          shares: {canary: 5%}
          unit: [{header: x-user-id}]
          whenNoUnit: default
"#;

fn canaries(text: &str) -> Canaries {
    let source = Source {
        name: "canary.yaml".to_owned(),
        text: text.to_owned(),
    };
    let (canaries, found) = yaml::read(&[source]);
    assert!(found.is_empty(), "{found:?}");
    canaries
}

fn checked(canary: &str, manifests: &str) -> Checked {
    let nodes = yaml::parse(manifests, 7).unwrap_or_else(|found| panic!("{found}\n{manifests}"));
    let options = Options {
        module: Some(Digests {
            module: "coalmine.wasm".to_owned(),
            image: Some("sha256:aa".to_owned()),
            file: "sha256:bb".to_owned(),
        }),
        ..Options::default()
    };
    check(
        &canaries(canary),
        nodes.iter().map(|node| (7, node)),
        &options,
    )
}

/// What is found, in the form `code line`, with `?` in front of a warning; a canary's own problems
/// have no line.
fn found(canary: &str, manifests: &str) -> Vec<String> {
    let result = checked(canary, manifests);
    let told = result.found.iter().map(|diagnostic| {
        assert!(diagnostic.help.is_some(), "{diagnostic}");
        assert_eq!(diagnostic.place.source, 7, "{diagnostic}");
        let mark = match diagnostic.severity {
            Severity::Warning => "?",
            Severity::Error => "",
        };
        let span = diagnostic.place.span.unwrap();
        let line = manifests.lines().nth(span.line - 1).unwrap();
        format!("{mark}{} @ {}", diagnostic.code, line.trim())
    });
    let missing = result
        .missing
        .iter()
        .map(|problem| format!("{} of {}", problem.code, problem.canary));
    missing.chain(told).collect()
}

/// With one part of the good manifests replaced, just this is found.
fn check_one(what: &str, with: &str, expected: &[&str]) {
    let good = format!("{ROUTES}{PLUGIN}");
    assert!(good.contains(what), "{what}");
    assert_eq!(
        found(CANARY, &good.replace(what, with)),
        expected,
        "{what} -> {with}"
    );
}

fn check_all(manifests: &str, expected: &[&str]) {
    assert_eq!(found(CANARY, manifests), expected, "{manifests}");
}

#[test]
fn good_ones() {
    let good = format!("{ROUTES}{PLUGIN}");
    check_all(&good, &[]);
    let result = checked(CANARY, &good);
    assert_eq!((result.objects, result.plugins), (3, 1));
    // As `kubectl get -o yaml` prints them, and what is no business of ours.
    let list = format!("apiVersion: v1\nkind: List\nitems:\n{}", {
        let items = good.split("---\n").filter(|item| !item.trim().is_empty());
        let item = |item: &str| {
            let lines: Vec<String> = item
                .trim()
                .lines()
                .map(|line| format!("    {line}\n"))
                .collect();
            format!("  -\n{}", lines.concat())
        };
        items.map(item).collect::<String>()
    });
    check_all(&list, &[]);
    check_all(
        &format!("{good}---\nkind: Service\nmetadata: {{name: x}}\n---\n[1]\n---\nnull\n"),
        &[],
    );
    // The same object twice is one.
    check_all(&format!("{good}---\n{PLUGIN}"), &[]);
    // A regex is longer than any prefix, a twin stands before each of its like.
    check_one(
        "  http:\n",
        "  http:
    - match: [{uri: {prefix: /api}, headers: {x-coalmine-variant: {exact: canary}}}]
      route: [{destination: {host: reviews, subset: v2}}]
      timeout: 3s
    - match: [{uri: {prefix: /api/v1}}, {uri: {exact: /api}}]
      route: [{destination: {host: reviews, subset: v1}}]
      timeout: 3s
    - match: [{uri: {prefix: /old}}]
      redirect: {uri: /new}
    - match: [{uri: {prefix: /other}}]
      route: [{destination: {host: ratings}}]
",
        &[],
    );
}
