//! Who is told of decisions by `--notify`: over HTTP, by a server that is up, away, deaf, or says no.

use super::folder::{AWAY, Folder};
use crate::server::{Answer, Asked, serve};
use serde_json::Value;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Who asks is kept waiting for an answer.
const DEAF: u16 = 0;

/// A server that answers every request with one status, and keeps what it was sent.
pub(super) struct Receiver {
    pub(super) port: u16,
    status: Arc<AtomicU16>,
    /// What was posted and taken.
    posted: Arc<Mutex<Vec<Asked>>>,
    /// The paths of all requests, whatever was answered.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    pub(super) fn new() -> Self {
        let status = Arc::new(AtomicU16::new(200));
        let posted: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (answers, taken, paths) = (status.clone(), posted.clone(), asked.clone());
        let address = serve(move |asked| {
            paths.lock().unwrap().push(asked.target.clone());
            let status = answers.load(Ordering::SeqCst);
            if status == DEAF {
                return Answer::Silence;
            }
            if status < 300 {
                taken.lock().unwrap().push(asked.clone());
            }
            Answer::json(status, "")
        });
        Self {
            port: address.port(),
            status,
            posted,
            asked,
        }
    }

    pub(super) fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// What was asked for since the beginning.
    fn paths(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// The kinds of decisions that came since the last call, in their order.
    pub(super) fn kinds(&self) -> Vec<String> {
        let posted = std::mem::take(&mut *self.posted.lock().unwrap());
        posted.iter().map(kind).collect()
    }
}

fn body(posted: &Asked) -> Value {
    serde_json::from_str(&posted.body).unwrap()
}

/// The decision that was posted, in either form.
fn kind(posted: &Asked) -> String {
    let body = body(posted);
    let text = match posted.header("content-type") {
        kind if kind.starts_with("application/cloudevents") => &body["data"]["kind"],
        _ => &body["text"],
    };
    // The word before the colon of the first line.
    let first = text.as_str().unwrap().lines().next().unwrap();
    let before = first.split(':').next().unwrap();
    before.rsplit(' ').next().unwrap().to_owned()
}

#[test]
fn decisions_are_posted_in_either_form() {
    let (folder, receiver) = (Folder::new(), Receiver::new());
    let port = receiver.port;
    let both = format!(
        "--notify http://127.0.0.1:{port}/events --notify slack+http://127.0.0.1:{port}/chat"
    );
    let step = format!("step shop.yaml --config plugin.json {AWAY} {both}");
    folder.check(&step, 4, "waiting, step 1 of 2");
    folder.check(
        &format!("abort shop.yaml --by ada --config plugin.json {both}"),
        0,
        "aborted by ada",
    );
    folder.check(&step, 1, "it has ended before");
    let posted = receiver.posted.lock().unwrap().clone();
    let check = |path: &str, content_type: &str| {
        let at: Vec<&Asked> = posted.iter().filter(|asked| asked.target == path).collect();
        let kinds: Vec<String> = at.iter().map(|posted| kind(posted)).collect();
        assert_eq!(kinds, ["began", "waiting", "aborted"], "{at:?}");
        let said = |posted: &&Asked| posted.header("content-type") == content_type;
        assert!(at.iter().all(said), "{at:?}");
    };
    check("/events", "application/cloudevents+json; charset=utf-8");
    check("/chat", "application/json; charset=utf-8");
    let last = posted.iter().rfind(|asked| asked.target == "/events");
    assert_eq!(body(last.unwrap())["data"]["by"], "ada");
    assert!(!folder.read("shop.rollout.json").contains("127.0.0.1"));
}

/// What nobody could be told is told when they are back, once and in order; also what somebody decided who
/// told nobody.
#[test]
fn nothing_is_left_out_and_nothing_held_up() {
    let (folder, receiver) = (Folder::new(), Receiver::new());
    let notify = format!("--notify http://127.0.0.1:{}", receiver.port);
    let step = format!("step shop.yaml --config plugin.json {AWAY} {notify}");
    receiver.answers(503);
    folder.check(&step, 4, "not told of everything: 127.0.0.1 answers 503");
    folder.check(&step, 4, "not told of everything");
    folder.check("approve shop.yaml --config plugin.json", 0, "has approved");
    receiver.answers(204);
    folder.check(&step, 4, "walking, step 1 of 2");
    assert_eq!(
        receiver.kinds(),
        ["began", "waiting", "approved", "stepped"]
    );
    folder.check(&step, 4, "walking");
    assert_eq!(receiver.kinds(), [""; 0]);

    receiver.answers(DEAF);
    let begun = Instant::now();
    folder.check(
        &format!("pause shop.yaml --config plugin.json {notify}"),
        0,
        "not told of everything: 127.0.0.1 has not answered for 5s",
    );
    assert!(begun.elapsed().as_secs() < 15, "{:?}", begun.elapsed());

    receiver.answers(404);
    folder.check(
        &format!("abort shop.yaml --config plugin.json {notify}"),
        0,
        "not told of everything: 127.0.0.1 answers 404",
    );
    assert!(folder.read("plugin.json").contains("\"canary\":\"0%\""));
    receiver.answers(200);
    folder.check(&step, 1, "it has ended before");
    assert_eq!(receiver.kinds(), ["paused", "aborted"]);
}

/// Several that do not answer, at an end, are waited for together.
#[test]
fn an_abort_does_not_wait_for_the_deaf() {
    let (folder, deaf, other) = (Folder::new(), Receiver::new(), Receiver::new());
    folder.check(
        &format!("step shop.yaml --config plugin.json {AWAY}"),
        4,
        "waiting",
    );
    for receiver in [&deaf, &other] {
        receiver.answers(DEAF);
    }
    let hears = Receiver::new();
    let notify: String = [&deaf, &other, &hears]
        .map(|receiver| format!(" --notify http://127.0.0.1:{}", receiver.port))
        .concat();
    let begun = Instant::now();
    folder.check(
        &format!("abort shop.yaml --config plugin.json {notify}"),
        0,
        "aborted",
    );
    let waited = begun.elapsed().as_secs();
    assert!(waited < 20, "{waited} s");
    assert_eq!(hears.kinds(), ["aborted"]);
}

/// What leads elsewhere is no receiver: it would be asked there without what is to be told.
#[test]
fn nobody_is_followed_elsewhere() {
    let (folder, receiver) = (Folder::new(), Receiver::new());
    let step = format!(
        "step shop.yaml --config plugin.json {AWAY} --notify http://127.0.0.1:{}/secret",
        receiver.port
    );
    receiver.answers(302);
    folder.check(
        &step,
        4,
        "127.0.0.1 answers 302 Found: give the address that it leads to",
    );
    assert_eq!(receiver.paths(), ["/secret"]);
    receiver.answers(200);
    folder.check(&step, 4, "waiting");
    assert_eq!(receiver.kinds(), ["began", "waiting"]);
}

/// Who is new is not told the story so far.
#[test]
fn a_new_address_hears_of_what_is_new() {
    let (folder, receiver) = (Folder::new(), Receiver::new());
    let notify = format!("--notify http://127.0.0.1:{}", receiver.port);
    folder.check(
        &format!("step shop.yaml --config plugin.json {AWAY}"),
        4,
        "waiting",
    );
    folder.check(
        &format!("abort shop.yaml --config plugin.json {notify}"),
        0,
        "aborted",
    );
    assert_eq!(receiver.kinds(), ["aborted"]);
}

#[test]
fn an_address_that_is_none_is_refused_and_not_repeated() {
    let folder = Folder::new();
    let words = format!("rollout step shop.yaml --config plugin.json {AWAY} --notify hooks/secret");
    let ran = folder.run(&words);
    assert_eq!(ran.code, 2, "{ran}");
    assert!(
        ran.stderr.contains("an address of --notify is none"),
        "{ran}"
    );
    assert!(!ran.stderr.contains("secret"), "{ran}");
}
