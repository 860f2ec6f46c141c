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
pub(crate) const FULL: &str = "reviews.bookinfo.svc.cluster.local";

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
pub(crate) fn check(
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

pub(crate) fn requests() -> impl Strategy<Value = Request> {
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
