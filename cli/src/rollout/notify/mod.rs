//! Tells people and programs of decisions, by webhook, once they are in force.
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
use crate::http::{cause, provide_tls};
use crate::outcome::Failure;
use clap::Args;
use coalmine_rollout::machine::State;
use coalmine_rollout::plan::Plan;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long a turn waits for all addresses together: nobody's rollback waits longer for a chat.
const PATIENCE: Duration = Duration::from_secs(5);

/// The same where the rollout has ended, and no turn may follow.
const PATIENCE_AT_THE_END: Duration = Duration::from_secs(12);

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
        hide_env_values = true
    )]
    pub urls: Vec<String>,
}

/// Whom to tell, and how.
#[derive(Default)]
pub(super) struct Notify {
    addresses: Vec<Address>,
    network: Option<(Client, Runtime)>,
}

/// Where to post.
struct Address {
    form: body::Form,
    url: Url,
    /// What the state knows it by: its address is a secret.
    channel: String,
    /// When it is tried again, if it was away.
    not_before: Cell<Option<Instant>>,
}

/// What is to be posted to an address, and how.
struct Post {
    client: Client,
    form: body::Form,
    url: Url,
    /// With the numbers of their entries, in their order.
    bodies: Vec<(u64, String)>,
    /// After what pauses a failure is tried again.
    again: &'static [Duration],
}

impl NotifyArgs {
    pub(super) fn read(&self) -> Result<Notify, Failure> {
        // A variable of a CD tool has them in lines.
        let urls = self.urls.iter().flat_map(|urls| urls.split_whitespace());
        let addresses: Vec<Address> = urls.map(Address::parse).collect::<Result<_, _>>()?;
        if addresses.is_empty() {
            return Ok(Notify::default());
        }
        provide_tls();
        // Whoever is led elsewhere would ask there without a body, and tell that place of this one.
        let client = Client::builder()
            .redirect(Policy::none())
            .referer(false)
            .build()
            .map_err(|error| Failure::cannot(format!("cannot notify anybody: {error}")))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::cannot(format!("cannot wait for the network: {error}")))?;
        Ok(Notify {
            addresses,
            network: Some((client, runtime)),
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
        Ok(Self {
            form,
            url,
            channel,
            not_before: Cell::default(),
        })
    }

    fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }
}

impl Post {
    /// Posts one after the other, and tells of each that was heard. Why it has stopped, if it has.
    async fn all(&self, mut heard: impl FnMut(u64)) -> Result<(), String> {
        for (number, body) in &self.bodies {
            let mut result = self.one(body).await;
            for pause in self.again {
                if result.is_ok() {
                    break;
                }
                sleep(*pause).await;
                result = self.one(body).await;
            }
            result?;
            heard(*number);
        }
        Ok(())
    }

    async fn one(&self, body: &str) -> Result<(), String> {
        let post = self.client.post(self.url.clone());
        let post = post.header(CONTENT_TYPE, self.form.content_type());
        let sent = post.timeout(PATIENCE).body(body.to_owned()).send().await;
        match sent {
            Ok(reply) if reply.status().is_success() => Ok(()),
            Ok(reply) if reply.status().is_redirection() => Err(format!(
                "answers {}: give the address that it leads to",
                reply.status()
            )),
            Ok(reply) => Err(format!("answers {}", reply.status())),
            Err(error) if error.is_timeout() => Err(format!("has not answered for {PATIENCE:?}")),
            Err(error) => Err(format!("fails: {}", cause(&error.without_url()))),
        }
    }
}

impl Notify {
    /// Sends what this state has decided and an address does not know, to all at once, and writes down what
    /// each knows then. An address that is new is sent entries from `first` on. What is `pending` is not so
    /// yet, and is sent when it is. What is said comes back: whoever could not be told, for people.
    pub(super) fn send(
        &self,
        target: &Target,
        plan: &Plan,
        state: &State,
        (first, pending): (u64, bool),
    ) -> Option<String> {
        let (client, runtime) = self.network.as_ref()?;
        let over = state.run.as_ref().is_none_or(|run| !run.phase.is_open());
        let now = Instant::now();
        let mut warnings = Vec::new();
        let mut known: Vec<Option<u64>> = Vec::new();
        let mut posts = JoinSet::new();
        for (index, address) in self.addresses.iter().enumerate() {
            let last = state.notified(&address.channel);
            let from = last.map_or(first, |last| last.saturating_add(1));
            let unsent = state.journal.iter().filter(|entry| entry.number >= from);
            let bodies: Vec<_> = unsent
                .map(|entry| (entry.number, address.form.body(entry)))
                .collect();
            // From now on it is owed what it does not know.
            let owed = (!bodies.is_empty()).then(|| from.saturating_sub(1));
            known.push(last.or(owed));
            let early = address.not_before.get().is_some_and(|at| now < at);
            if pending || bodies.is_empty() || (early && !over) {
                continue;
            }
            let post = Post {
                client: client.clone(),
                form: address.form,
                url: address.url.clone(),
                bodies,
                again: if over { &AGAIN } else { &[] },
            };
            let patience = if over { PATIENCE_AT_THE_END } else { PATIENCE };
            posts.spawn_on(
                async move {
                    let mut last = None;
                    let all = timeout(patience, post.all(|number| last = Some(number))).await;
                    let slow = || Err(format!("has not answered for {patience:?}"));
                    (index, last, all.unwrap_or_else(|_| slow()))
                },
                runtime.handle(),
            );
        }
        for (index, last, result) in runtime.block_on(posts.join_all()) {
            let (Some(address), Some(known)) = (self.addresses.get(index), known.get_mut(index))
            else {
                continue;
            };
            *known = last.or(*known);
            let away = result.err();
            address.not_before.set(away.is_some().then(|| now + PAUSE));
            warnings.extend(
                away.map(|why| format!("not told of everything: {} {why}", address.host())),
            );
        }
        let channels = self.addresses.iter().map(|address| &*address.channel);
        let news = channels.zip(known).filter_map(|(channel, last)| {
            let last = last?;
            (state.notified(channel) != Some(last)).then_some((channel, last))
        });
        let news: Vec<(&str, u64)> = news.collect();
        if !news.is_empty()
            && let Err(failure) = write_down(target, plan, &news)
        {
            warnings.push(format!("will be told again: {}", failure.message));
        }
        (!warnings.is_empty()).then(|| warnings.join("\n"))
    }
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
    fn addresses_stand_between_blanks_or_in_lines() {
        let check = |urls: &[&str], expected: &[&str]| {
            let urls = urls.iter().map(|url| (*url).to_owned()).collect();
            let read = NotifyArgs { urls }.read();
            let read = read.map_err(|failure| failure.message).unwrap();
            let found: Vec<&str> = read.addresses.iter().map(|one| one.url.as_str()).collect();
            assert_eq!(found, expected);
        };
        let (one, two) = ("http://a/secret", "http://b/secret");
        check(&[one, two], &[one, two]);
        check(&["http://a/secret http://b/secret"], &[one, two]);
        check(&["http://a/secret\nhttp://b/secret\n"], &[one, two]);
        check(&["\thttp://a/secret\r\n\r\n"], &[one]);
        check(&["", " \n"], &[]);
    }
}
