//! What becomes of random requests, before and after canaries were inserted: without the header the
//! same, with it the same but for the destinations of the service.

use crate::fixtures::{canaries, fixtures};
use crate::routing::{Outcome, Request, gateway_route, virtual_service};
use coalmine::config::Canaries;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const HEADER: &str = "x-coalmine-variant";
const FULL: &str = "reviews.bookinfo.svc.cluster.local";

/// Where the requests of a variant are expected: by its labels' subsets in the rules of the text, or
/// its own service.
fn subset_of(documents: &[Value], labels: &BTreeMap<String, String>) -> Option<String> {
    let rules = documents
        .iter()
        .filter(|one| one["kind"] == "DestinationRule");
    let mut subsets = rules.flat_map(|rule| {
        rule["spec"]["subsets"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    });
    let found = subsets.find(|subset| subset["labels"] == json!(labels))?;
    Some(found["name"].as_str().unwrap().to_owned())
}

/// Every manifest of a text, those of lists among them.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    let options = serde_saphyr::options! { strict_booleans: true };
    let all: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options).unwrap();
    let items = |one: Value| match one["kind"].as_str() {
        Some("List") => one["items"].as_array().unwrap().clone(),
        _ => vec![one],
    };
    all.into_iter().flat_map(items).collect()
}

fn outcome(manifest: &Value, request: &Request) -> Outcome {
    match manifest["kind"].as_str().unwrap() {
        "VirtualService" => virtual_service(manifest, request),
        _ => gateway_route(manifest, request),
    }
}

/// A full name, as the documentation of the two APIs completes it.
fn full(name: &str, namespace: &str) -> String {
    match name.contains('.') {
        true => name.to_lowercase(),
        false => format!("{}.{namespace}.svc.cluster.local", name.to_lowercase()),
    }
}

/// Destinations with their parts of the requests in millionths: how they are written does not count.
fn parts(outcome: Outcome, namespace: &str, key: &str, replace: &dyn Fn(&mut Value)) -> Outcome {
    let mut route = outcome?;
    let Some(list) = route.get(key).and_then(Value::as_array).cloned() else {
        return Some(route);
    };
    let unsaid = u64::from(key == "backendRefs");
    let weight = |one: &Value| match list.len() {
        1 => 1,
        _ => one["weight"].as_u64().unwrap_or(unsaid),
    };
    let total: u64 = list.iter().map(weight).sum();
    let mut parts = BTreeMap::new();
    for one in &list {
        let mut to = one.clone();
        to.as_object_mut().unwrap().remove("weight");
        let place = if key == "route" {
            &mut to["destination"]
        } else {
            &mut to
        };
        let name = if key == "route" { "host" } else { "name" };
        let there = place["namespace"].as_str().unwrap_or(namespace).to_owned();
        place[name] = json!(full(place[name].as_str().unwrap(), &there));
        if place[name] == FULL {
            replace(place);
        }
        // Fields that say nothing.
        let map: Map<String, Value> = place.as_object().unwrap().clone();
        let said = map
            .into_iter()
            .filter(|(field, value)| !value.is_null() && field != "namespace");
        *place = Value::Object(said.collect());
        *parts.entry(to.to_string()).or_insert(0) += weight(one);
    }
    for part in parts.values_mut() {
        *part = *part * 1_000_000 / total.max(1);
    }
    route[key] = json!(parts);
    Some(route)
}

/// Holds what becomes of a request against what became of it.
fn check(
    name: &str,
    before: &str,
    after: &str,
    canaries: &Canaries,
    requests: &[Request],
) -> usize {
    let (old, new) = (documents(before), documents(after));
    assert_eq!(old.len(), new.len(), "{name}");
    let mut diverted = 0;
    for (old, new_one) in old.iter().zip(&new) {
        let (list, key) = match old["kind"].as_str() {
            Some("VirtualService") => ("http", "route"),
            Some("HTTPRoute" | "GRPCRoute") => ("rules", "backendRefs"),
            Some("DestinationRule") => continue,
            _ => {
                assert_eq!(old, new_one, "{name}");
                continue;
            }
        };
        let others = |one: &Value| {
            let mut one = one.clone();
            one["spec"].as_object_mut().unwrap().remove(list);
            one
        };
        assert_eq!(others(old), others(new_one), "{name}");
        let namespace = old["metadata"]["namespace"].as_str().unwrap();
        let keep = |_: &mut Value| {};
        for request in requests {
            let plain = |one| parts(outcome(one, request), namespace, key, &keep);
            let found = plain(old);
            assert_eq!(plain(new_one), found, "{name}: {request:?}\n{after}");
            let spec = &canaries.canaries[0].spec;
            for (variant, said) in spec
                .variants
                .iter()
                .filter(|(variant, _)| *variant != spec.default)
            {
                let subset = subset_of(&new, &said.labels.iter().cloned().collect());
                let replace = |to: &mut Value| match &said.service {
                    None => to["subset"] = json!(subset.clone().unwrap_or_else(|| variant.clone())),
                    Some(service) => {
                        let name = if key == "route" { "host" } else { "name" };
                        to[name] = json!(full(&service.host, "bookinfo"));
                        to.as_object_mut().unwrap().remove("subset");
                        let port = if key == "route" {
                            &mut to["port"]["number"]
                        } else {
                            &mut to["port"]
                        };
                        if port.is_null() || *port == 9080 {
                            *port = json!(service.port.unwrap());
                        }
                    }
                };
                let expected = parts(outcome(old, request), namespace, key, &replace);
                diverted += usize::from(expected != found);
                let mut request = request.clone();
                request.headers.insert(HEADER.to_owned(), variant.clone());
                let decided = parts(outcome(new_one, &request), namespace, key, &keep);
                assert_eq!(decided, expected, "{name}: {request:?}\n{after}");
            }
        }
    }
    diverted
}

fn requests() -> impl Strategy<Value = Request> {
    let paths = [
        "/",
        "/plain",
        "/plain/x",
        "/marked",
        "/shared",
        "/reviews/12",
        "/reviews/12/all",
        "/v0/reviews",
        "/ratings/1",
        "/api",
        "/api/",
        "/api/v2",
        "/API",
        "/healthz",
        "/reviews/new",
        "/direct",
        "/a",
        "/b",
        "/c",
        "/mine",
        "/theirs",
        "/admin",
        "/old",
        "/é",
        "/graphql",
        "/books.Reviews/List",
        "/books.Reviews/Get",
        "/books.Admin/Stop",
        "/books.Other/Get",
    ];
    let headers = select(&[
        ("end-user", "jason"),
        ("end-user", "ann"),
        ("x-internal", "1"),
        ("x-a", "1"),
        ("x-a", "b"),
        ("x-tenant", "books"),
        ("x-tenant", "a"),
        (HEADER, "stable"),
        (HEADER, "nonsense"),
    ]);
    let place = (
        select(&["mesh", "public", "istio-ingress/public"]),
        select(&[80_u64, 443, 9080]),
        select(&["productpage", "other"]),
        select(&["testing", "bookinfo"]),
    );
    let of = (
        select(paths.to_vec()),
        select(&["GET", "POST", "HEAD"]),
        select(&["reviews", "reviews.example.com"]),
        prop::collection::vec(headers, 0..4),
        select(&[None, Some(("debug", "1")), Some(("debug", "2"))]),
        place,
    );
    of.prop_map(
        |(path, method, authority, headers, query, (gateway, port, app, namespace))| {
            let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
            Request {
                path: path.to_owned(),
                method: method.to_owned(),
                authority: authority.to_owned(),
                headers: headers.into_iter().map(owned).collect(),
                query: query.into_iter().map(owned).collect(),
                gateway: gateway.to_owned(),
                port,
                labels: BTreeMap::from([owned(("app", app))]),
                namespace: namespace.to_owned(),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fixtures_route_as_they_did(requests in prop::collection::vec(requests(), 300)) {
        for fixture in fixtures() {
            let canaries = canaries(fixture.canary);
            let diverted = check(&fixture.name, &fixture.text, &fixture.inserted(), &canaries, &requests);
            assert!(diverted > 0, "{}: no request met a twin", fixture.name);
        }
    }
}

fn string_match() -> impl Strategy<Value = Value> {
    prop_oneof![
        select(&["/", "/a", "/api", "/api/", "/plain"])
            .prop_map(|prefix| json!({"prefix": prefix})),
        select(&["/a", "/api", "/ratings/1"]).prop_map(|exact| json!({"exact": exact})),
        select(&["/[a-z]+", "/api(/.*)?", ".*"]).prop_map(|regex| json!({"regex": regex})),
    ]
}

/// A map with some of these entries.
fn some_of(entries: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let all: Vec<_> = entries
        .into_iter()
        .map(|(key, value)| {
            prop::option::weighted(0.4, value)
                .prop_map(move |value| value.map(|value| (key, value)))
        })
        .collect();
    all.prop_map(|entries| {
        Value::Object(
            entries
                .into_iter()
                .flatten()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        )
    })
    .boxed()
}

fn one_of(values: Vec<Value>) -> BoxedStrategy<Value> {
    select(values).boxed()
}

fn http_match() -> BoxedStrategy<Value> {
    some_of(vec![
        ("uri", string_match().boxed()),
        (
            "method",
            one_of(vec![json!({"exact": "GET"}), json!({"regex": "GET|HEAD"})]),
        ),
        ("authority", one_of(vec![json!({"prefix": "reviews."})])),
        (
            "headers",
            one_of(vec![
                json!({}),
                json!({"x-a": {"exact": "1"}}),
                json!({"end-user": {}, "x-a": {"prefix": "b"}}),
            ]),
        ),
        (
            "withoutHeaders",
            one_of(vec![
                json!({"x-internal": {}}),
                json!({"x-a": {"exact": "b"}}),
            ]),
        ),
        (
            "queryParams",
            one_of(vec![json!({"debug": {"exact": "1"}})]),
        ),
        ("sourceLabels", one_of(vec![json!({"app": "productpage"})])),
        (
            "gateways",
            one_of(vec![json!(["mesh"]), json!(["public", "mesh"])]),
        ),
        ("port", one_of(vec![json!(80), json!(9080)])),
    ])
}

fn http_route() -> impl Strategy<Value = Value> {
    let destination = prop_oneof![
        Just(json!({"host": "reviews"})),
        Just(json!({"host": "reviews", "subset": "v1"})),
        Just(json!({"host": FULL, "subset": "v3", "port": {"number": 9080}})),
        Just(json!({"host": "ratings"})),
        Just(json!({"host": "reviews.other.svc.cluster.local", "subset": "v1"})),
    ];
    let headers = one_of(vec![json!({"request": {"set": {"x-b": "c: d # e"}}})]);
    let entry = (destination, 0..4_u64, prop::option::weighted(0.3, headers));
    let route = prop::collection::vec(entry, 1..4).prop_map(|entries| {
        let one = |(destination, weight, headers): (Value, u64, Option<Value>)| {
            let mut entry = json!({"destination": destination, "weight": weight * 10 + 10});
            if let Some(headers) = headers {
                entry["headers"] = headers;
            }
            entry
        };
        json!({"route": entries.into_iter().map(one).collect::<Vec<_>>()})
    });
    let to = prop_oneof![
        8 => route,
        1 => Just(json!({"redirect": {"uri": "/new"}})),
        1 => Just(json!({"directResponse": {"status": 204}})),
    ];
    let options = some_of(vec![
        (
            "match",
            prop::collection::vec(http_match(), 0..3)
                .prop_map(Value::from)
                .boxed(),
        ),
        (
            "name",
            one_of(vec![json!("one"), json!("one-canary"), json!("two")]),
        ),
        ("timeout", one_of(vec![json!("1s")])),
        (
            "retries",
            one_of(vec![json!({"attempts": 2, "retryOn": "5xx"})]),
        ),
        (
            "fault",
            one_of(vec![
                json!({"abort": {"httpStatus": 418, "percentage": {"value": 1.5}}}),
            ]),
        ),
        (
            "mirror",
            one_of(vec![json!({"host": "reviews", "subset": "v3"})]),
        ),
        (
            "corsPolicy",
            one_of(vec![json!({"allowOrigins": [{"exact": "*"}]})]),
        ),
    ]);
    (options, to).prop_map(|(mut route, to)| {
        let map = route.as_object_mut().unwrap();
        map.extend(to.as_object().unwrap().clone());
        route
    })
}

/// A list of routes as text, each in block or flow style, with what people put between them.
fn written(head: &str, items: &[(Value, u8)]) -> String {
    let mut text = head.to_owned();
    for (item, style) in items {
        text.push_str(
            [
                "",
                "\n",
                "  # about the next\n",
                "\n    # out of place\n\n  # the next\n",
            ][usize::from(style / 4 % 4)],
        );
        if style % 4 == 0 {
            text.push_str(&format!("  - {item}  # on one line\n"));
            continue;
        }
        let block = coalmine_manifests::to_yaml(item).unwrap();
        for (index, line) in block.lines().enumerate() {
            let start = if index == 0 { "  - " } else { "    " };
            text.push_str(&format!("{start}{line}\n"));
        }
    }
    match items.len() % 3 {
        0 => text.replace('\n', "\r\n"),
        1 => text.trim_end().to_owned(),
        _ => text,
    }
}

/// All that is promised, for one text.
fn promises(text: &str, canary: &'static str, gateway: bool, requests: &[Request]) {
    use coalmine_manifests::into::{Api, insert, remove};
    let api = if gateway { Api::Gateway } else { Api::Istio };
    let canaries = canaries(canary);
    let inserted = match insert(&[text], &canaries, api) {
        Ok(inserted) => inserted.texts.concat(),
        Err(refused) => {
            let known = ["nothing-reaches", "too-many-rules"];
            assert!(
                refused.found.iter().all(|one| known.contains(&one.code)),
                "{refused:#?}\n{text}"
            );
            return;
        }
    };
    let again = insert(&[&inserted], &canaries, api).unwrap();
    assert_eq!(again.texts.concat(), inserted);
    assert_eq!(remove(&[&inserted], None).unwrap().concat(), text);
    check("generated", text, &inserted, &canaries, requests);
}

const VIRTUAL_SERVICE: &str = "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  gateways: [mesh, public]
  http:
";

const HTTP_ROUTE: &str = "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: reviews, namespace: bookinfo}
spec:
  parentRefs: [{name: public}]
  rules:
";

fn rule() -> impl Strategy<Value = Value> {
    let path = |kind: &'static str, paths: Vec<&'static str>| {
        select(paths)
            .prop_map(move |path| json!({"type": kind, "value": path}))
            .boxed()
    };
    let one = some_of(vec![
        (
            "path",
            prop_oneof![
                path("PathPrefix", vec!["/", "/a", "/api", "/api/v2"]),
                path("Exact", vec!["/a", "/api"]),
            ]
            .boxed(),
        ),
        ("method", one_of(vec![json!("GET"), json!("POST")])),
        (
            "headers",
            one_of(vec![
                json!([{"name": "x-a", "value": "1"}]),
                json!([{"name": "x-tenant", "value": "a"}]),
                json!([{"name": "x-a", "value": "1"}, {"name": "x-tenant", "value": "a"}]),
            ]),
        ),
        (
            "queryParams",
            one_of(vec![json!([{"name": "debug", "value": "1"}])]),
        ),
    ]);
    let backend = one_of(vec![
        json!({"name": "reviews", "port": 9080}),
        json!({"name": "reviews", "port": 9080, "weight": 3}),
        json!({"name": "ratings", "port": 80}),
        json!({"name": "reviews", "namespace": "other", "port": 9080}),
    ]);
    let parts = (
        prop::collection::vec(one, 0..3),
        prop::collection::vec(backend, 0..3),
        prop::option::of(select(&["main", "main-canary", "else"])),
    );
    parts.prop_map(|(matches, backends, name)| {
        let mut rule = json!({"matches": matches, "backendRefs": backends});
        if let Some(name) = name {
            rule["name"] = json!(name);
        }
        rule
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn virtual_services_of_any_kind(
        items in prop::collection::vec((http_route(), any::<u8>()), 1..6),
        canary in select(&["reviews", "three", "services"]),
        requests in prop::collection::vec(requests(), 30),
    ) {
        promises(&written(VIRTUAL_SERVICE, &items), canary, false, &requests);
    }

    #[test]
    fn http_routes_of_any_kind(
        items in prop::collection::vec((rule(), any::<u8>()), 1..6),
        requests in prop::collection::vec(requests(), 30),
    ) {
        promises(&written(HTTP_ROUTE, &items), "services", true, &requests);
    }
}
