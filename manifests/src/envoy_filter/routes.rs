//! Routes for those who may not touch VirtualServices: put in front of the routes that are there.

use super::{ConfigPatch, Context, Match, NAME, Object, Options, Patch, PatchValue, object};
use crate::envoy::Typed;
use crate::istio::{full_name, route_hosts, service_is_told, subsets, variants_are_told};
use crate::kubernetes::Provenance;
use crate::{Error, File, Problem};
use coalmine::config::{Canaries, Canary, Variant};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct RouteConfigurationMatch {
    vhost: VirtualHostMatch,
}

impl RouteConfigurationMatch {
    /// The virtual host that has this among its domains.
    pub(super) fn of_domain(domain: String) -> Self {
        Self {
            vhost: VirtualHostMatch {
                host: VirtualHost::DomainName(domain),
                route: None,
            },
        }
    }
}

#[derive(Serialize)]
struct VirtualHostMatch {
    #[serde(flatten)]
    host: VirtualHost,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<RouteName>,
}

#[derive(Serialize)]
struct RouteName {
    name: &'static str,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
enum VirtualHost {
    /// In a sidecar, by host and port of the service.
    Name(String),
    /// At a gateway, whose port is another.
    DomainName(String),
}

#[derive(Clone, Serialize)]
pub(super) struct Route<'c> {
    name: &'c str,
    #[serde(rename = "match")]
    matches: RouteMatch<'c>,
    route: RouteAction,
}

/// What is put into a route that is there.
#[derive(Serialize)]
pub(super) struct OtherCluster {
    route: Cluster,
}

#[derive(Serialize)]
struct Cluster {
    cluster: String,
}

#[derive(Clone, Serialize)]
struct RouteMatch<'c> {
    prefix: &'static str,
    headers: [HeaderMatcher<'c>; 1],
}

#[derive(Clone, Serialize)]
struct HeaderMatcher<'c> {
    name: &'c str,
    string_match: StringMatch<'c>,
}

#[derive(Clone, Serialize)]
struct StringMatch<'c> {
    exact: &'c str,
}

#[derive(Clone, Serialize)]
struct RouteAction {
    cluster: String,
    /// None, as in Istio's own routes; Envoy's own is 15 seconds.
    timeout: &'static str,
    retry_policy: RetryPolicy,
}

/// What Istio gives a route of its own: a variant that is tried less often would look worse.
#[derive(Clone, Serialize)]
struct RetryPolicy {
    retry_on: &'static str,
    num_retries: u32,
    retry_host_predicate: [RetryHostPredicate; 1],
    host_selection_retry_max_attempts: u32,
}

#[derive(Clone, Serialize)]
struct RetryHostPredicate {
    name: &'static str,
    typed_config: Typed<Nothing>,
}

#[derive(Clone, Serialize)]
struct Nothing {}

pub(super) fn routes(
    canaries: &Canaries,
    provenance: &Provenance,
    options: &Options,
) -> Result<Vec<File>, Error> {
    let mut problems = Vec::new();
    let mut files = Vec::new();
    for canary in &canaries.canaries {
        service_is_told(canary, &mut problems);
        variants_are_told(canary, &mut problems);
        let patches = patches(canary, &canaries.variant_header, &mut problems);
        let full = canary.full_name();
        let annotations = provenance.annotations([full.as_str()]);
        // No two canaries share it: a label has no dot.
        let name = format!("{NAME}.{}", full.replace('/', "."));
        files.push(object(name, annotations, patches, options).file()?);
        files.extend(subsets(canary, provenance)?);
    }
    if problems.is_empty() {
        Ok(files)
    } else {
        Err(Error::Problems(problems))
    }
}

fn patches<'c>(
    canary: &'c Canary,
    variant_header: &'c str,
    problems: &mut Vec<Problem>,
) -> Vec<ConfigPatch<'c>> {
    let Some(port) = port(canary, problems) else {
        return Vec::new();
    };
    let mut patches = Vec::new();
    for host in route_hosts(canary) {
        let host = domain(host);
        let in_mesh = VirtualHost::Name(format!("{host}:{port}"));
        let at_gateway = VirtualHost::DomainName(host);
        for (name, variant) in &canary.spec.variants {
            let cluster = cluster(canary, name, variant, port);
            if *name == canary.spec.default {
                patches.push(other_cluster(in_mesh.clone(), cluster));
                continue;
            }
            let route = route(name, variant_header, cluster);
            patches.push(insert(
                Context::SidecarOutbound,
                in_mesh.clone(),
                route.clone(),
            ));
            patches.push(insert(Context::Gateway, at_gateway.clone(), route));
        }
    }
    patches
}

/// A host as a virtual host names it: an IPv6 address stands in brackets.
pub(super) fn domain(host: String) -> String {
    match host.contains(':') {
        true => format!("[{host}]"),
        false => host,
    }
}

fn insert(context: Context, host: VirtualHost, route: Route<'_>) -> ConfigPatch<'_> {
    let vhost = VirtualHostMatch { host, route: None };
    ConfigPatch {
        apply_to: "HTTP_ROUTE",
        matches: Some(Match {
            context,
            object: Object::RouteConfiguration(RouteConfigurationMatch { vhost }),
        }),
        patch: Patch {
            operation: "INSERT_FIRST",
            value: PatchValue::Route(route),
        },
    }
}

/// Sends the rest to the default variant where Istio has no route but its own, which goes to every
/// pod of the service, those of the canary among them. What somebody's VirtualService says stays.
fn other_cluster(host: VirtualHost, cluster: String) -> ConfigPatch<'static> {
    let vhost = VirtualHostMatch {
        host,
        // So Istio calls the route of a service that no VirtualService is about.
        route: Some(RouteName { name: "default" }),
    };
    ConfigPatch {
        apply_to: "HTTP_ROUTE",
        matches: Some(Match {
            context: Context::SidecarOutbound,
            object: Object::RouteConfiguration(RouteConfigurationMatch { vhost }),
        }),
        patch: Patch {
            operation: "MERGE",
            value: PatchValue::OtherCluster(OtherCluster {
                route: Cluster { cluster },
            }),
        },
    }
}

fn route<'c>(variant: &'c str, variant_header: &'c str, cluster: String) -> Route<'c> {
    Route {
        name: variant,
        matches: RouteMatch {
            prefix: "/",
            headers: [HeaderMatcher {
                name: variant_header,
                string_match: StringMatch { exact: variant },
            }],
        },
        route: RouteAction {
            cluster,
            timeout: "0s",
            retry_policy: RetryPolicy {
                retry_on: "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
                num_retries: 2,
                retry_host_predicate: [RetryHostPredicate {
                    name: "envoy.retry_host_predicates.previous_hosts",
                    typed_config: Typed::new(
                        "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
                        Nothing {},
                    ),
                }],
                host_selection_retry_max_attempts: 5,
            },
        },
    }
}

/// The cluster that Istio makes of a subset, or of a service.
fn cluster(canary: &Canary, name: &str, variant: &Variant, port: u16) -> String {
    let namespace = canary.namespace.as_deref();
    match (&variant.service, canary.service()) {
        (Some(own), _) => {
            let port = own.port.unwrap_or(port);
            format!("outbound|{port}||{}", full_name(&own.host, namespace))
        }
        (None, service) => {
            let host = service.map(|service| full_name(&service.host, namespace));
            format!("outbound|{port}|{name}|{}", host.unwrap_or_default())
        }
    }
}

/// The service's port. Envoy's clusters and virtual hosts have it in their names, together with the
/// whole name of the service.
fn port(canary: &Canary, problems: &mut Vec<Problem>) -> Option<u16> {
    let service = canary.service()?;
    if service.port.is_none() {
        problems.push(Problem {
            canary: canary.full_name(),
            path: match canary.spec.service {
                Some(_) => "spec.service".to_owned(),
                None => "spec.hosts".to_owned(),
            },
            code: "no-port",
            message:
                "a patched route names Envoy's cluster, and the port of the service is in that name"
                    .to_owned(),
            help: format!(
                "write `service: {}:80` with its port into `spec`",
                service.host
            ),
        });
    }
    let port = service.port;
    let own = canary.spec.variants.iter();
    let own = own.filter_map(|(_, variant)| variant.service.clone());
    let short = |host: &str| !full_name(host, canary.namespace.as_deref()).contains('.');
    if own.chain([service]).any(|service| short(&service.host)) {
        problems.push(Problem {
            canary: canary.full_name(),
            path: "metadata".to_owned(),
            code: "no-namespace",
            message: "a patched route names Envoy's cluster, and the namespace of the service is in that name"
                .to_owned(),
            help: "write `namespace` into `metadata`, or the service's whole name".to_owned(),
        });
    }
    port
}
