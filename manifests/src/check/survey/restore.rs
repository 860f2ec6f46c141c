//! The services and labels of variants, which a plugin leaves out, from the routes of the cluster.
//!
//! A variant is where the first route for its header leads: to a subset with labels, or to a service of
//! its own. What other routes say beside it is then held against that, like against a file.

use super::super::condition::{Match, VariantMatch};
use super::super::object::Object;
use super::super::subsets::Subsets;
use super::super::table::{Destination, Route, Table};
use super::super::{http_route, name, virtual_service};
use coalmine::config::{Canary, Service, Variant};

pub(super) struct Restored {
    pub(super) canary: Canary,
    /// The objects with its routes.
    pub(super) routes: Vec<String>,
    /// The variants that a route leads to.
    pub(super) reached: Vec<String>,
    /// Those of them whose subset is in no DestinationRule, so that their labels are not known.
    pub(super) unlabelled: Vec<String>,
}

pub(super) fn restore(lean: &Canary, header: &str, objects: &[Object<'_>]) -> Restored {
    let names = super::known_names(lean);
    let services: Vec<String> = lean
        .service()
        .map(|service| name::service(&service, lean))
        .into_iter()
        .collect();
    let mut tables = virtual_service::tables(&names, objects, header);
    tables.extend(http_route::tables(&names, &services, objects, header));
    let subsets = Subsets::of(objects);
    let mut canary = lean.clone();
    let default = lean.spec.default.clone();
    let base = default_of(&tables);
    if let Some(base) = &base {
        canary.spec.service = service(&base.host);
    }
    let mut reached = Vec::new();
    let mut unlabelled = Vec::new();
    for (name, variant) in &mut canary.spec.variants {
        let found = match *name == default {
            true => base.clone(),
            false => destination_of(&tables, name),
        };
        let Some(found) = found else {
            continue;
        };
        reached.push(name.clone());
        let labels = found
            .subset
            .map(|subset| subsets.labels(&found.host, subset));
        if labels == Some(None) {
            unlabelled.push(name.clone());
        }
        let labels = labels.flatten().unwrap_or_default();
        let elsewhere = base.as_ref().is_some_and(|base| base.host != found.host);
        *variant = Variant {
            labels: labels
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            service: elsewhere.then(|| service(&found.host)).flatten(),
            ..variant.clone()
        };
    }
    Restored {
        canary,
        routes: tables.into_iter().map(|table| table.title).collect(),
        reached,
        unlabelled,
    }
}

fn service(host: &str) -> Option<Service> {
    Service::parse(host).map(|service| Service {
        port: None,
        ..service
    })
}

/// Where requests with this variant in the header go.
fn destination_of<'n>(tables: &[Table<'n>], name: &str) -> Option<Destination<'n>> {
    let exact = VariantMatch::Exact(name.to_owned());
    let own = |route: &&Route<'n>| route.matches.iter().any(|one| one.variant == exact);
    first(tables, own)
}

/// Where requests without the header go: all of them if there is a route for all, else some.
fn default_of<'n>(tables: &[Table<'n>]) -> Option<Destination<'n>> {
    let whole = |route: &&Route<'n>| route.may_lack() && route.covers(&Match::default());
    first(tables, whole).or_else(|| first(tables, |route| route.may_lack()))
}

fn first<'n>(
    tables: &[Table<'n>],
    wanted: impl Fn(&&Route<'n>) -> bool,
) -> Option<Destination<'n>> {
    let mut routes = tables.iter().flat_map(|table| &table.routes).filter(wanted);
    routes.find_map(|route| route.destinations.first().cloned())
}
