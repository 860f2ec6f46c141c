//! Routes and subsets that do not agree with canaries.

use super::*;

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
