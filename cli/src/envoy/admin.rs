//! What Envoy says of itself.

use crate::http;
use coalmine_manifests::File;
use coalmine_manifests::envoy::{LISTENER, subscription, version};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long Envoy may take to act on a file.
const SETTLES_WITHIN: Duration = Duration::from_secs(10);

/// Between two looks at something that takes milliseconds.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The admin interface of one Envoy.
pub(super) struct Admin {
    pub(super) address: SocketAddr,
    client: reqwest::Client,
}

/// Counters, gauges and texts by name.
type Stats = BTreeMap<String, Value>;

/// What Envoy did with files.
pub(super) enum Verdict {
    /// It has them.
    Taken,
    /// It has refused one of them, and has what it had.
    Refused,
    /// It has said nothing.
    Silent,
}

impl Admin {
    pub(super) fn new(address: SocketAddr) -> reqwest::Result<Self> {
        http::provide_tls();
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(5))
            .build()?;
        Ok(Self { address, client })
    }

    async fn get(&self, path: &str) -> Option<String> {
        let url = format!("http://{}{path}", self.address);
        let answer = self.client.get(url).send().await.ok()?;
        let answer = answer.error_for_status().ok()?;
        answer.text().await.ok()
    }

    /// Whether it takes requests.
    pub(super) async fn is_ready(&self) -> bool {
        self.get("/ready").await.is_some()
    }

    /// Where the listener really is: port 0 is any free one.
    pub(super) async fn listener(&self) -> Option<SocketAddr> {
        let page: Value = serde_json::from_str(&self.get("/listeners?format=json").await?).ok()?;
        let listeners = page.get("listener_statuses")?.as_array()?;
        let ours = listeners.iter().find(|one| one["name"] == LISTENER)?;
        let socket = &ours["local_address"]["socket_address"];
        let ip = socket["address"].as_str()?.parse().ok()?;
        let port = u16::try_from(socket["port_value"].as_u64()?).ok()?;
        Some(SocketAddr::new(ip, port))
    }

    /// What tells whether files were taken.
    pub(super) async fn stats(&self) -> Stats {
        #[derive(Deserialize)]
        struct Page {
            stats: Vec<Stat>,
        }
        #[derive(Deserialize)]
        struct Stat {
            name: Option<String>,
            #[serde(default)]
            value: Value,
        }
        let path = "/stats?format=json&filter=version_text|update_rejected|config_fail|warming";
        let page = self.get(path).await.unwrap_or_default();
        let read = serde_json::from_str::<Page>(&page);
        let stats = read.map_or_else(|_| Vec::new(), |page| page.stats);
        let named = stats
            .into_iter()
            .filter_map(|stat| Some((stat.name?, stat.value)));
        named.collect()
    }

    /// Waits until Envoy has the files, or has refused one since `before`.
    pub(super) async fn settled(&self, files: &[File], before: &Stats) -> Verdict {
        let begun = Instant::now();
        let subscriptions: Vec<(String, Option<String>)> = files
            .iter()
            .map(|file| (subscription(&file.name), version(file)))
            .collect();
        while begun.elapsed() < SETTLES_WITHIN {
            let now = self.stats().await;
            let refused = |(name, _): &(String, _)| {
                [".update_rejected", ".config_fail"].iter().any(|counter| {
                    let name = format!("{name}{counter}");
                    let count = |stats: &Stats| stats.get(&name).and_then(Value::as_u64);
                    count(&now).unwrap_or_default() > count(before).unwrap_or_default()
                })
            };
            if subscriptions.iter().any(refused) {
                return Verdict::Refused;
            }
            let taken = |(name, version): &(String, Option<String>)| {
                let text = now.get(&format!("{name}.version_text"));
                text.and_then(Value::as_str) == version.as_deref()
            };
            let warming = now.get("cluster_manager.warming_clusters");
            let warm = warming.and_then(Value::as_u64) == Some(0);
            if warm && subscriptions.iter().all(taken) {
                return Verdict::Taken;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Verdict::Silent
    }
}
