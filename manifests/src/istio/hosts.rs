//! Names of hosts and services as Istio knows them.

pub(crate) use coalmine::config::full_name;

use coalmine::config::Canary;
use coalmine::policy::host_names;

/// The hosts of a canary for its routes: each once, none that a wildcard covers, and a service in the cluster by its one full
/// name, for which Istio knows the short ones.
pub(crate) fn route_hosts(canary: &Canary) -> Vec<String> {
    let mut hosts = Vec::new();
    for host in &canary.spec.hosts {
        // The first is the host itself, without port and dot and in lower case.
        let Some(name) = host_names(host, None).into_iter().next() else {
            continue;
        };
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let name = full_name(name, canary.namespace.as_deref());
        if !hosts.contains(&name) {
            hosts.push(name);
        }
    }
    let wildcards: Vec<String> = hosts
        .iter()
        .filter(|host| host.starts_with('*'))
        .cloned()
        .collect();
    // Istio refuses a host that a wildcard beside it covers, and does not need it.
    hosts.retain(|host| {
        let covers = |wildcard: &String| {
            let suffix = wildcard.strip_prefix('*').unwrap_or(wildcard);
            host != wildcard && host.ends_with(suffix)
        };
        !wildcards.iter().any(covers)
    });
    hosts
}
