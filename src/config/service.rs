//! The service whose versions the variants are: what manifests of a cluster name.

use super::Canary;
use super::fields::Field;
use super::report::Report;
use core::fmt;
use serde::{Serialize, Serializer};

/// A DNS name has 253 characters at most, a label of it 63 (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// What ends the names of services, unless the cluster was set up otherwise.
const CLUSTER_DOMAIN: &str = "cluster.local";

/// A service by its name, like `reviews`, `reviews.bookinfo` or `api.example.com`, and maybe one of
/// its ports; written `reviews:9080`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its name in lower case, as written otherwise.
    pub host: String,
    /// The port that requests are for; none means whichever it has.
    pub port: Option<u16>,
}

/// The full name of a service that is written in short: `reviews`, `reviews.bookinfo` from its own
/// namespace, `reviews.bookinfo.svc`. Any other name stands for itself, and so does a short one
/// without a namespace, which Istio completes by the namespace that the object is in.
pub fn full_name(name: &str, namespace: Option<&str>) -> String {
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

/// Reads a service.
pub(super) fn read_service(field: &Field<'_>, report: &mut Report<'_>) -> Option<Service> {
    let text = field.filled(report)?;
    let service = Service::parse(text);
    if service.is_none() {
        report.error(
            field.value_place(),
            "bad-service",
            format_args!("`{text}` is not the name of a service"),
            "write `reviews`, `reviews.bookinfo` or `reviews:9080`, in lower case",
        );
    }
    service
}

// === impl Service ===

impl Service {
    /// The service that a text names, if it is one: no wildcard, no address, nothing in upper case.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => {
                let digits = port.bytes().all(|byte| byte.is_ascii_digit());
                let port = port.parse().ok().filter(|port| *port > 0 && digits)?;
                (host, Some(port))
            }
            None => (text, None),
        };
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let label = |label: &str| {
            (1..=MAX_LABEL).contains(&label.len())
                && label.bytes().all(inner)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // The last part of an address in figures is a number, and of no name.
        let address = host
            .rsplit('.')
            .next()?
            .bytes()
            .all(|byte| byte.is_ascii_digit());
        let good = host.len() <= MAX_NAME && host.split('.').all(label) && !address;
        good.then(|| Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

impl Serialize for Service {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

// === impl Canary ===

impl Canary {
    /// The service whose versions its variants are: the one it names, else the first of its hosts
    /// that can be one.
    pub fn service(&self) -> Option<Service> {
        let from_host = |host: &String| {
            let host = host.to_ascii_lowercase();
            Service::parse(host.strip_suffix('.').unwrap_or(&host))
        };
        let said = self.spec.service.clone();
        said.or_else(|| self.spec.hosts.iter().find_map(from_host))
    }

    /// The cluster of a variant in plain Envoy: `namespace/name/variant`. No dot can be in it, so
    /// Envoy's metrics keep it in one piece.
    pub fn cluster(&self, variant: &str) -> String {
        format!("{}/{variant}", self.full_name())
    }
}

#[cfg(test)]
mod tests {
    use super::{Service, full_name};
    use crate::config::{Canaries, plugin_json, read};
    use crate::diagnostic::Diagnostic;

    fn canary(hosts: &str, service: &str, own: &str) -> (Canaries, Vec<Diagnostic>) {
        let text = format!(
            r#"{{"apiVersion": "coalmine.dev/v1alpha1", "kind": "Canary", "metadata": {{"name": "a"}},
            "spec": {{"hosts": [{hosts}], {service} "default": "stable",
            "variants": {{"stable": {{}}, "canary": {{{own}}}}}}}}}"#
        );
        let node = serde_json::from_str(&text).expect("a document");
        read([(0, &node)])
    }

    fn check(text: &str, expected: Option<(&str, Option<u16>)>) {
        let service = Service::parse(text);
        let parts = service
            .as_ref()
            .map(|service| (service.host.as_str(), service.port));
        assert_eq!(parts, expected, "{text}");
        if let Some(service) = service {
            assert_eq!(service.to_string(), text);
        }
    }

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

    #[test]
    fn names() {
        let long = "a".repeat(63);
        check("reviews", Some(("reviews", None)));
        check("reviews:9080", Some(("reviews", Some(9080))));
        check(
            "reviews.bookinfo.svc.cluster.local",
            Some(("reviews.bookinfo.svc.cluster.local", None)),
        );
        check("api.example.com:443", Some(("api.example.com", Some(443))));
        check("7up", Some(("7up", None)));
        check(&long, Some((&long, None)));
        for bad in [
            "",
            ":80",
            "reviews:",
            "reviews:0",
            "reviews:65536",
            "reviews:+80",
            "reviews:http",
            "reviews:80:80",
            "Reviews",
            "*",
            "*.example.com",
            "10.0.0.1",
            "[::1]:80",
            "::1",
            ".",
            "a..b",
            "reviews.",
            "-reviews",
            "reviews-",
            "a_b",
            "a b",
            &format!("{long}a"),
            &[long.as_str(); 4].join("."),
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn the_service_is_the_one_named_or_the_first_host_that_can_be_one() {
        let check = |hosts: &str, service: &str, expected: Option<&str>| {
            let (canaries, found) = canary(hosts, service, "");
            assert_eq!(found.len(), 0, "{found:?}");
            let service = canaries
                .canaries
                .first()
                .and_then(|canary| canary.service());
            let service = service.map(|service| service.to_string());
            assert_eq!(service.as_deref(), expected, "{hosts} {service:?}");
        };
        let said = r#""service": "reviews:9080","#;
        check(r#""shop""#, said, Some("reviews:9080"));
        check(r#""*""#, said, Some("reviews:9080"));
        check(
            r#""*.a.b", "10.0.0.1", "[::1]", "Shop.Example.com.", "b""#,
            "",
            Some("shop.example.com"),
        );
        check(r#""shop:8080""#, "", Some("shop:8080"));
        check(r#""*""#, "", None);
    }

    #[test]
    fn a_bad_one_is_refused_at_its_place() {
        let check = |service: &str, own: &str, code: &str, path: &str| {
            let (_, found) = canary(r#""shop""#, service, own);
            let found: Vec<_> = found
                .iter()
                .map(|problem| (problem.code, problem.place.path.as_str()))
                .collect();
            assert_eq!(found, [(code, path)]);
        };
        check(r#""service": "*","#, "", "bad-service", "spec.service");
        check(r#""service": 9080,"#, "", "wrong-kind", "spec.service");
        check(r#""service": "","#, "", "empty", "spec.service");
        let path = "spec.variants.canary.service";
        check("", r#""service": "reviews:http""#, "bad-service", path);
        check(
            "",
            r#""services": "reviews""#,
            "unknown-field",
            "spec.variants.canary.services",
        );
    }

    #[test]
    fn the_filter_is_not_told() {
        let (mut canaries, found) =
            canary(r#""shop""#, r#""service": "a:1","#, r#""service": "b:2""#);
        assert_eq!(found.len(), 0, "{found:?}");
        let written = serde_json::to_value(&canaries.canaries).expect("JSON");
        assert_eq!(written.pointer("/0/spec/service"), Some(&"a:1".into()));
        assert_eq!(
            written.pointer("/0/spec/variants/canary/service"),
            Some(&"b:2".into())
        );
        let told = plugin_json(&canaries).expect("JSON");
        for canary in &mut canaries.canaries {
            canary.spec.service = None;
            for (_, variant) in &mut canary.spec.variants {
                variant.service = None;
            }
        }
        assert_eq!(told, plugin_json(&canaries).expect("JSON"));
    }
}
