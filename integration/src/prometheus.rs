//! A real Prometheus, Debian's `prometheus`, on a free port of 127.0.0.1.

use std::fmt::Write;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Client, Request};
use crate::guardian::Guardian;
use crate::series::{Samples, Series};

/// The program, and the package that has it.
pub const PROGRAM: &str = "prometheus";

/// Between two looks at a target.
const SCRAPE_INTERVAL: &str = "250ms";

/// How long the start may take.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// A running Prometheus that ends, with all that it has read, when dropped.
#[derive(Debug)]
pub struct Prometheus {
    child: Child,
    address: SocketAddr,
    client: Client,
    _guardian: Guardian,
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
        let folder = tempfile::Builder::new().prefix("prometheus-").tempdir()?;
        let path = |name: &str| folder.path().join(name);
        let config = json!({
            "global": {"scrape_interval": SCRAPE_INTERVAL, "scrape_timeout": SCRAPE_INTERVAL},
            "scrape_configs": [{
                "job_name": "envoy",
                "metrics_path": "/stats/prometheus",
                "static_configs": [{"targets": [envoy_admin.to_string()]}],
                "metric_relabel_configs": relabelling,
            }],
        });
        // JSON is YAML too.
        fs::write(path("config.yaml"), config.to_string())?;
        let log = path("log");
        let argument = |name: &str, value: &Path| format!("--{name}={}", value.display());
        let child = Command::new(PROGRAM)
            .arg(argument("config.file", &path("config.yaml")))
            .arg(argument("storage.tsdb.path", &path("data")))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .with_context(|| {
                format!("cannot start {PROGRAM}; on Debian: apt-get install {PROGRAM}")
            })?;
        let guardian = Guardian::of(child.id(), folder.path())?;
        let mut prometheus = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            client: Client::new(SocketAddr::from(([127, 0, 0, 1], 0))),
            _guardian: guardian,
            _folder: folder,
        };
        prometheus.address = prometheus.wait_until_ready(&log)?;
        prometheus.client = Client::new(prometheus.address);
        Ok(prometheus)
    }

    /// Where it listens, as it says in its log: nobody else knows the port before.
    fn wait_until_ready(&mut self, log: &Path) -> Result<SocketAddr> {
        let begun = Instant::now();
        loop {
            let said = fs::read_to_string(log).unwrap_or_default();
            let address = said.split("msg=\"Listening on\" address=").nth(1);
            let address = address.and_then(|rest| rest.lines().next()?.trim().parse().ok());
            if let Some(address) = address
                && said.contains("Server is ready to receive web requests")
            {
                return Ok(address);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{PROGRAM} ended before it was ready ({status}):\n{said}");
            }
            if begun.elapsed() > READY_WITHIN {
                bail!("{PROGRAM} was not ready within {READY_WITHIN:?}:\n{said}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
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

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
