//! Clocks that do not agree: Prometheus', and one that was put back.

use super::folder::{CANARY, Folder};
use crate::run::Ran;
use crate::server::{Answer, serve};
use coalmine::Timestamp;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, SystemTime};

/// Steps that take no time.
fn canary() -> String {
    let (service, _) = CANARY.split_once("  rollout:").unwrap();
    format!(
        "{service}  rollout:
    steps: [{{share: 10%, for: 100ms, minRequests: 100}}, {{share: 50%, for: 1h}}]
    analysis: {{every: 100ms, delay: 100ms}}
"
    )
}

const STATE: &str = "shop.rollout.json";

/// The time, so many milliseconds off.
fn clock(ahead: i64) -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(now.unwrap().as_millis()).unwrap() + ahead
}

/// A Prometheus whose clock is ahead by so many milliseconds, and whose proxies count a request a
/// millisecond in each slice of both arms, all of them good.
fn prometheus(ahead: i64) -> SocketAddr {
    serve(move |asked| {
        let data = data(&asked.body, ahead);
        Answer::json(200, json!({"status": "success", "data": data}))
    })
}

/// What it has for a question, which is a form.
fn data(form: &str, ahead: i64) -> Value {
    let at = form
        .split_once("&time=")
        .map(|(_, at)| at.parse::<f64>().unwrap());
    match at {
        None => {
            assert!(form.starts_with("query=time"), "{form}");
            let now = clock(ahead);
            let now = format!("{}.{:03}", now / 1000, now % 1000);
            json!({"resultType": "scalar", "result": [0, now]})
        }
        Some(at) if form.starts_with("query=timestamp") => {
            vector(vec![(json!({"instance": "a"}), at.to_string())])
        }
        Some(at) => {
            let series = ["canary", "control"].into_iter().flat_map(|arm| {
                (0..16).map(move |slice| {
                    let metric = json!({
                        "__name__": "coalmine_responses", "instance": "a", "arm": arm,
                        "served": arm, "slice": slice.to_string(), "class": "ok",
                    });
                    (metric, (at * 1000.0).round().to_string())
                })
            });
            vector(series.collect())
        }
    }
}

fn vector(series: Vec<(Value, String)>) -> Value {
    let result = series.into_iter();
    let result: Value = result
        .map(|(metric, value)| json!({"metric": metric, "value": [0, value]}))
        .collect();
    json!({"resultType": "vector", "result": result})
}

/// A rollout that asks a Prometheus whose clock is so far ahead.
struct Rollout {
    folder: Folder,
    prometheus: SocketAddr,
}

impl Rollout {
    fn new(ahead: i64) -> Self {
        Self {
            folder: Folder::of(&canary()),
            prometheus: prometheus(ahead),
        }
    }

    /// Takes a turn a little later.
    fn step(&self) -> (Value, Ran) {
        thread::sleep(Duration::from_millis(120));
        let ran = self.folder.run(&format!(
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
        panic!("{}", self.folder.run("rollout status shop.yaml"));
    }

    fn state(&self) -> Value {
        serde_json::from_str(&self.folder.read(STATE)).unwrap()
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
    rollout.folder.write(STATE, &state.to_string());
    let ran = rollout.step_to(2);
    assert_eq!(ran.stderr, "", "{ran}");
    let apart = clock(0) - rollout.read_until();
    assert!((0..60_000).contains(&apart), "{apart}");
}
