//! Tables from Istio's `VirtualService`.

use super::condition::{Match, of_istio};
use super::field::Field;
use super::name::{canonical, covers};
use super::object::Object;
use super::table::{Destination, Route, Table};

/// How many delegates may follow each other; Istio allows one.
const MOST_DELEGATES: usize = 4;

/// The tables of all `VirtualService`s for one of these hosts.
pub(super) fn tables<'n>(
    hosts: &[String],
    objects: &[Object<'n>],
    variant_header: &str,
) -> Vec<Table<'n>> {
    let services = objects
        .iter()
        .filter(|object| object.kind == "VirtualService");
    services
        .filter_map(|object| {
            let spec = object.spec()?;
            let mut routed = spec
                .items_at("hosts")
                .into_iter()
                .filter_map(|host| host.text());
            let is_for = |routed: &str| {
                let routed = canonical(routed, object.namespace);
                hosts.iter().any(|host| covers(&routed, host))
            };
            // Without http routes it says nothing about requests.
            let http = spec.get("http").filter(|_| routed.any(is_for))?;
            Some(Table {
                title: object.title(),
                routes: routes(object, &http, objects, variant_header, 0),
                at: http,
            })
        })
        .collect()
}

fn routes<'n>(
    object: &Object<'n>,
    http: &Field<'n>,
    objects: &[Object<'n>],
    variant_header: &str,
    depth: usize,
) -> Vec<Route<'n>> {
    let mut routes = Vec::new();
    for item in http.items() {
        let mut matches: Vec<Match> = item
            .items_at("match")
            .iter()
            .map(|matched| of_istio(matched, variant_header))
            .collect();
        if matches.is_empty() {
            matches.push(Match::default());
        }
        if let Some(delegate) = item.get("delegate") {
            let name = delegate.text_at("name").unwrap_or_default();
            let namespace = delegate.text_at("namespace").or(object.namespace);
            let mut others = objects.iter();
            let other = others.find(|other| other.is("VirtualService", name, namespace));
            let http = other.and_then(|other| Some((other, other.field.at("spec.http")?)));
            if let Some((other, http)) = http.filter(|_| depth < MOST_DELEGATES) {
                let inner = self::routes(other, &http, objects, variant_header, depth + 1);
                routes.extend(inner.into_iter().map(|route| within(&matches, route)));
            }
            continue;
        }
        let destinations = item.items_at("route").into_iter().filter_map(|weighted| {
            // Nobody is sent to a weight of 0, unless nothing else is there.
            let weight = weighted.text_at("weight");
            let at = weighted
                .get("destination")
                .filter(|_| weight != Some("0"))?;
            Some(Destination {
                host: canonical(at.text_at("host").unwrap_or_default(), object.namespace),
                subset: at.text_at("subset"),
                at,
            })
        });
        routes.push(Route {
            matches,
            destinations: destinations.collect(),
            at: item,
        });
    }
    routes
}

/// A delegate's route, which matches what both match.
fn within<'n>(outer: &[Match], route: Route<'n>) -> Route<'n> {
    let inner = &route.matches;
    let matches = outer
        .iter()
        .flat_map(|outer| inner.iter().map(move |inner| outer.and(inner)))
        .collect();
    Route { matches, ..route }
}
