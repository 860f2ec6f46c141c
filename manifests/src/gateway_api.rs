//! The Gateway API: routes by the variant header to one Service a variant.
//!
//! | object | for | one for |
//! |---|---|---|
//! | `HTTPRoute` | HTTP | each canary |
//! | `GRPCRoute` | gRPC, instead | each canary |
//!
//! Routes decide nothing: the filter has to run in front of them. The Gateway API has no way to say so that
//! all implementations know, so each loads it by an object of its own (docs/gateway-api.md).

use crate::kubernetes::{Manifest, Metadata, Provenance};
use crate::{Error, File, Problem};
use coalmine::config::{Canaries, Canary, Service};
use coalmine::policy::host_names;
use serde::Serialize;

const API_VERSION: &str = "gateway.networking.k8s.io/v1";

/// The most rules of a route, hostnames of a route, and parents of a route that the API takes.
const MOST_RULES: usize = 16;
const MOST_HOSTNAMES: usize = 16;
/// The same for parents.
pub const MOST_PARENTS: usize = 32;

/// What to make, with what the canaries do not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The gateways that have the routes; if there is none, the mesh has them, by the canary's service.
    pub gateways: Vec<Gateway>,
    /// `GRPCRoute` instead of `HTTPRoute`. Not both: where their hostnames meet, one of them is refused.
    pub grpc: bool,
}

/// A gateway that routes are attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Its namespace; the route's own if there is none.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// The listener; all of them if there is none.
    pub section: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Route<'c> {
    parent_refs: Vec<Reference<'c>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hostnames: Vec<String>,
    rules: Vec<Rule<'c>>,
}

/// A gateway, or a service as parent or backend.
#[derive(Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Reference<'c> {
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'c str>,
    name: &'c str,
    #[serde(skip_serializing_if = "Option::is_none")]
    section_name: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule<'c> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    matches: Vec<Match<'c>>,
    backend_refs: [Reference<'c>; 1],
}

#[derive(Serialize)]
struct Match<'c> {
    headers: [Header<'c>; 1],
}

#[derive(Serialize)]
struct Header<'c> {
    #[serde(rename = "type")]
    kind: &'c str,
    name: &'c str,
    value: &'c str,
}

/// A route for each canary, one a file.
///
/// # Errors
/// [`Error::Problems`] if a variant has no service with a port, or a canary is more than a route can say.
pub fn render(
    canaries: &Canaries,
    provenance: &Provenance,
    options: &Options,
) -> Result<Vec<File>, Error> {
    let mut problems = Vec::new();
    let mut files = Vec::new();
    for canary in &canaries.canaries {
        let found = problems.len();
        let route = Route {
            parent_refs: parents(canary, options, &mut problems),
            hostnames: match options.gateways.as_slice() {
                [] => Vec::new(),
                _ => hostnames(canary, &mut problems),
            },
            rules: rules(canary, &canaries.variant_header, &mut problems),
        };
        if problems.len() > found {
            continue;
        }
        let kind = match options.grpc {
            true => "GRPCRoute",
            false => "HTTPRoute",
        };
        let name = format!("coalmine-{}", canary.name);
        let annotations = provenance.annotations([canary.full_name().as_str()]);
        let manifest = Manifest {
            api_version: API_VERSION,
            kind,
            metadata: Metadata::new(name, canary.namespace.clone(), annotations),
            spec: route,
        };
        files.push(manifest.file()?);
    }
    if !problems.is_empty() {
        return Err(Error::Problems(problems));
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(files)
}

fn problem(
    canary: &Canary,
    path: String,
    code: &'static str,
    message: String,
    help: &str,
) -> Problem {
    Problem {
        canary: canary.full_name(),
        path,
        code,
        message,
        help: help.to_owned(),
    }
}

/// The gateways, or the service that the mesh calls (gateway-api.sigs.k8s.io, "GAMMA").
fn parents<'c>(
    canary: &'c Canary,
    options: &'c Options,
    problems: &mut Vec<Problem>,
) -> Vec<Reference<'c>> {
    let at_gateway = |gateway: &'c Gateway| Reference {
        group: None,
        kind: None,
        namespace: gateway.namespace.as_deref(),
        name: &gateway.name,
        section_name: gateway.section.as_deref(),
        port: None,
    };
    if !options.gateways.is_empty() {
        return options.gateways.iter().map(at_gateway).collect();
    }
    let said = canary
        .spec
        .service
        .as_ref()
        .map(|service| (service.host.as_str(), service.port));
    let hosts = canary.spec.hosts.iter().map(|host| (host.as_str(), None));
    let parent = said.into_iter().chain(hosts).find_map(|(host, port)| {
        let (name, namespace) = in_cluster(host, canary)?;
        Some(Reference {
            group: Some(""),
            kind: Some("Service"),
            namespace,
            name,
            section_name: None,
            port,
        })
    });
    if parent.is_none() {
        problems.push(problem(
            canary,
            "spec.hosts".to_owned(),
            "no-service",
            "in a mesh a route is attached to a Service, and no host is the name of one".to_owned(),
            "write `service: reviews` beside `hosts`, or name gateways: `--gateway NAMESPACE/NAME`",
        ));
    }
    parent.into_iter().collect()
}

/// Name and namespace of a Service in the cluster; no namespace means the canary's.
fn in_cluster<'c>(host: &'c str, canary: &Canary) -> Option<(&'c str, Option<&'c str>)> {
    // What is no name of a service, like a wildcard, is none in the cluster either.
    Service::parse(host)?;
    let mut parts = host.splitn(3, '.');
    let (name, namespace, rest) = (parts.next()?, parts.next(), parts.next());
    let own = |namespace: &&str| Some(*namespace) != canary.namespace.as_deref();
    match rest {
        None | Some("svc" | "svc.cluster.local") => Some((name, namespace.filter(own))),
        Some(_) => None,
    }
}

/// Each host once; none at all stands for every host.
fn hostnames(canary: &Canary, problems: &mut Vec<Problem>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (index, host) in canary.spec.hosts.iter().enumerate() {
        let name = host_names(host, None)
            .into_iter()
            .next()
            .unwrap_or_default();
        if name == "*" {
            return Vec::new();
        }
        // A name is what a service's may be, with a wildcard in front; no address is one.
        if Service::parse(name.strip_prefix("*.").unwrap_or(&name)).is_none() {
            problems.push(problem(
                canary,
                format!("spec.hosts[{index}]"),
                "bad-host",
                format!("the Gateway API has no route for `{host}`: it takes no addresses and no `_`"),
                "write a name of letters, digits, `-` and `.`, or `*` for every host of the gateway",
            ));
        } else if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.len() > MOST_HOSTNAMES {
        problems.push(problem(
            canary,
            "spec.hosts".to_owned(),
            "too-many-hosts",
            format!(
                "a route has at most {MOST_HOSTNAMES} hostnames, and these are {}",
                names.len()
            ),
            "write a wildcard like `*.example.com`, or make two canaries with one salt",
        ));
    }
    names
}

/// A rule for each variant by the variant header, and the default's last, which asks for nothing.
fn rules<'c>(
    canary: &'c Canary,
    variant_header: &'c str,
    problems: &mut Vec<Problem>,
) -> Vec<Rule<'c>> {
    let variants = &canary.spec.variants;
    if variants.len() > MOST_RULES {
        problems.push(problem(
            canary,
            "spec.variants".to_owned(),
            "too-many-variants",
            format!(
                "a route has at most {MOST_RULES} rules, one a variant, and these are {}",
                variants.len()
            ),
            "take variants out that serve nobody any more",
        ));
    }
    let default = canary.spec.default.as_str();
    let (defaults, drawn): (Vec<_>, Vec<_>) =
        variants.iter().partition(|(name, _)| name == default);
    let mut rules = Vec::new();
    for (name, variant) in drawn.into_iter().chain(defaults) {
        let Some(backend) = backend(canary, name, variant.service.as_ref(), problems) else {
            continue;
        };
        let header = Header {
            kind: "Exact",
            name: variant_header,
            value: name,
        };
        let asked = (name != default).then_some(Match { headers: [header] });
        rules.push(Rule {
            matches: asked.into_iter().collect(),
            backend_refs: [backend],
        });
    }
    rules
}

fn backend<'c>(
    canary: &'c Canary,
    variant: &str,
    service: Option<&'c Service>,
    problems: &mut Vec<Problem>,
) -> Option<Reference<'c>> {
    let path = format!("spec.variants.{variant}");
    let Some(service) = service else {
        problems.push(problem(
            canary,
            path,
            "no-service",
            format!("the Gateway API wants a Service for each variant, and `{variant}` has none"),
            &format!("write `service: {}-{variant}:8080` into it", canary.name),
        ));
        return None;
    };
    let path = format!("{path}.service");
    let Some((name, namespace)) = in_cluster(&service.host, canary) else {
        problems.push(problem(
            canary,
            path,
            "no-service",
            format!(
                "a backend is a Service in the cluster, and `{}` is none",
                service.host
            ),
            "write `reviews-v2:9080`, or `reviews-v2.bookinfo:9080` for one in another namespace",
        ));
        return None;
    };
    if service.port.is_none() {
        problems.push(problem(
            canary,
            path,
            "no-port",
            format!("the Gateway API wants the port of `{}`", service.host),
            &format!(
                "write it behind the name, like `service: {}:8080`",
                service.host
            ),
        ));
        return None;
    }
    Some(Reference {
        group: None,
        kind: None,
        namespace,
        name,
        section_name: None,
        port: service.port,
    })
}
