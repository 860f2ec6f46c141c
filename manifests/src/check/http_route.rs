//! Tables from the Gateway API's `HTTPRoute` and `GRPCRoute`.

use super::condition::{Match, of_gateway};
use super::field::Field;
use super::name::{canonical, covers, same};
use super::object::Object;
use super::table::{Destination, Route, Table};
use core::cmp::Reverse;

const KINDS: [&str; 2] = ["HTTPRoute", "GRPCRoute"];

/// The table of all routes of one kind for one of these hosts or services, in the order that the
/// Gateway API gives to their matches.
pub(super) fn tables<'n>(
    hosts: &[String],
    services: &[String],
    objects: &[Object<'n>],
    variant_header: &str,
) -> Vec<Table<'n>> {
    let table = |kind: &str| {
        let of_kind = objects.iter().filter(|object| object.kind == kind);
        let specs: Vec<(&Object<'n>, Field<'n>)> = of_kind
            .filter_map(|object| Some((object, object.spec()?)))
            .filter(|(object, spec)| is_for(hosts, services, object, spec))
            .collect();
        let (first, spec) = specs.first()?;
        let mut ranked: Vec<(Rank, Route<'n>)> = Vec::new();
        for (object, spec) in &specs {
            for rule in spec.items_at("rules") {
                routes(object, &rule, variant_header, &mut ranked);
            }
        }
        ranked.sort_by_key(|(rank, _)| *rank);
        Some(Table {
            title: first.title(),
            at: spec.get("rules").unwrap_or_else(|| spec.clone()),
            routes: ranked.into_iter().map(|(_, route)| route).collect(),
        })
    };
    KINDS.into_iter().filter_map(table).collect()
}

fn is_for(hosts: &[String], services: &[String], object: &Object<'_>, spec: &Field<'_>) -> bool {
    let hostnames = spec.items_at("hostnames");
    let named = |hostname: &Field<'_>| {
        let hostname = canonical(hostname.text().unwrap_or_default(), None);
        hosts.iter().any(|host| covers(&hostname, host))
    };
    let parent = |parent: Field<'_>| {
        let name = parent.text_at("name").unwrap_or_default();
        let namespace = parent.text_at("namespace").or(object.namespace);
        let name = canonical(name, namespace);
        parent.text_at("kind") == Some("Service") && hosts.iter().any(|host| same(host, &name))
    };
    // On a gateway without a name of its own, by what it leads to.
    let leads_there = || {
        let rules = spec.items_at("rules").into_iter();
        rules
            .flat_map(|rule| destinations(object, &rule))
            .any(|destination| {
                services
                    .iter()
                    .any(|service| same(service, &destination.host))
            })
    };
    let parents = spec.items_at("parentRefs");
    let of_service = parents
        .iter()
        .any(|one| one.text_at("kind") == Some("Service"));
    match (hostnames.is_empty(), of_service) {
        (_, true) => parents.into_iter().any(parent),
        (false, false) => hostnames.iter().any(named),
        (true, false) => leads_there(),
    }
}

/// Before which others a match is tried: an exact path, the longest prefix, a method, the most
/// headers, the most parameters (Gateway API, `HTTPRouteRule.matches`).
type Rank = (bool, Reverse<usize>, bool, Reverse<usize>, Reverse<usize>);

fn routes<'n>(
    object: &Object<'n>,
    rule: &Field<'n>,
    variant_header: &str,
    ranked: &mut Vec<(Rank, Route<'n>)>,
) {
    let matches = rule.items_at("matches");
    let route = |at: &Field<'n>, matched: Match| Route {
        at: at.clone(),
        matches: vec![matched],
        destinations: destinations(object, rule),
    };
    if matches.is_empty() {
        let last = (true, Reverse(0), true, Reverse(0), Reverse(0));
        ranked.push((last, route(rule, Match::default())));
    }
    for matched in &matches {
        let exact = matched.text_at("path.type") == Some("Exact");
        let length = matched.text_at("path.value").map_or(0, str::len);
        let count = |name: &str| Reverse(matched.items_at(name).len());
        let rank = (
            !exact,
            Reverse(length),
            matched.get("method").is_none(),
            count("headers"),
            count("queryParams"),
        );
        ranked.push((rank, route(matched, of_gateway(matched, variant_header))));
    }
}

fn destinations<'n>(object: &Object<'n>, rule: &Field<'n>) -> Vec<Destination<'n>> {
    let backends = rule.items_at("backendRefs").into_iter();
    backends
        .filter(|backend| backend.text_at("weight") != Some("0"))
        .map(|backend| {
            let namespace = backend.text_at("namespace").or(object.namespace);
            Destination {
                host: canonical(backend.text_at("name").unwrap_or_default(), namespace),
                subset: None,
                at: backend,
            }
        })
        .collect()
}
