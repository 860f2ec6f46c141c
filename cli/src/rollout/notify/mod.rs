//! Tells people and programs of decisions, by webhook, after they are in force.
//!
//! The state says what each address was sent, so that what a death, an outage or a word of somebody
//! without `--notify` kept from it is sent by the next turn of whoever has it: at least once, and in
//! order. Nothing that happens here changes what a rollout comes to.
//!
//! | file | what |
//! |---|---|
//! | `body` | a decision as what is posted |

mod body;

use super::target::{Target, Written};
use crate::http::provide_tls;
use crate::outcome::Failure;
use clap::Args;
use coalmine_rollout::machine::State;
use coalmine_rollout::plan::Plan;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Url};
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// What takes longer is away: nobody's rollback waits for a chat.
const PATIENCE: Duration = Duration::from_secs(5);

/// While a rollout is on, whoever was away is left alone for so long.
const PAUSE: Duration = Duration::from_secs(15);

/// How long to wait before trying again to say how it ended.
const AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// How often what was sent is written down once more because somebody else wrote meanwhile.
const ATTEMPTS: usize = 5;

/// Who is told.
#[derive(Debug, Args)]
pub struct NotifyArgs {
    /// Post every decision there, as a CloudEvent, or to slack+https://... as a message; may be repeated
    #[arg(
        long = "notify",
        value_name = "URL",
        env = "COALMINE_NOTIFY",
        hide_env_values = true,
        value_delimiter = ' '
    )]
    pub urls: Vec<String>,
}

/// Whom to tell, and how.
#[derive(Default)]
pub(super) struct Notify {
    addresses: Vec<Address>,
    network: Option<(Client, Runtime)>,
    /// When whoever was away is tried again.
    not_before: Cell<Option<Instant>>,
}

/// Where to post.
struct Address {
    form: body::Form,
    url: Url,
    /// What the state knows it by: its address is a secret.
    channel: String,
}

impl NotifyArgs {
    pub(super) fn read(&self) -> Result<Notify, Failure> {
        let urls = self.urls.iter().filter(|url| !url.is_empty());
        let addresses: Vec<Address> = urls
            .map(|url| Address::parse(url))
            .collect::<Result<_, _>>()?;
        if addresses.is_empty() {
            return Ok(Notify::default());
        }
        provide_tls();
        let client = Client::builder()
            .timeout(PATIENCE)
            .build()
            .map_err(|error| Failure::cannot(format!("cannot notify anybody: {error}")))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::cannot(format!("cannot wait for the network: {error}")))?;
        Ok(Notify {
            addresses,
            network: Some((client, runtime)),
            not_before: Cell::default(),
        })
    }
}

impl Address {
    fn parse(text: &str) -> Result<Self, Failure> {
        let (form, url) = match text.strip_prefix("slack+") {
            Some(url) => (body::Form::Slack, url),
            None => (body::Form::CloudEvent, text),
        };
        // What was given may be a secret, so it is not repeated.
        let url = Url::parse(url).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.ok_or_else(|| {
            Failure::refused(
                "an address of --notify is none; write it like https://events.example.com/hook, or \
                 slack+https://hooks.slack.com/services/...",
            )
        })?;
        let digest = Sha256::digest(text);
        let channel = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
        Ok(Self { form, url, channel })
    }

    /// Posts one body, or says why it could not.
    async fn post(&self, client: &Client, body: String) -> Result<(), String> {
        let host = self.url.host_str().unwrap_or_default();
        let sent = client
            .post(self.url.clone())
            .header(CONTENT_TYPE, self.form.content_type())
            .body(body)
            .send()
            .await;
        match sent {
            Ok(reply) if reply.status().is_success() => Ok(()),
            Ok(reply) => Err(format!("{host} answers {}", reply.status())),
            Err(error) if error.is_timeout() => {
                Err(format!("{host} has not answered for {PATIENCE:?}"))
            }
            Err(error) => Err(format!(
                "{host}: {}",
                crate::http::cause(&error.without_url())
            )),
        }
    }
}

impl Notify {
    /// Sends what this state has decided and an address does not know, and writes down what it knows
    /// then. An address that is new is sent entries from `first` on. What is said comes back: whoever
    /// could not be told, for people.
    pub(super) fn send(
        &self,
        target: &Target,
        plan: &Plan,
        state: &State,
        first: u64,
    ) -> Option<String> {
        let (client, runtime) = self.network.as_ref()?;
        let over = state.run.as_ref().is_none_or(|run| !run.phase.is_open());
        let early = self.not_before.get().is_some_and(|at| Instant::now() < at);
        if early && !over {
            return None;
        }
        let mut warnings = Vec::new();
        let mut known = Vec::new();
        for address in &self.addresses {
            let mut last = state.notified(&address.channel);
            let from = last.map_or(first, |last| last.saturating_add(1));
            let unsent = state.journal.iter().filter(|entry| entry.number >= from);
            for entry in unsent {
                let tries = if over { AGAIN.as_slice() } else { &[] };
                let body = address.form.body(entry);
                let post = || runtime.block_on(address.post(client, body.clone()));
                if let Err(why) = again(tries, post) {
                    warnings.push(format!("nobody is told of {}: {why}", entry.kind.name()));
                    // It is known from now on, and is owed the rest.
                    last = last.or(Some(from.saturating_sub(1)));
                    break;
                }
                last = Some(entry.number);
            }
            if let Some(last) = last.filter(|last| state.notified(&address.channel) != Some(*last))
            {
                known.push((address.channel.as_str(), last));
            }
        }
        let later = (!warnings.is_empty()).then(|| Instant::now() + PAUSE);
        self.not_before.set(later);
        if !known.is_empty()
            && let Err(failure) = write_down(target, plan, &known)
        {
            warnings.push(format!("will be told again: {}", failure.message));
        }
        (!warnings.is_empty()).then(|| warnings.join("\n"))
    }
}

/// Tries once, and again after each of these times.
fn again(
    after: &[Duration],
    mut attempt: impl FnMut() -> Result<(), String>,
) -> Result<(), String> {
    let mut result = attempt();
    for pause in after {
        if result.is_ok() {
            break;
        }
        thread::sleep(*pause);
        result = attempt();
    }
    result
}

/// Writes what was sent into the state that there is now.
fn write_down(target: &Target, plan: &Plan, known: &[(&str, u64)]) -> Result<(), Failure> {
    for _ in 0..ATTEMPTS {
        let mut seen = target.seen(plan)?;
        for (channel, last) in known {
            seen.state.notify(channel, *last);
        }
        if !matches!(seen.hold.write(&seen.state, None)?, Written::Outrun) {
            return Ok(());
        }
    }
    Err(Failure::cannot(format!(
        "somebody else wrote {} each time",
        target.name()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_its_form_and_keeps_its_secret() {
        let check = |text: &str, expected: Option<(body::Form, &str)>| {
            let address = Address::parse(text);
            let found = address.as_ref().ok();
            let found = found.map(|found| (found.form, found.url.as_str()));
            assert_eq!(found, expected);
            if let Err(failure) = address {
                assert!(!failure.message.contains("secret"), "{}", failure.message);
            }
        };
        let (slack, event) = (body::Form::Slack, body::Form::CloudEvent);
        check("https://a.example/h", Some((event, "https://a.example/h")));
        check("slack+http://a/T/B", Some((slack, "http://a/T/B")));
        check("ftp://secret", None);
        check("secret", None);
        check("slack+secret", None);
        check("teams+https://secret", None);
        let channel = |text: &str| Address::parse(text).ok().map(|address| address.channel);
        assert_ne!(channel("https://a/1"), channel("https://a/2"));
        assert_ne!(channel("https://a/1"), channel("slack+https://a/1"));
    }

    #[test]
    fn an_end_is_said_again_until_it_is_heard() {
        let check = |tries: &[Duration], deaf: usize, expected: usize, heard: bool| {
            let mut attempts = 0;
            let result = again(tries, || {
                attempts += 1;
                (attempts > deaf).then_some(()).ok_or_else(String::new)
            });
            assert_eq!((attempts, result.is_ok()), (expected, heard));
        };
        let twice = [Duration::ZERO; 2];
        check(&twice, 0, 1, true);
        check(&twice, 2, 3, true);
        check(&twice, 3, 3, false);
        check(&[], 1, 1, false);
    }
}
