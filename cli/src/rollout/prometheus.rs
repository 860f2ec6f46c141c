//! Asks a Prometheus for evidence.

use crate::http::{cause, provide_tls};
use crate::outcome::Failure;
use coalmine::Timestamp;
use coalmine_rollout::reading::{Answer, parse};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use std::time::Duration;

/// For so long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// What takes longer to connect to is away.
const CONNECTING: Duration = Duration::from_secs(3);

/// A Prometheus.
pub(super) struct Prometheus {
    url: String,
    /// Where it is, for people: scheme, host and port.
    place: String,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Prometheus {
    pub(super) fn new(url: &str, headers: &[String]) -> Result<Self, Failure> {
        provide_tls();
        let place = place(url).ok_or_else(|| {
            // What was given may hold a password.
            Failure::refused(
                "the address of --prometheus is none; write it like http://127.0.0.1:9090",
            )
        })?;
        let mut all = HeaderMap::new();
        for header in headers {
            let wrong = || {
                // What was given may be a secret.
                Failure::refused(
                    "a --prometheus-header is no header; write it like 'authorization: Bearer ...'",
                )
            };
            let (name, value) = header.split_once(':').ok_or_else(wrong)?;
            let name: HeaderName = name.trim().parse().map_err(|_| wrong())?;
            let value: HeaderValue = value.trim().parse().map_err(|_| wrong())?;
            all.append(name, value);
        }
        let client = reqwest::Client::builder()
            .default_headers(all)
            .connect_timeout(CONNECTING)
            .timeout(PATIENCE)
            .build()
            .map_err(|error| Failure::cannot(format!("cannot ask Prometheus: {error}")))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::cannot(format!("cannot wait for the network: {error}")))?;
        Ok(Self {
            url: format!("{}/api/v1/query", url.trim_end_matches('/')),
            place,
            client,
            runtime,
        })
    }

    /// The answers to questions at a moment, in their order; without one it is that of Prometheus' own
    /// clock. Why there is none if Prometheus itself is away, which one question is enough to find out.
    pub(super) fn ask(
        &self,
        questions: &[String],
        at: Option<Timestamp>,
    ) -> Result<Vec<Answer>, String> {
        self.runtime.block_on(async {
            let mut answers = Vec::with_capacity(questions.len());
            for question in questions {
                answers.push(self.answer(question, at).await?);
            }
            Ok(answers)
        })
    }

    async fn answer(&self, question: &str, at: Option<Timestamp>) -> Result<Answer, String> {
        let form = form(question, at);
        // Its address may hold a password, and this goes into reports.
        let failed = |error: reqwest::Error| {
            let cause = cause(&error.without_url());
            format!("Prometheus at {}: {cause}", self.place)
        };
        let reply = self
            .client
            .post(&self.url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await
            .map_err(failed)?;
        let status = reply.status();
        let page = reply.bytes().await.map_err(failed)?;
        let answer = parse(&page);
        // It explains in its own words why a query is none; what stands in front of it does not.
        if !status.is_success() && (answer.is_ok() || status.is_server_error() || !is_json(&page)) {
            return Err(format!("Prometheus at {} answers {status}", self.place));
        }
        Ok(answer)
    }
}

/// Scheme, host and port of an address, without what may be secret in it.
fn place(url: &str) -> Option<String> {
    let url = reqwest::Url::parse(url).ok()?;
    let (host, port) = (url.host_str()?, url.port_or_known_default()?);
    Some(format!("{}://{host}:{port}", url.scheme()))
}

fn is_json(page: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(page).is_ok()
}

/// `query`, and maybe `time`, as a form.
fn form(question: &str, at: Option<Timestamp>) -> String {
    let mut form = "query=".to_owned();
    for byte in question.bytes() {
        match byte.is_ascii_alphanumeric() {
            true => form.push(char::from(byte)),
            false => form.push_str(&format!("%{byte:02X}")),
        }
    }
    if let Some(millis) = at.map(Timestamp::unix_millis) {
        form.push_str(&format!(
            "&time={}.{:03}",
            millis.div_euclid(1000),
            millis.rem_euclid(1000)
        ));
    }
    form
}
