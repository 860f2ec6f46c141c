//! Steady requests in the background while something else happens, and what became of each.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use tokio::task::JoinHandle;

use crate::client::{Connection, Request};
use crate::runtime;

/// Requests that go on until [`Load::stop`].
#[derive(Debug)]
pub struct Load {
    start: Instant,
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    connections: Vec<JoinHandle<Vec<Sample>>>,
}

/// One request of a load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The number that made the request.
    pub number: u64,
    /// When it was sent, since the start of the load.
    pub sent: Duration,
    /// When its answer was complete, since the start of the load.
    pub answered: Duration,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of one request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// A 2xx from the upstream of this name.
    Served(String),
    /// Another status: Envoy's or an upstream's.
    Status(u16),
    /// No answer: the connection broke or timed out.
    Broken(String),
}

/// Everything that a load sent.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// All requests, in the order of their sending.
    pub samples: Vec<Sample>,
}

impl Load {
    /// Starts `connections` connections, each of which sends one request, waits for the answer and
    /// `pause`, and goes on. Request number 0, 1, 2... is what `request` makes of the number.
    pub fn start(
        address: SocketAddr,
        connections: usize,
        pause: Duration,
        request: impl Fn(u64) -> Request + Send + Sync + 'static,
    ) -> Self {
        let start = Instant::now();
        let stop = Arc::new(AtomicBool::new(false));
        let sent = Arc::new(AtomicU64::new(0));
        let request = Arc::new(request);
        let connections = (0..connections)
            .map(|_| {
                let (stop, sent) = (Arc::clone(&stop), Arc::clone(&sent));
                let request = Arc::clone(&request);
                runtime::spawn(async move {
                    let mut connection = Connection::to(address);
                    let mut samples = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let number = sent.fetch_add(1, Ordering::Relaxed);
                        let sent = start.elapsed();
                        let outcome = exchange(&mut connection, &request(number)).await;
                        samples.push(Sample {
                            number,
                            sent,
                            answered: start.elapsed(),
                            outcome,
                        });
                        if !pause.is_zero() {
                            tokio::time::sleep(pause).await;
                        }
                    }
                    samples
                })
            })
            .collect();
        Self {
            start,
            stop,
            sent,
            connections,
        }
    }

    /// The time on the clock of [`Sample::sent`].
    #[must_use]
    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Waits until `count` more requests have been sent.
    ///
    /// # Errors
    /// That takes longer than `patience`.
    pub fn wait_for(&self, count: u64, patience: Duration) -> Result<()> {
        let (goal, until) = (
            self.sent.load(Ordering::Relaxed).saturating_add(count),
            Instant::now() + patience,
        );
        while self.sent.load(Ordering::Relaxed) < goal {
            if Instant::now() > until {
                return Err(anyhow!("the load sent fewer than {count} in {patience:?}"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Lets the requests under way finish, and gives everything.
    #[must_use]
    pub fn stop(mut self) -> Report {
        self.stop.store(true, Ordering::Relaxed);
        let mut samples = Vec::new();
        for connection in std::mem::take(&mut self.connections) {
            // A task that panicked, in the caller's `request`, has said so on stderr.
            samples.extend(runtime::block_on(connection).unwrap_or_default());
        }
        samples.sort_by_key(|sample| sample.sent);
        Report { samples }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for connection in &mut self.connections {
            runtime::end(connection);
        }
    }
}

impl Report {
    /// How many requests came to which outcome, successes too.
    #[must_use]
    pub fn outcomes(&self) -> BTreeMap<&Outcome, usize> {
        let mut counts = BTreeMap::new();
        for sample in &self.samples {
            let count: &mut usize = counts.entry(&sample.outcome).or_default();
            *count = count.saturating_add(1);
        }
        counts
    }

    /// How many requests failed in which way: any status but 2xx, and broken connections.
    #[must_use]
    pub fn failures(&self) -> BTreeMap<&Outcome, usize> {
        let mut outcomes = self.outcomes();
        outcomes.retain(|outcome, _| !matches!(outcome, Outcome::Served(_)));
        outcomes
    }

    /// How many requests the upstream of this name served.
    #[must_use]
    pub fn served_by(&self, name: &str) -> usize {
        let served = self.samples.iter().filter(|sample| sample.is_by(name));
        served.count()
    }

    /// The part that was sent in a span of time, `from` included, `to` not.
    #[must_use]
    pub fn between(&self, from: Duration, to: Duration) -> Self {
        let samples = self.samples.iter();
        let within = samples.filter(|sample| (from..to).contains(&sample.sent));
        Self {
            samples: within.cloned().collect(),
        }
    }
}

impl Sample {
    /// Whether the upstream of this name served it.
    #[must_use]
    pub fn is_by(&self, name: &str) -> bool {
        matches!(&self.outcome, Outcome::Served(by) if by == name)
    }
}

async fn exchange(connection: &mut Connection, request: &Request) -> Outcome {
    match connection.send(request).await {
        Ok(response) if response.status.is_success() => {
            Outcome::Served(response.served_by().to_owned())
        }
        Ok(response) => Outcome::Status(response.status.as_u16()),
        Err(error) => Outcome::Broken(format!("{error:#}")),
    }
}
