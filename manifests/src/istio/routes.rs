//! Routes and subsets: which versions there are, and what the variant header chooses.

use super::hosts::{full_name, route_hosts};
use super::object_name;
use super::told::{hosts_are_told, service_is_told, variants_are_told};
use crate::kubernetes::{Manifest, Metadata, Provenance};
use crate::{Error, File};
use coalmine::config::{Canaries, Canary, Variant};
use serde::Serialize;
use std::collections::BTreeMap;

/// The gateway's name that means every sidecar.
pub const MESH: &str = "mesh";

/// The routes, with what the canaries do not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    /// The gateways that have them, as `namespace/name`, or [`MESH`]; the mesh alone if there is none.
    pub gateways: Vec<String>,
}

#[derive(Serialize)]
struct VirtualService<'c> {
    hosts: Vec<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    gateways: &'c [String],
    http: Vec<HttpRoute<'c>>,
}

#[derive(Serialize)]
struct HttpRoute<'c> {
    name: &'c str,
    #[serde(rename = "match", skip_serializing_if = "Vec::is_empty")]
    matches: Vec<HttpMatchRequest<'c>>,
    route: [HttpRouteDestination<'c>; 1],
}

#[derive(Clone, Default, PartialEq, Serialize)]
struct HttpMatchRequest<'c> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gateways: Vec<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<&'c str, StringMatch<'c>>,
}

#[derive(Clone, PartialEq, Serialize)]
struct StringMatch<'c> {
    exact: &'c str,
}

#[derive(Serialize)]
struct HttpRouteDestination<'c> {
    destination: Destination<'c>,
}

#[derive(Serialize)]
struct Destination<'c> {
    host: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subset: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<PortSelector>,
}

#[derive(Serialize)]
struct PortSelector {
    number: u16,
}

#[derive(Serialize)]
struct DestinationRule<'c> {
    host: String,
    subsets: Vec<Subset<'c>>,
}

#[derive(Serialize)]
struct Subset<'c> {
    name: &'c str,
    labels: BTreeMap<&'c str, &'c str>,
}

pub(super) fn routes(
    canaries: &Canaries,
    provenance: &Provenance,
    routes: &Routes,
) -> Result<Vec<File>, Error> {
    let mut problems = Vec::new();
    for canary in &canaries.canaries {
        hosts_are_told(canary, routes, &mut problems);
        if canary
            .spec
            .variants
            .iter()
            .any(|(_, variant)| variant.service.is_none())
        {
            service_is_told(canary, &mut problems);
        }
        variants_are_told(canary, &mut problems);
    }
    if !problems.is_empty() {
        return Err(Error::Problems(problems));
    }
    let mut files = Vec::new();
    for canary in &canaries.canaries {
        let virtual_service = VirtualService {
            hosts: route_hosts(canary),
            gateways: &routes.gateways,
            http: http_routes(canary, &canaries.variant_header, routes),
        };
        files.push(
            Manifest {
                api_version: API_VERSION,
                kind: "VirtualService",
                metadata: metadata(canary, provenance),
                spec: virtual_service,
            }
            .file()?,
        );
        files.extend(subsets(canary, provenance)?);
    }
    Ok(files)
}

const API_VERSION: &str = "networking.istio.io/v1";

fn metadata(canary: &Canary, provenance: &Provenance) -> Metadata {
    Metadata::new(
        object_name(canary),
        canary.namespace.clone(),
        provenance.annotations([canary.full_name().as_str()]),
    )
}

/// The object with a canary's subsets, if a variant of it is one.
pub(crate) fn subsets(canary: &Canary, provenance: &Provenance) -> Result<Option<File>, Error> {
    let subsets: Vec<Subset<'_>> = canary
        .spec
        .variants
        .iter()
        .filter(|(_, variant)| variant.service.is_none())
        .map(|(name, variant)| Subset {
            name,
            labels: variant
                .labels
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
        })
        .collect();
    let (Some(service), false) = (canary.service(), subsets.is_empty()) else {
        return Ok(None);
    };
    let rule = Manifest {
        api_version: API_VERSION,
        kind: "DestinationRule",
        metadata: metadata(canary, provenance),
        spec: DestinationRule {
            host: full_name(&service.host, canary.namespace.as_deref()),
            subsets,
        },
    };
    rule.file().map(Some)
}

/// One route for each variant, the default's last, since it takes what the others leave.
fn http_routes<'c>(
    canary: &'c Canary,
    variant_header: &'c str,
    routes: &'c Routes,
) -> Vec<HttpRoute<'c>> {
    let scopes = scopes(canary, routes);
    let default = canary.spec.default.as_str();
    let (defaults, drawn): (Vec<_>, Vec<_>) = canary
        .spec
        .variants
        .iter()
        .partition(|(name, _)| name == default);
    let mut http = Vec::new();
    for (name, variant) in drawn.into_iter().chain(defaults) {
        let Some(destination) = destination(canary, name, variant) else {
            continue;
        };
        let mut matches = scopes.clone();
        if name != default {
            for scope in &mut matches {
                scope
                    .headers
                    .insert(variant_header, StringMatch { exact: name });
            }
        }
        // A condition that asks for nothing is better left out.
        matches.retain(|condition| *condition != HttpMatchRequest::default());
        http.push(HttpRoute {
            name,
            matches,
            route: [HttpRouteDestination { destination }],
        });
    }
    http
}

/// Where the routes hold. Of a service with several ports only the one that is named is governed:
/// requests of the mesh for another go their own way. At a gateway the port is the gateway's.
fn scopes<'c>(canary: &Canary, routes: &'c Routes) -> Vec<HttpMatchRequest<'c>> {
    let port = canary.service().and_then(|service| service.port);
    let (mesh, gateways): (Vec<&str>, Vec<&str>) = routes
        .gateways
        .iter()
        .map(String::as_str)
        .partition(|gateway| *gateway == MESH);
    let in_mesh = HttpMatchRequest {
        port,
        ..HttpMatchRequest::default()
    };
    match (port, mesh.is_empty(), gateways.is_empty()) {
        (Some(_), _, true) => vec![in_mesh],
        (Some(_), false, false) => {
            let at_gateways = HttpMatchRequest {
                gateways,
                ..HttpMatchRequest::default()
            };
            let in_mesh = HttpMatchRequest {
                gateways: mesh,
                ..in_mesh
            };
            vec![in_mesh, at_gateways]
        }
        _ => vec![HttpMatchRequest::default()],
    }
}

/// Where a variant is: its own service, or its subset of the canary's.
fn destination<'c>(canary: &Canary, name: &'c str, variant: &Variant) -> Option<Destination<'c>> {
    let (service, subset) = match &variant.service {
        Some(own) => (own.clone(), None),
        None => (canary.service()?, Some(name)),
    };
    Some(Destination {
        host: full_name(&service.host, canary.namespace.as_deref()),
        subset,
        port: service.port.map(|number| PortSelector { number }),
    })
}
