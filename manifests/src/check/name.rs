//! Names of hosts and services in their one form: `reviews.bookinfo` for a service of the cluster,
//! however it was written, and any other name as it is.

use coalmine::config::{Canary, Service};

/// A name that is written in a namespace.
pub(super) fn canonical(name: &str, namespace: Option<&str>) -> String {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    if let Some((service, rest)) = name.split_once(".svc") {
        // Whatever the cluster calls its domain.
        if service.split('.').count() == 2 && (rest.is_empty() || rest.starts_with('.')) {
            return service.to_owned();
        }
    }
    match namespace {
        Some(namespace) if !name.contains(['.', '*', ':']) => format!("{name}.{namespace}"),
        _ => name,
    }
}

/// Whether two names are of one host. Without a namespace a short name may be in any.
pub(super) fn same(one: &str, other: &str) -> bool {
    let short_of = |short: &str, long: &str| {
        let mut parts = long.split('.');
        !short.contains('.') && parts.next() == Some(short) && parts.count() == 1
    };
    one == other || short_of(one, other) || short_of(other, one)
}

/// Whether a host of a route, be it a wildcard, is for a host.
pub(super) fn covers(route: &str, host: &str) -> bool {
    match route.strip_prefix('*') {
        Some(suffix) => host.ends_with(suffix),
        None => same(route, host),
    }
}

/// The hosts of a canary.
pub(super) fn hosts(canary: &Canary) -> Vec<String> {
    let without_port = |host: &String| match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name.to_owned(),
        _ => host.clone(),
    };
    let hosts = canary.spec.hosts.iter().map(without_port);
    hosts
        .map(|host| canonical(&host, canary.namespace.as_deref()))
        .collect()
}

/// The name of a service that a canary names.
pub(super) fn service(service: &Service, canary: &Canary) -> String {
    canonical(&service.host, canary.namespace.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_form() {
        let check = |name: &str, namespace: Option<&str>, expected: &str| {
            assert_eq!(canonical(name, namespace), expected, "{name}");
        };
        let all = [
            "reviews",
            "reviews.bookinfo",
            "Reviews.bookinfo.svc",
            "reviews.bookinfo.svc.cluster.local.",
            "reviews.bookinfo.svc.other",
        ];
        for name in all {
            check(name, Some("bookinfo"), "reviews.bookinfo");
        }
        check("reviews", None, "reviews");
        check("api.example.com", Some("bookinfo"), "api.example.com");
        check("*", Some("bookinfo"), "*");
        check("a.svcs", Some("bookinfo"), "a.svcs");
        assert!(same("reviews", "reviews.any") && !same("reviews", "reviews.example.com"));
        assert!(
            covers("*.example.com", "a.example.com") && covers("*", "a") && !covers("a.b", "c.b")
        );
    }
}
