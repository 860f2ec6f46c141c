//! `coalmine rollout` and clocks that do not agree: Prometheus', and one that was put back.

use crate::run::{Ran, command, run};
use coalmine::Timestamp;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

const CANARY: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: shop}
spec:
  hosts: [shop]
  variants: {stable: {endpoints: ['127.0.0.1:1']}, canary: {endpoints: ['127.0.0.1:2']}}
  default: stable
  unit: [{header: x-user-id}]
  evidence: {}
  rollout:
    steps: [{share: 10%, for: 100ms, minRequests: 100}, {share: 50%, for: 1h}]
    analysis: {every: 100ms, delay: 100ms}
";

/// The time, so many milliseconds off.
fn clock(ahead: i64) -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(now.unwrap().as_millis()).unwrap() + ahead
}

/// A Prometheus whose clock is ahead by so many milliseconds, and whose proxies count a request a
/// millisecond in each slice of both arms, all of them good.
fn prometheus(ahead: i64) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            answer(&mut stream.unwrap(), ahead);
        }
    });
    address
}

fn answer(stream: &mut TcpStream, ahead: i64) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line).unwrap() > 2 {
        let header = line.to_ascii_lowercase();
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut form = vec![0; length];
    reader.read_exact(&mut form).unwrap();
    let form = String::from_utf8(form).unwrap();
    let at = form
        .split_once("&time=")
        .map(|(_, at)| at.parse::<f64>().unwrap());
    let data = match at {
        None => {
            assert!(form.starts_with("query=time"), "{form}");
            let now = clock(ahead);
            let now = format!("{}.{:03}", now / 1000, now % 1000);
            serde_json::json!({"resultType": "scalar", "result": [0, now]})
        }
        Some(at) if form.starts_with("query=timestamp") => {
            let metric = serde_json::json!({"instance": "a"});
            vector(vec![(metric, at.to_string())])
        }
        Some(at) => {
            let series = ["canary", "control"].into_iter().flat_map(|arm| {
                (0..16).map(move |slice| {
                    let metric = serde_json::json!({
                        "__name__": "coalmine_responses", "instance": "a", "arm": arm,
                        "served": arm, "slice": slice.to_string(), "class": "ok",
                    });
                    (metric, (at * 1000.0).round().to_string())
                })
            });
            vector(series.collect())
        }
    };
    let page = serde_json::json!({"status": "success", "data": data}).to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
    write!(
        stream,
        "{head}\r\ncontent-length: {}\r\n\r\n{page}",
        page.len()
    )
    .unwrap();
}

fn vector(series: Vec<(Value, String)>) -> Value {
    let result = series.into_iter();
    let result: Value = result
        .map(|(metric, value)| serde_json::json!({"metric": metric, "value": [0, value]}))
        .collect();
    serde_json::json!({"resultType": "vector", "result": result})
}

/// A rollout that asks a Prometheus whose clock is so far ahead.
struct Rollout {
    folder: TempDir,
    prometheus: SocketAddr,
}

impl Rollout {
    fn new(ahead: i64) -> Self {
        let rollout = Self {
            folder: tempfile::tempdir().unwrap(),
            prometheus: prometheus(ahead),
        };
        fs::write(rollout.folder.path().join("shop.yaml"), CANARY).unwrap();
        let ran = rollout.run("render plugin shop.yaml");
        assert_eq!(ran.code, 0, "{ran}");
        fs::write(rollout.folder.path().join("plugin.json"), ran.stdout).unwrap();
        rollout
    }

    fn run(&self, words: &str) -> Ran {
        let words = shlex::split(words).unwrap();
        run(command().args(words).current_dir(self.folder.path()), "")
    }

    /// Takes a turn a little later.
    fn step(&self) -> (Value, Ran) {
        thread::sleep(Duration::from_millis(120));
        let ran = self.run(&format!(
            "rollout step shop.yaml --config plugin.json --prometheus http://{} -o json",
            self.prometheus
        ));
        assert_eq!(ran.code, 4, "{ran}");
        (serde_json::from_str(&ran.stdout).unwrap(), ran)
    }

    /// Takes turns until it is at this step.
    fn step_to(&self, step: u64) -> Ran {
        for _ in 0..20 {
            let (status, ran) = self.step();
            if status["step"] == step {
                return ran;
            }
        }
        panic!("{}", self.run("rollout status shop.yaml"));
    }

    fn state(&self) -> Value {
        let state = fs::read_to_string(self.folder.path().join("shop.rollout.json")).unwrap();
        serde_json::from_str(&state).unwrap()
    }

    fn read_until(&self) -> i64 {
        let state = self.state();
        let until = state["run"]["readUntil"].as_str().unwrap();
        Timestamp::parse(until).unwrap().unix_millis()
    }
}

/// Evidence is read by Prometheus' clock, so a wrong one here loses none of it, and is told.
#[test]
fn a_wrong_clock_loses_no_evidence() {
    let check = |ahead: i64, says: &str| {
        let rollout = Rollout::new(ahead);
        let ran = rollout.step_to(2);
        assert!(ran.stderr.contains(says), "{ran}");
        assert_eq!(says.is_empty(), ran.stderr.is_empty(), "{ran}");
        // A moment of Prometheus' time, and not of ours.
        let apart = clock(ahead) - rollout.read_until();
        assert!((0..60_000).contains(&apart), "{apart}");
    };
    check(0, "");
    check(600_000, "the clock here is about 10m behind Prometheus'");
    check(-600_000, "the clock here is about 10m ahead of Prometheus'");
}

/// All times in its state are of a future that the clock has left again.
#[test]
fn a_clock_that_was_put_back_holds_nothing_up() {
    let rollout = Rollout::new(0);
    rollout.step_to(1);
    let day = |time: &mut Value| {
        let Some(then) = time.as_str().and_then(Timestamp::parse) else {
            return;
        };
        let later = Timestamp::from_unix_millis(then.unix_millis() + 86_400_000);
        *time = later.to_string().into();
    };
    let mut state = rollout.state();
    let run = &mut state["run"];
    assert!(
        run["since"].is_string() && run["countsFrom"].is_string(),
        "{run}"
    );
    for time in [
        "began",
        "since",
        "readUntil",
        "readAt",
        "countsFrom",
        "sampled",
        "moved",
    ] {
        day(&mut run[time]);
    }
    let path = rollout.folder.path().join("shop.rollout.json");
    fs::write(path, state.to_string()).unwrap();
    let ran = rollout.step_to(2);
    assert_eq!(ran.stderr, "", "{ran}");
    let apart = clock(0) - rollout.read_until();
    assert!((0..60_000).contains(&apart), "{apart}");
}
