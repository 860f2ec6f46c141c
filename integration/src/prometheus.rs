//! A real Prometheus, Debian's `prometheus`, on a free port of 127.0.0.1.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Client, Request};
use crate::series::{Samples, Series};
use crate::service::Service;

/// The program, and the package that has it.
pub const PROGRAM: &str = "prometheus";

/// What checks and tests its rules, in the same package.
pub const PROMTOOL: &str = "promtool";

/// Between two looks at a target.
const SCRAPE_INTERVAL: &str = "250ms";

/// How long the start may take.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// A running Prometheus that ends, with all that it has read, when dropped.
#[derive(Debug)]
pub struct Prometheus {
    address: SocketAddr,
    client: Client,
    // It ends before its folder goes.
    _service: Service,
    _folder: TempDir,
}

impl Prometheus {
    /// One that reads the metrics of an Envoy from its admin interface, four times a second.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub fn start(envoy_admin: SocketAddr) -> Result<Self> {
        Self::start_with(envoy_admin, &json!([]))
    }

    /// One that changes the series by these `metric_relabel_configs` before it keeps them.
    ///
    /// # Errors
    /// As [`Prometheus::start`], or the rules are none.
    pub fn start_with(envoy_admin: SocketAddr, relabelling: &Value) -> Result<Self> {
        Self::start_at(&["envoy"], envoy_admin, relabelling, "groups: []")
    }

    /// One that evaluates a file of rules as often as it reads.
    ///
    /// # Errors
    /// As [`Prometheus::start`], or the rules are none.
    pub fn start_with_rules(envoy_admin: SocketAddr, rules: &str) -> Result<Self> {
        Self::start_at(&["envoy"], envoy_admin, &json!([]), rules)
    }

    /// One that reads the same by two jobs.
    ///
    /// # Errors
    /// As [`Prometheus::start`].
    pub fn start_twice(envoy_admin: SocketAddr) -> Result<Self> {
        Self::start_at(&["envoy", "pods"], envoy_admin, &json!([]), "groups: []")
    }

    fn start_at(
        jobs: &[&str],
        envoy_admin: SocketAddr,
        relabelling: &Value,
        rules: &str,
    ) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("prometheus-").tempdir()?;
        let path = |name: &str| folder.path().join(name);
        let job = |name: &&str| {
            json!({
                "job_name": name,
                "metrics_path": "/stats/prometheus",
                "static_configs": [{"targets": [envoy_admin.to_string()]}],
                "metric_relabel_configs": relabelling,
            })
        };
        let config = json!({
            "global": {
                "scrape_interval": SCRAPE_INTERVAL,
                "scrape_timeout": SCRAPE_INTERVAL,
                "evaluation_interval": SCRAPE_INTERVAL,
            },
            "rule_files": ["rules.yaml"],
            "scrape_configs": jobs.iter().map(job).collect::<Value>(),
        });
        // JSON is YAML too.
        fs::write(path("config.yaml"), config.to_string())?;
        fs::write(path("rules.yaml"), rules)?;
        let argument = |name: &str, value: &Path| format!("--{name}={}", value.display());
        let mut serve = Command::new(PROGRAM);
        serve
            .arg(argument("config.file", &path("config.yaml")))
            .arg(argument("storage.tsdb.path", &path("data")))
            .arg("--web.listen-address=127.0.0.1:0");
        let mut service = Service::start_in(folder.path(), PROGRAM, &mut serve)
            .with_context(|| format!("on Debian: apt-get install {PROGRAM}"))?;
        // Nobody else knows the port before.
        let address = service.wait_for(READY_WITHIN, listening)?;
        Ok(Self {
            address,
            client: Client::new(address),
            _service: service,
            _folder: folder,
        })
    }

    /// Where it answers.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a query in PromQL gives now: series by their labels, `__name__` as the name.
    ///
    /// # Errors
    /// It is gone, the query is none, or its result is no vector.
    pub fn query(&self, query: &str) -> Result<Samples> {
        let mut path = "/api/v1/query?query=".to_owned();
        for byte in query.bytes() {
            write!(path, "%{byte:02x}")?;
        }
        let answer = self.client.send(&Request::get(path))?;
        let page: Value = serde_json::from_slice(&answer.body)
            .with_context(|| format!("{}: {}", answer.status, answer.text()))?;
        let Some(vector) = page["data"]["result"].as_array() else {
            bail!("{query}: {page}");
        };
        let samples = vector.iter().map(sample).collect::<Option<_>>();
        samples.with_context(|| format!("{query}: {page}"))
    }
}

/// Where it listens, by its log, once it is ready.
fn listening(log: &str) -> Option<SocketAddr> {
    let address = log.split("msg=\"Listening on\" address=").nth(1)?;
    let ready = log.contains("Server is ready to receive web requests");
    let address = address.lines().next()?.trim().parse().ok()?;
    ready.then_some(address)
}

/// An element of an instant vector, without the labels that Prometheus gives to every series.
fn sample(element: &Value) -> Option<(Series, f64)> {
    let mut series = Series::new("", &[]);
    for (name, value) in element["metric"].as_object()? {
        let value = value.as_str()?.to_owned();
        match name.as_str() {
            "__name__" => series.name = value,
            "instance" | "job" => {}
            _ => {
                series.labels.insert(name.clone(), value);
            }
        }
    }
    Some((series, element["value"].get(1)?.as_str()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_a_series_with_a_number() {
        let check = |element: Value, expected: Option<(Series, f64)>| {
            assert_eq!(sample(&element), expected, "{element}");
        };
        check(
            json!({"metric": {"__name__": "a", "b": "c", "job": "envoy"}, "value": [1.5, "7"]}),
            Some((Series::new("a", &[("b", "c")]), 7.0)),
        );
        check(
            json!({"metric": {}, "value": [1.5, "0.25"]}),
            Some((Series::new("", &[]), 0.25)),
        );
        check(json!({"metric": {}, "values": [[1.5, "1"]]}), None);
    }
}
