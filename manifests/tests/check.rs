//! Manifests against canaries: the good ones, and each mistake by itself beside them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

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

#[test]
fn routes_of_istio() {
    let route = "    - match: [{headers: {x-coalmine-variant: {exact: canary}}}]
      route: [{destination: {host: reviews, subset: v2}}]\n";
    let default =
        "    - route: [{destination: {host: reviews.bookinfo.svc.cluster.local, subset: v1}}]\n";
    check_one(route, "", &["no-route-for-variant @ http:"]);
    check_one(
        "exact: canary}",
        "exact: canry}",
        &[
            "no-route-for-variant @ http:",
            "?unknown-variant @ - match: [{headers: {x-coalmine-variant: {exact: canry}}}]",
        ],
    );
    check_one(
        "x-coalmine-variant",
        "x-coalmine-varian",
        &[
            "no-route-for-variant @ http:",
            "?wrong-labels @ route: [{destination: {host: reviews, subset: v2}}]",
        ],
    );
    check_one(default, "", &["no-default-route @ http:"]);
    // Behind a route that catches everything, and behind one that does with other words.
    for catching in ["", "match: [{uri: {prefix: /}}]\n      "] {
        let catching =
            format!("    - {catching}route: [{{destination: {{host: reviews, subset: v1}}}}]\n");
        let dead = "dead-route @ - match: [{headers: {x-coalmine-variant: {exact: canary}}}]";
        check_one(
            &format!("{route}{default}"),
            &format!("{catching}{route}"),
            &[dead],
        );
    }
    check_one(
        "  http:\n",
        "  http:
    - match: [{uri: {prefix: /api}}]
      route: [{destination: {host: reviews, subset: v1}}]\n",
        &["?not-for-variant @ - match: [{uri: {prefix: /api}}]"],
    );
    let canary_route = "- route: [{destination: {host: reviews, subset: v2}}]";
    check_one(
        route,
        &route.replace("subset: v2", "subset: v1"),
        &["wrong-labels @ route: [{destination: {host: reviews, subset: v1}}]"],
    );
    check_one(
        route,
        &route.replace(", subset: v2", ""),
        &["no-subset @ route: [{destination: {host: reviews}}]"],
    );
    check_one(
        route,
        &route.replace("host: reviews, subset: v2", "host: ratings"),
        &["wrong-destination @ route: [{destination: {host: ratings}}]"],
    );
    check_one(
        default,
        &format!("    {canary_route}\n"),
        &[&format!("wrong-labels @ {canary_route}")],
    );
    check_one(
        "subset: v1}}]",
        "subset: v1}, weight: 90}, {destination: {host: reviews, subset: v2}, weight: 10}]",
        &[
            "wrong-labels @ - route: [{destination: {host: reviews.bookinfo.svc.cluster.local, subset: v1}, weight: 90}, {destination: {host: reviews, subset: v2}, weight: 10}]",
        ],
    );
    check_one(
        "subset: v1}}]",
        "subset: v1}, weight: 100}, {destination: {host: reviews, subset: v2}, weight: 0}]",
        &[],
    );
    check_one(
        "    - {name: v2, labels: {version: v2, track: canary}}\n",
        "",
        &["missing-subset @ route: [{destination: {host: reviews, subset: v2}}]"],
    );
    check_one(
        "labels: {version: v2, track: canary}",
        "labels: {version: v3}",
        &["wrong-labels @ route: [{destination: {host: reviews, subset: v2}}]"],
    );
    // A rule in another namespace is about another host.
    check_one(
        "kind: DestinationRule\nmetadata: {name: reviews, namespace: bookinfo}",
        "kind: DestinationRule\nmetadata: {name: reviews, namespace: other}",
        &[
            "missing-subset @ route: [{destination: {host: reviews, subset: v2}}]",
            "missing-subset @ - route: [{destination: {host: reviews.bookinfo.svc.cluster.local, subset: v1}}]",
        ],
    );
    check_one(
        "  hosts: [reviews]\n  http",
        "  hosts: [ratings]\n  http",
        &["no-routes of bookinfo/reviews"],
    );
    check_all(PLUGIN, &["no-routes of bookinfo/reviews"]);
    check_all(
        "kind: Service\n",
        &[
            "no-routes of bookinfo/reviews",
            "no-plugin of bookinfo/reviews",
        ],
    );
}

#[test]
fn a_route_hides_another_only_if_it_takes_all_of_it() {
    let check = |earlier: &str, later: &str, dead: bool| {
        let with = format!(
            "  http:
    - match: [{{{earlier}}}]
      route: [{{destination: {{host: ratings}}}}]
    - match: [{{headers: {{x-coalmine-variant: {{exact: canary}}}}, {later}}}]
      route: [{{destination: {{host: reviews, subset: v2}}}}]\n"
        );
        let route = format!(
            "dead-route @ - match: [{{headers: {{x-coalmine-variant: {{exact: canary}}}}, {later}}}]"
        );
        let expected: &[&str] = if dead { &[&route] } else { &[] };
        check_one("  http:\n", &with, expected);
    };
    let uri = |test: &str, path: &str| format!("uri: {{{test}: {path}}}");
    let any_case = |test: &str, path: &str| format!("{}, ignoreUriCase: true", uri(test, path));
    check(&uri("prefix", "/a"), &uri("prefix", "/a/b"), true);
    check(&uri("prefix", "/a/b"), &uri("prefix", "/a"), false);
    check(&uri("exact", "/a"), &uri("prefix", "/a"), false);
    check(&uri("prefix", "/a"), &any_case("prefix", "/a"), false);
    check(&any_case("prefix", "/a"), &any_case("exact", "/a"), true);
    let without = |test: &str, value: &str| format!("withoutHeaders: {{x: {{{test}: {value}}}}}");
    check(&without("exact", "abc"), &without("exact", "abc"), true);
    check(&without("exact", "abc"), &without("prefix", "ab"), true);
    check(&without("prefix", "ab"), &without("exact", "abc"), false);
}

#[test]
fn delegates() {
    let delegated = |inner: &str| {
        let rules = ROUTES.split("---\n").nth(1).unwrap();
        format!(
            "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: root, namespace: bookinfo}}
spec:
  hosts: [reviews]
  http:
    - match: [{{uri: {{prefix: /}}}}]
      delegate: {{name: inner}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: inner, namespace: bookinfo}}
spec:
  http:
{inner}---
{rules}---{PLUGIN}"
        )
    };
    let (_, http) = ROUTES.split_once("  http:\n").unwrap();
    let (http, _) = http.split_once("---").unwrap();
    check_all(&delegated(http), &[]);
    let (_, default) = http.split_once("subset: v2}}]\n").unwrap();
    check_all(&delegated(default), &["no-route-for-variant @ http:"]);
}

#[test]
fn routes_of_the_gateway_api() {
    let canary = CANARY
        .replace(
            "stable: {labels: {version: v1}}",
            "stable: {service: reviews-v1}",
        )
        .replace(
            "canary: {labels: {version: v2}}",
            "canary: {service: reviews-v2}",
        );
    const ROUTE: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: reviews, namespace: bookinfo}
spec:
  parentRefs: [{kind: Service, group: '', name: reviews}]
  rules:
    - backendRefs: [{name: reviews-v1, port: 9080}]
    - matches: [{headers: [{name: X-Coalmine-Variant, value: canary}]}]
      backendRefs: [{name: reviews-v2, port: 9080}]
---
";
    let check = |what: &str, with: &str, expected: &[&str]| {
        let good = format!("{ROUTE}{PLUGIN}");
        assert!(good.contains(what), "{what}");
        assert_eq!(
            found(&canary, &good.replace(what, with)),
            expected,
            "{what} -> {with}"
        );
    };
    check("rules", "rules", &[]);
    check("kind: HTTPRoute", "kind: GRPCRoute", &[]);
    check(
        "parentRefs: [{kind: Service, group: '', name: reviews}]",
        "hostnames: [reviews]",
        &[],
    );
    check(
        "parentRefs: [{kind: Service, group: '', name: reviews}]",
        "hostnames: [reviews.bookinfo.svc.cluster.local]",
        &[],
    );
    check(
        "parentRefs: [{kind: Service, group: '', name: reviews}]",
        "parentRefs: [{name: gateway}]",
        &[],
    );
    check(
        "name: reviews}]",
        "name: ratings}]",
        &["no-routes of bookinfo/reviews"],
    );
    check(
        "value: canary}",
        "value: other}",
        &[
            "no-route-for-variant @ rules:",
            "?unknown-variant @ - matches: [{headers: [{name: X-Coalmine-Variant, value: other}]}]",
        ],
    );
    check(
        "value: canary}",
        "value: canary, type: RegularExpression}",
        &["no-route-for-variant @ rules:"],
    );
    check(
        "reviews-v2, port",
        "reviews-v1, port",
        &["wrong-destination @ backendRefs: [{name: reviews-v1, port: 9080}]"],
    );
    check(
        "reviews-v1, port",
        "reviews-v2, port",
        &["wrong-destination @ - backendRefs: [{name: reviews-v2, port: 9080}]"],
    );
    check(
        "    - backendRefs: [{name: reviews-v1, port: 9080}]\n",
        "",
        &["no-default-route @ rules:"],
    );
    // The longest path comes first, wherever it stands.
    check(
        "  rules:\n",
        "  rules:
    - matches: [{path: {type: PathPrefix, value: /api}}]
      backendRefs: [{name: reviews-v1, port: 9080}]\n",
        &["?not-for-variant @ - matches: [{path: {type: PathPrefix, value: /api}}]"],
    );
}

#[test]
fn configs() {
    let at_canary = "@ - apiVersion: coalmine.dev/v1alpha1";
    check_one(
        "canary: 5%}\n          unit",
        "canary: 10%}\n          unit",
        &[&format!("other-config {at_canary}")],
    );
    let differing = format!("{ROUTES}{PLUGIN}").replace(
        "canary: 5%}\n          unit",
        "canary: 10%}\n          salt: x\n          unit",
    );
    let message = &checked(CANARY, &differing).found[0].message;
    assert!(
        message.ends_with("carries another `bookinfo/reviews`: spec.salt x -> nothing; spec.shares.canary 10% -> 5%"),
        "{message}"
    );
    check_one(
        "        metadata: {name: reviews, namespace: bookinfo}",
        "        metadata: {name: other, namespace: bookinfo}",
        &[
            "not-carried of bookinfo/reviews",
            &format!("unknown-canary {at_canary}"),
        ],
    );
    check_one(
        "    kind: Plugin\n",
        "    kind: Plugin\n    variantHeader: x-other\n",
        &["other-header @ pluginConfig:"],
    );
    // What the filter would refuse, in the filter's own words.
    check_one(
        "canary: 5%}\n          unit",
        "canry: 5%}\n          unit",
        &["unknown-variant @ shares: {canry: 5%}"],
    );
    let plugin_without = PLUGIN.split("  pluginConfig:").next().unwrap();
    check_all(
        &format!("{ROUTES}{plugin_without}"),
        &["not-carried of bookinfo/reviews", "no-config @ spec:"],
    );
}

#[test]
fn how_a_plugin_runs() {
    check_one("  failStrategy: FAIL_OPEN\n", "", &["?denies-all @ spec:"]);
    for strategy in ["FAIL_CLOSE", "FAIL_RELOAD"] {
        check_one(
            "FAIL_OPEN",
            strategy,
            &[&format!("?denies-all @ failStrategy: {strategy}")],
        );
    }
    check_one("  match: [{mode: CLIENT}]\n", "", &["?no-mode @ spec:"]);
    let targets = "  targetRefs: [{kind: Service, group: '', name: reviews}]\n";
    check_one("  match: [{mode: CLIENT}]\n", targets, &[]);
    check_one(
        "  match: [{mode: CLIENT}]\n",
        &format!("  match: [{{mode: CLIENT}}]\n{targets}"),
        &["never-applied @ match: [{mode: CLIENT}]"],
    );
    check_one(
        "@sha256:aa",
        "@sha256:ab",
        &["other-module @ url: oci://registry.example.com/coalmine@sha256:ab"],
    );
    check_one(
        "@sha256:aa",
        ":1.0",
        &["?unpinned-module @ url: oci://registry.example.com/coalmine:1.0"],
    );
    check_one("@sha256:aa\n", ":1.0\n  sha256: aa\n", &[]);
    let by_http = "url: https://example.com/coalmine.wasm\n  sha256: ";
    let oci = "url: oci://registry.example.com/coalmine@sha256:aa";
    check_one(oci, &format!("{by_http}BB"), &[]);
    check_one(oci, &format!("{by_http}aa"), &["other-module @ sha256: aa"]);
    check_one(oci, "url: file:///coalmine.wasm", &[]);
    // A TrafficExtension has the same behind `wasm`.
    let (head, wasm) = PLUGIN.split_once("  url:").unwrap();
    let wasm: String = format!("  url:{wasm}")
        .lines()
        .map(|line| format!("  {line}\n"))
        .collect();
    let extension = format!(
        "{}  wasm:\n{wasm}",
        head.replace("WasmPlugin", "TrafficExtension")
    );
    check_all(&format!("{ROUTES}{extension}"), &[]);
    check_all(
        &format!("{ROUTES}{}", extension.replace("FAIL_OPEN", "FAIL_CLOSE")),
        &["?denies-all @ failStrategy: FAIL_CLOSE"],
    );
}

#[test]
fn two_plugins() {
    let with = |first: &str, namespace: &str, second: &str, expected: &[&str]| {
        let one = PLUGIN.replace("  url:", &format!("{first}  url:"));
        let other = PLUGIN
            .replace(
                "metadata: {name: coalmine, namespace: bookinfo}",
                &format!("metadata: {{name: other, namespace: {namespace}}}"),
            )
            .replace("  url:", &format!("{second}  url:"));
        check_all(&format!("{ROUTES}{one}---{other}"), expected);
    };
    let labels = |labels: &str| format!("  selector: {{matchLabels: {{{labels}}}}}\n");
    let (a, b, tier) = (labels("app: a"), labels("app: b"), labels("tier: x"));
    let both = labels("app: a, tier: x");
    let clash: &[&str] = &["two-plugins @ spec:"];
    with("", "bookinfo", "", clash);
    with("", "istio-system", "", clash);
    with("", "other", "", &[]);
    with(&a, "bookinfo", "", clash);
    with(&a, "bookinfo", &a, clash);
    with(&a, "istio-system", &a, clash);
    with(&a, "bookinfo", &both, clash);
    with(&a, "bookinfo", &b, &[]);
    with(&a, "bookinfo", &tier, &["?two-plugins @ spec:"]);
    let one = PLUGIN.replace(
        "match: [{mode: CLIENT}]",
        "targetRefs: [{kind: Service, name: reviews}]",
    );
    let other = one.replace("name: coalmine,", "name: other,");
    check_all(&format!("{ROUTES}{one}---{other}"), clash);
    check_all(
        &format!(
            "{ROUTES}{one}---{}",
            other.replace("name: reviews}]", "name: ratings}]")
        ),
        &[],
    );
    // What is for waypoints is on no sidecar.
    check_all(&format!("{ROUTES}{PLUGIN}---{other}"), &[]);
}

/// The filter in an EnvoyFilter, and routes there as well.
#[test]
fn envoy_filters() {
    let config = r#"{"apiVersion": "coalmine.dev/v1alpha1", "kind": "Plugin", "canaries": [{
        "apiVersion": "coalmine.dev/v1alpha1", "kind": "Canary", "metadata": {"name": "reviews", "namespace": "bookinfo"},
        "spec": {"hosts": ["reviews"], "variants": {"stable": {}, "canary": {}}, "default": "stable",
        "pins": {"header": "x-canary"}, "shares": {"canary": "5%"}, "unit": [{"header": "x-user-id"}],
        "whenNoUnit": "default"}}]}"#;
    let config: String = config.split('\n').map(str::trim).collect();
    let filter = format!(
        "apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {{name: coalmine, namespace: bookinfo}}
spec:
  configPatches:
    - applyTo: HTTP_FILTER
      patch:
        operation: INSERT_BEFORE
        value:
          name: coalmine
          typed_config:
            '@type': type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
            config:
              name: coalmine
              configuration:
                '@type': type.googleapis.com/google.protobuf.StringValue
                value: '{config}'
"
    );
    check_all(&format!("{ROUTES}{filter}"), &[]);
    let line = filter.lines().last().unwrap().trim().to_owned();
    let changed = |from: &str, to: &str| (filter.replace(from, to), line.replace(from, to));
    let (other, at) = changed("5%", "6%");
    check_all(
        &format!("{ROUTES}{other}"),
        &[&format!("other-config @ {at}")],
    );
    let (refused, at) = changed(r#"{"canary": "5%"}"#, r#"{"canry": "5%"}"#);
    check_all(
        &format!("{ROUTES}{refused}"),
        &[&format!("unknown-variant @ {at}")],
    );
    let (broken, at) = changed("{\"apiVersion", "\"apiVersion");
    check_all(&format!("{ROUTES}{broken}"), &[&format!("not-json @ {at}")]);
    let routes = "    - applyTo: HTTP_ROUTE
      match: {routeConfiguration: {vhost: {name: 'reviews.bookinfo.svc.cluster.local:9080'}}}
      patch:
        operation: INSERT_FIRST
        value:
          match: {prefix: /, headers: [{name: x-coalmine-variant, string_match: {exact: canary}}]}
          route: {cluster: outbound|9080|v2|reviews.bookinfo.svc.cluster.local}
";
    check_all(&filter, &["no-routes of bookinfo/reviews"]);
    check_all(&format!("{filter}{routes}"), &[]);
    check_all(
        &format!(
            "{filter}{}",
            routes.replace("exact: canary", "exact: other")
        ),
        &["no-routes of bookinfo/reviews"],
    );
}
