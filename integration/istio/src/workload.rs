//! A service with some versions: servers on this machine, and what Kubernetes and Istio know of
//! them; and the gateway in front of it.

use anyhow::Result;
use coalmine_integration::upstream::Upstream;
use serde_json::{Value, json};

/// A service and its versions; they end when it is dropped.
#[derive(Debug)]
pub struct Workload {
    namespace: String,
    service: String,
    port: u16,
    versions: Vec<(String, Upstream)>,
}

impl Workload {
    /// Starts a server for each version, which says that it is `SERVICE/VERSION`. The service has
    /// one HTTP port.
    ///
    /// # Errors
    /// No port is free.
    pub fn start(namespace: &str, service: &str, port: u16, versions: &[&str]) -> Result<Self> {
        let start = |version: &&str| {
            let upstream = Upstream::start(&format!("{service}/{version}"))?;
            Ok(((*version).to_owned(), upstream))
        };
        Ok(Self {
            namespace: namespace.to_owned(),
            service: service.to_owned(),
            port,
            versions: versions.iter().map(start).collect::<Result<_>>()?,
        })
    }

    /// A Service, and for each version a WorkloadEntry with the labels `app` and `version`, as a
    /// stream for `kubectl apply -f -`.
    #[must_use]
    pub fn objects(&self) -> String {
        let service = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": self.service, "namespace": self.namespace},
            "spec": {
                "ports": [{"name": "http", "port": self.port}],
                "selector": {"app": self.service},
            },
        });
        let entries = self
            .versions
            .iter()
            .map(|(version, upstream)| self.entry(version, upstream));
        let objects: Vec<Value> = std::iter::once(service).chain(entries).collect();
        json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string()
    }

    fn entry(&self, version: &str, upstream: &Upstream) -> Value {
        json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "WorkloadEntry",
            "metadata": {
                "name": format!("{}-{version}", self.service),
                "namespace": self.namespace,
            },
            "spec": {
                "address": "127.0.0.1",
                "ports": {"http": upstream.address().port()},
                "labels": {"app": self.service, "version": version},
            },
        })
    }
}

/// A Gateway for every host, on loopback, at the proxy of its namespace whose workload has the label
/// `app` with the Gateway's name. Istio alone would look for it in all namespaces.
#[must_use]
pub fn gateway(namespace: &str, name: &str, port: u16) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "selector": {"app": name, "namespace": namespace},
            "servers": [{
                "bind": "127.0.0.1",
                "port": {"number": port, "name": "http", "protocol": "HTTP"},
                "hosts": ["*"],
            }],
        },
    })
}
