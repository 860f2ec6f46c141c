//! Names of hosts and services as Istio knows them.

use coalmine::config::Canary;
use coalmine::policy::host_names;

/// What ends the names of services, unless the cluster was set up otherwise.
const CLUSTER_DOMAIN: &str = "cluster.local";

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

/// The full name of a service that is written in short: `reviews`, `reviews.bookinfo` from its own
/// namespace, `reviews.bookinfo.svc`. Any other name stands for itself, and so does a short one
/// without a namespace, which Istio completes by the namespace that the object is in.
pub(crate) fn full_name(name: &str, namespace: Option<&str>) -> String {
    let complete =
        |service: &str, namespace: &str| format!("{service}.{namespace}.svc.{CLUSTER_DOMAIN}");
    if name.contains(':') {
        // An IPv6 address.
        return name.to_owned();
    }
    let parts: Vec<&str> = name.split('.').collect();
    match (parts.as_slice(), namespace) {
        (["*", ..], _) => name.to_owned(),
        ([service], Some(namespace)) => complete(service, namespace),
        ([service, second], Some(namespace)) if *second == namespace => {
            complete(service, namespace)
        }
        ([service, namespace, "svc"], _) => complete(service, namespace),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::full_name;

    #[test]
    fn full_names() {
        let check = |name: &str, namespace: Option<&str>, expected: &str| {
            assert_eq!(full_name(name, namespace), expected);
        };
        let full = "reviews.bookinfo.svc.cluster.local";
        for name in ["reviews", "reviews.bookinfo", "reviews.bookinfo.svc", full] {
            check(name, Some("bookinfo"), full);
        }
        check("reviews", None, "reviews");
        check("reviews.bookinfo.svc", None, full);
        check(
            "reviews.other.svc",
            Some("bookinfo"),
            "reviews.other.svc.cluster.local",
        );
        for same in [
            "reviews.other",
            "example.com",
            "*",
            "*.example.com",
            "10.0.0.1",
            "2001:db8::1",
        ] {
            check(same, None, same);
        }
        check("example.com", Some("bookinfo"), "example.com");
        check("::1", Some("bookinfo"), "::1");
        check("*", Some("bookinfo"), "*");
        check("*.bookinfo", Some("bookinfo"), "*.bookinfo");
    }
}
