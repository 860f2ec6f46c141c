//! Whether every variant is reached by its header, and the default without it.

use super::condition::{Match, VariantMatch};
use super::findings::Findings;
use super::object::Object;
use super::subsets::Subsets;
use super::table::{Destination, Route, Table};
use super::{http_route, name, virtual_service};
use coalmine::config::{Canaries, Canary, Variant};
use coalmine::{Node, Value};

pub(super) fn check(canaries: &Canaries, objects: &[Object<'_>], findings: &mut Findings) {
    let subsets = Subsets::of(objects);
    let header = &canaries.variant_header;
    for canary in &canaries.canaries {
        let hosts = name::hosts(canary);
        let services = services(canary);
        let known: Vec<String> = hosts.iter().chain(&services).cloned().collect();
        let mut tables = virtual_service::tables(&known, objects, header);
        tables.extend(http_route::tables(&known, &services, objects, header));
        if filter_has_routes(canary, &known, header, objects) {
            continue;
        }
        if tables.is_empty() {
            findings.missing(
                canary,
                "no-routes",
                format!(
                    "no VirtualService, HTTPRoute or GRPCRoute is for {}",
                    hosts.join(", ")
                ),
                "`coalmine render` makes one; or give the manifests that have it as well",
            );
        }
        for table in &tables {
            let check = CanaryCheck {
                canary,
                header,
                services: &services,
                subsets: &subsets,
            };
            check.table(table, findings);
        }
    }
}

/// The services that the variants are versions of, or have of their own.
fn services(canary: &Canary) -> Vec<String> {
    let own = canary.spec.variants.iter();
    let own = own.filter_map(|(_, variant)| variant.service.clone());
    let all = canary.service().into_iter().chain(own);
    all.map(|service| name::service(&service, canary)).collect()
}

/// Whether an `EnvoyFilter` brings the routes of a canary: it names the header, each variant, and
/// one of the hosts.
fn filter_has_routes(
    canary: &Canary,
    hosts: &[String],
    header: &str,
    objects: &[Object<'_>],
) -> bool {
    let filters = objects.iter().filter(|object| object.kind == "EnvoyFilter");
    filters.into_iter().any(|filter| {
        let mut texts = Vec::new();
        texts_in(filter.field.node, &mut texts);
        let has = |wanted: &str| texts.contains(&wanted);
        let mut drawn = canary.spec.variants.iter().map(|(name, _)| name);
        let of_host = |text: &&str| {
            let text = text.rsplit_once(':').map_or(*text, |(host, _)| host);
            let text = name::canonical(text, None);
            hosts.iter().any(|host| name::same(host, &text))
        };
        has(header)
            && drawn.all(|name| *name == canary.spec.default || has(name))
            && texts.iter().any(of_host)
    })
}

fn texts_in<'n>(node: &'n Node, texts: &mut Vec<&'n str>) {
    match &node.value {
        Value::String(text) => texts.push(text),
        Value::List(nodes) => nodes.iter().for_each(|node| texts_in(node, texts)),
        Value::Map(entries) => entries.iter().for_each(|(_, node)| texts_in(node, texts)),
        _ => {}
    }
}

struct CanaryCheck<'c, 'n> {
    canary: &'c Canary,
    header: &'c str,
    services: &'c [String],
    subsets: &'c Subsets<'n>,
}

impl CanaryCheck<'_, '_> {
    fn table(&self, table: &Table<'_>, findings: &mut Findings) {
        let default = &self.canary.spec.default;
        for (name, variant) in &self.canary.spec.variants {
            if name != default {
                self.variant(table, name, variant, findings);
            }
        }
        self.default(table, findings);
        self.unknown(table, findings);
    }

    /// Whether the requests that the filter gives a variant reach it.
    fn variant(&self, table: &Table<'_>, name: &str, variant: &Variant, findings: &mut Findings) {
        let exact = VariantMatch::Exact(name.to_owned());
        let own = |route: &Route<'_>| route.matches.iter().any(|one| one.variant == exact);
        let routes = &table.routes;
        if !routes.iter().any(own) {
            findings.error(
                &table.at,
                "no-route-for-variant",
                format!("{} has no route for variant `{name}`", table.title),
                format!(
                    "put one in front that matches the header `{}` exactly `{name}`, or let \
                     `coalmine render --into` do it",
                    self.header
                ),
            );
            return;
        }
        let mut dead_behind = Vec::new();
        for (number, route) in routes.iter().enumerate().filter(|(_, route)| own(route)) {
            let before = &routes[..number];
            let catches = |wanted| before.iter().position(|earlier| earlier.covers(wanted));
            let of_variant = route.matches.iter().filter(|one| one.variant == exact);
            let caught: Option<Vec<usize>> = of_variant.map(catches).collect();
            if let Some(first) = caught.and_then(|caught| caught.first().copied()) {
                dead_behind.push(first);
                findings.error(
                    &route.at,
                    "dead-route",
                    format!(
                        "no request reaches this route for variant `{name}`: an earlier one catches \
                         them all"
                    ),
                    "put it in front of that one: the first route that matches wins",
                );
                findings.beside(&routes[first].at);
            }
            self.destinations(route, name, variant, findings);
        }
        for (number, base) in self.bases(table) {
            let twin = |wanted: &Match| {
                let earlier = routes[..number].iter().filter(|route| own(route));
                let mut matches = earlier.flat_map(|route| &route.matches);
                matches.any(|one| one.variant == exact && one.without_variant().covers(wanted))
            };
            let mut taken = base.matches.iter().filter(|one| one.may_have(name));
            if !dead_behind.contains(&number) && !taken.all(twin) {
                findings.warning(
                    &base.at,
                    "not-for-variant",
                    format!(
                        "this route catches requests before the header is looked at: they stay with \
                         the default, also where the filter has decided for `{name}`"
                    ),
                    format!("if that is not meant, put a twin with the header `{}` in front", self.header),
                );
            }
        }
    }

    /// The routes to the service that a request without the header may take.
    fn bases<'t, 'n>(&self, table: &'t Table<'n>) -> impl Iterator<Item = (usize, &'t Route<'n>)> {
        let reaches = |route: &Route<'_>| {
            let mut hosts = route
                .destinations
                .iter()
                .map(|destination| &destination.host);
            hosts.any(|host| {
                self.services
                    .iter()
                    .any(|service| name::same(service, host))
            })
        };
        let routes = table.routes.iter().enumerate();
        routes.filter(move |(_, route)| route.may_lack() && reaches(route))
    }

    fn default(&self, table: &Table<'_>, findings: &mut Findings) {
        let spec = &self.canary.spec;
        let mut any = false;
        let variants: Vec<&(String, Variant)> = spec.variants.iter().collect();
        let Some((name, variant)) = variants.iter().find(|(name, _)| *name == spec.default) else {
            return;
        };
        for (_, base) in self.bases(table) {
            any = true;
            let before = findings.len();
            self.destinations(base, name, variant, findings);
            if !base.covers(&Match::default()) {
                // Some requests may be meant for a version, whatever the filter says.
                findings.soften(before, "wrong-labels");
            }
        }
        if !any {
            findings.error(
                &table.at,
                "no-default-route",
                format!(
                    "{} has no route for requests without the header `{}`, which the filter leaves \
                     out for the default `{name}`",
                    table.title, self.header
                ),
                "put one without a match on that header behind the others",
            );
        }
    }

    /// Values of the header that no variant has.
    fn unknown(&self, table: &Table<'_>, findings: &mut Findings) {
        for route in &table.routes {
            for matched in &route.matches {
                let VariantMatch::Exact(value) = &matched.variant else {
                    continue;
                };
                let mut names = self.canary.spec.variants.iter().map(|(name, _)| name);
                if !names.any(|name| name == value) {
                    findings.warning(
                        &route.at,
                        "unknown-variant",
                        format!(
                            "this route waits for variant `{value}`, which {} does not have",
                            self.canary.full_name()
                        ),
                        "take it out, or name one of the variants",
                    );
                }
            }
        }
    }

    /// Whether a route leads to a variant, and to nothing else.
    fn destinations(
        &self,
        route: &Route<'_>,
        name: &str,
        variant: &Variant,
        findings: &mut Findings,
    ) {
        for destination in &route.destinations {
            self.destination(destination, name, variant, findings);
        }
    }

    fn destination(
        &self,
        destination: &Destination<'_>,
        name: &str,
        variant: &Variant,
        findings: &mut Findings,
    ) {
        let Destination { at, host, subset } = destination;
        let own = variant
            .service
            .as_ref()
            .map(|one| name::service(one, self.canary));
        let of_service = self
            .canary
            .service()
            .map(|one| name::service(&one, self.canary));
        let wanted = own.as_ref().or(of_service.as_ref());
        if let Some(wanted) = wanted.filter(|wanted| !name::same(wanted, host)) {
            findings.error(
                at,
                "wrong-destination",
                format!("requests for variant `{name}` go to `{host}`, not to `{wanted}`"),
                format!("write the host `{wanted}`, or name the other as the variant's `service`"),
            );
            return;
        }
        if own.is_some() && subset.is_none() {
            return;
        }
        let labels = |pairs: &[(&str, &str)]| {
            let pairs: Vec<String> = pairs
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            pairs.join(",")
        };
        let wanted: Vec<(&str, &str)> = variant
            .labels
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        let Some(subset) = subset else {
            let whole = *name == self.canary.spec.default && wanted.is_empty();
            if !whole {
                findings.error(
                    at,
                    "no-subset",
                    format!("requests for variant `{name}` go to every version of `{host}`"),
                    "name the variant's `subset`, or a service of its own",
                );
            }
            return;
        };
        match self.subsets.labels(host, subset) {
            None => {
                let known = self.subsets.names(host);
                let known = match known.is_empty() {
                    true => "no DestinationRule has subsets of it".to_owned(),
                    false => format!("there are {}", known.join(", ")),
                };
                findings.error(
                    at,
                    "missing-subset",
                    format!("`{host}` has no subset `{subset}`: {known}"),
                    match wanted.is_empty() {
                        true => format!(
                            "add it to the host's DestinationRule: {{name: {subset}, labels: ...}}"
                        ),
                        false => format!(
                            "add it to the host's DestinationRule with the labels {}",
                            labels(&wanted)
                        ),
                    },
                );
            }
            Some(found) if !wanted.iter().all(|label| found.contains(label)) => {
                findings.error(
                    at,
                    "wrong-labels",
                    format!(
                        "requests for variant `{name}` go to subset `{subset}`, whose labels are {}, not {}",
                        labels(found),
                        labels(&wanted)
                    ),
                    "name the subset with the variant's labels, or mend the labels",
                );
            }
            Some(_) => {}
        }
    }
}
