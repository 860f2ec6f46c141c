//! Plugins and EnvoyFilters that do not agree with canaries, or with each other.

use super::*;

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
