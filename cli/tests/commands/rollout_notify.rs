//! Who is told of decisions by `--notify`: over HTTP, by a server that is up, away, deaf, or says no.

use crate::rollout::{AWAY, Folder};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// What is kept waiting for an answer.
const DEAF: u16 = 0;

/// What was posted.
#[derive(Clone, Debug)]
struct Posted {
    path: String,
    content_type: String,
    body: Value,
}

/// A server that answers every request with one status, and keeps what it was sent.
pub(crate) struct Receiver {
    pub(crate) port: u16,
    status: Arc<AtomicU16>,
    posted: Arc<Mutex<Vec<Posted>>>,
    /// The paths of all requests, whatever was answered.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Self {
            port: listener.local_addr().unwrap().port(),
            status: Arc::new(AtomicU16::new(200)),
            posted: Arc::default(),
            asked: Arc::default(),
        };
        let (status, posted) = (Arc::clone(&receiver.status), Arc::clone(&receiver.posted));
        let asked = Arc::clone(&receiver.asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (status, posted) = (status.load(Ordering::SeqCst), Arc::clone(&posted));
                let asked = Arc::clone(&asked);
                std::thread::spawn(move || answer(stream, status, &posted, &asked));
            }
        });
        receiver
    }

    pub(crate) fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// What was asked for since the beginning.
    fn paths(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// The kinds of decisions that came since the last call, in their order.
    pub(crate) fn kinds(&self) -> Vec<String> {
        let posted = std::mem::take(&mut *self.posted.lock().unwrap());
        posted
            .iter()
            .map(|posted| kind(posted).to_owned())
            .collect()
    }
}

/// The decision that was posted, in either form.
fn kind(posted: &Posted) -> &str {
    let text = match posted.content_type.starts_with("application/cloudevents") {
        true => &posted.body["data"]["kind"],
        false => &posted.body["text"],
    };
    let text = text.as_str().unwrap();
    // The word before the colon of the first line.
    let first = text.lines().next().unwrap();
    let before = first.split(':').next().unwrap();
    before.rsplit(' ').next().unwrap()
}

fn answer(
    stream: TcpStream,
    status: u16,
    posted: &Mutex<Vec<Posted>>,
    asked: &Mutex<Vec<String>>,
) -> Option<()> {
    let mut reader = BufReader::new(&stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim_end().is_empty() {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let path = lines.first()?.split(' ').nth(1)?.to_owned();
    asked.lock().unwrap().push(path.clone());
    let headers: BTreeMap<String, &str> = lines
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect();
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    if status == DEAF {
        // Until whoever asks has gone.
        return reader.read_line(&mut String::new()).ok().map(|_| ());
    }
    if status < 300 {
        posted.lock().unwrap().push(Posted {
            path,
            content_type: (*headers.get("content-type")?).to_owned(),
            body: serde_json::from_slice(&body).ok()?,
        });
    }
    let head = format!(
        "HTTP/1.1 {status} Of\r\nlocation: /elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    (&stream).write_all(head.as_bytes()).ok()
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
        let at: Vec<&Posted> = posted.iter().filter(|posted| posted.path == path).collect();
        let kinds: Vec<&str> = at.iter().map(|posted| kind(posted)).collect();
        assert_eq!(kinds, ["began", "waiting", "aborted"], "{at:?}");
        assert!(at.iter().all(|posted| posted.content_type == content_type));
    };
    check("/events", "application/cloudevents+json; charset=utf-8");
    check("/chat", "application/json; charset=utf-8");
    let last = posted.iter().rfind(|posted| posted.path == "/events");
    assert_eq!(last.unwrap().body["data"]["by"], "ada");
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
