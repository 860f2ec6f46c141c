//! Envoy's admin interface: readiness, listeners, stats.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::client::{Client, Request};

/// The admin interface of one Envoy.
#[derive(Debug)]
pub struct Admin {
    address: SocketAddr,
    client: Client,
}

impl Admin {
    /// Of the Envoy that has it at this address.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            client: Client::new(address),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The page at a path, such as `/config_dump?resource=ecds_filters`.
    ///
    /// # Errors
    /// Envoy is gone, or answers with another status than 200; the message shows the page.
    pub fn get(&self, path: &str) -> Result<String> {
        self.page(Request::get(path), path)
    }

    /// The page after a `POST`, which is how admin paths that change something are called.
    ///
    /// # Errors
    /// As [`Admin::get`].
    pub fn post(&self, path: &str) -> Result<String> {
        self.page(Request::new("POST", path), path)
    }

    fn page(&self, request: Request, path: &str) -> Result<String> {
        // Envoy wants a length with every POST.
        let response = self.client.send(&request.header("content-length", "0"))?;
        if response.status != 200 {
            bail!("admin {path}: {} {}", response.status, response.text());
        }
        Ok(response.text())
    }

    /// Whether all listeners and clusters are initialized and the workers run.
    ///
    /// # Errors
    /// Envoy is gone.
    pub fn is_ready(&self) -> Result<bool> {
        Ok(self.client.send(&Request::get("/ready"))?.status == 200)
    }

    /// The listeners by name with their real addresses: a bootstrap asks for port 0.
    ///
    /// # Errors
    /// Envoy is gone.
    pub fn listeners(&self) -> Result<BTreeMap<String, SocketAddr>> {
        let page: Value = serde_json::from_str(&self.get("/listeners?format=json")?)?;
        let mut listeners = BTreeMap::new();
        for listener in page["listener_statuses"].as_array().into_iter().flatten() {
            let socket = &listener["local_address"]["socket_address"];
            let (Some(name), Some(ip), Some(port)) = (
                listener["name"].as_str(),
                socket["address"].as_str(),
                socket["port_value"].as_u64(),
            ) else {
                // A pipe or an internal listener: nothing to connect to over IP.
                continue;
            };
            let address = SocketAddr::new(ip.parse()?, u16::try_from(port)?);
            listeners.insert(name.to_owned(), address);
        }
        Ok(listeners)
    }

    /// The real address of one listener.
    ///
    /// # Errors
    /// No listener has this name; the message shows those there are.
    pub fn listener(&self, name: &str) -> Result<SocketAddr> {
        let listeners = self.listeners()?;
        let found = listeners.get(name).copied();
        found.with_context(|| {
            let known: Vec<&str> = listeners.keys().map(String::as_str).collect();
            format!("Envoy has no listener {name:?}, only {known:?}")
        })
    }

    /// All counters and gauges.
    ///
    /// # Errors
    /// Envoy is gone.
    pub fn stats(&self) -> Result<BTreeMap<String, u64>> {
        let numbers = self.values("/stats?format=json")?;
        Ok(numbers
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_u64()?)))
            .collect())
    }

    /// One counter or gauge; `None` when Envoy has none of this name (yet).
    ///
    /// # Errors
    /// Envoy is gone.
    pub fn counter(&self, name: &str) -> Result<Option<u64>> {
        Ok(self.stats()?.get(name).copied())
    }

    /// The page that Prometheus reads.
    ///
    /// # Errors
    /// Envoy is gone.
    pub fn prometheus(&self) -> Result<String> {
        self.get("/stats/prometheus")
    }

    /// The stats whose names match a regex that needs no URL escape, texts and numbers.
    pub(crate) fn matching(&self, regex: &str) -> Result<BTreeMap<String, Value>> {
        self.values(&format!("/stats?format=json&filter={regex}"))
    }

    fn values(&self, path: &str) -> Result<BTreeMap<String, Value>> {
        let mut page: Value = serde_json::from_str(&self.get(path)?)?;
        let Value::Array(stats) = page["stats"].take() else {
            bail!("admin {path}: no list of stats in {page}");
        };
        Ok(stats
            .into_iter()
            .filter_map(|mut stat| {
                let name = stat["name"].as_str()?.to_owned();
                Some((name, stat["value"].take()))
            })
            .collect())
    }
}
