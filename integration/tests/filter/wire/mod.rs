//! Oddities on the wire: the same bytes go to a listener with the filter and to one without, in the same
//! Envoy. What comes back is the same, and so is what the upstream sees, but for which version answers.
//!
//! Envoy's codecs refuse many of them. How many requests of each get as far as the filter is a column of
//! the tables, and the filter's own counter holds it; those are decided as natively, and each ends and is
//! counted once. All of it is the same on each Envoy that is supported.

mod blocks;
mod bodies;
mod client;
mod compare;
mod faulty;
mod frames;
mod http1;
mod http2;
mod streams;

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use coalmine::Policy;
use coalmine_integration::decisions::Decided;
use coalmine_manifests::File;
use coalmine_manifests::envoy as target;
use serde_json::json;

use self::client::{Seen, exchange};
use self::compare::compare;
use self::frames::opening;
use crate::counted::{CHOSEN, RESPONSES, counts};
use crate::evidence::edit;
use crate::hostile::{machines, manager_of, without_filter_of};
use crate::setting::{PATIENCE, Setting, read, shop, variant};

/// Two, so that a request which the filter and Envoy's virtual hosts take for different canaries' comes
/// out wrong. Everybody is sent to their variants, and all responses are counted.
const CANARIES: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: shop}
spec:
  hosts: [shop, '*.example.com']
  variants: {stable: {}, canary: {}}
  default: stable
  pins: {header: x-canary, cookie: canary, query: canary}
  shares: {canary: 100%}
  unit: [{header: x-user-id}]
  whenNoUnit: issue-cookie
  evidence: {rest: true}
  propagate: {baggage: true}
---
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: rest}
spec:
  hosts: ['*']
  variants: {stable: {}, canary: {}}
  default: stable
  pins: {header: x-canary}
  shares: {canary: 100%}
  unit: [{header: x-user-id}]
  whenNoUnit: random
  evidence: {rest: true}
";

/// The listener without the filter.
const PLAIN: &str = "plain";

/// Something that no well-behaved client sends.
#[derive(Clone)]
struct Oddity {
    name: String,
    protocol: Protocol,
    bytes: Vec<u8>,
    /// The streams, or the responses by number, without which it is not over.
    awaited: Vec<u32>,
    /// How many of its requests reach the filter.
    reach: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

impl Oddity {
    /// Bytes that are to get one response.
    fn of_http1(name: &str, bytes: impl Into<Vec<u8>>, reach: u64) -> Self {
        Self {
            name: name.to_owned(),
            protocol: Protocol::Http1,
            bytes: bytes.into(),
            awaited: vec![1],
            reach,
        }
    }

    /// That are to get so many.
    fn answered(mut self, times: u32) -> Self {
        self.awaited = (1..=times).collect();
        self
    }

    /// Frames behind an [`opening`], and the streams whose end is awaited.
    fn of_http2(name: &str, frames: &[Vec<u8>], awaited: &[u32], reach: u64) -> Self {
        Self {
            name: name.to_owned(),
            protocol: Protocol::Http2,
            bytes: [opening(), frames.concat()].concat(),
            awaited: awaited.to_vec(),
            reach,
        }
    }
}

/// A listener beside the rendered one, alike but for the filter. Neither waits long for clients to close.
fn twin(files: &mut [File]) {
    edit(files, target::BOOTSTRAP, |bootstrap| {
        let listeners = bootstrap["static_resources"]["listeners"].as_array_mut();
        let listeners = listeners.unwrap();
        manager_of(&mut listeners[0])["delayed_close_timeout"] = json!("0.02s");
        let mut plain = listeners[0].clone();
        without_filter_of(&mut plain);
        plain["name"] = json!(PLAIN);
        manager_of(&mut plain)["stat_prefix"] = json!(PLAIN);
        listeners.push(plain);
    });
}

/// What is wrong with how an oddity went, or how it went.
fn check(
    (setting, plain, policy): (&Setting, SocketAddr, &Policy),
    oddity: &Oddity,
) -> Result<String, String> {
    let decided = || setting.stand.decisions().unwrap().values().sum::<u64>();
    let before = decided();
    // Both at once, since most of the time is waiting for an end or for nothing more.
    let (expected, seen) = thread::scope(|scope| {
        let expected = scope.spawn(|| exchange(plain, oddity));
        let seen = exchange(setting.stand.ingress, oddity);
        (expected.join().unwrap(), seen)
    });
    let (expected, seen) = (expected?, seen?);
    let reached = decided() - before;
    let came = told(&seen);
    if reached != oddity.reach {
        return Err(format!("{reached} reach the filter: {came}"));
    }
    if (seen.ended, seen.answers.len()) != (expected.ended, expected.answers.len()) {
        let without = told(&expected);
        return Err(format!("{came} with the filter, {without} without"));
    }
    for (number, answer) in &seen.answers {
        let plain = &expected.answers[number];
        compare(answer, plain, policy).map_err(|problem| format!("{number}: {problem}"))?;
    }
    // Whoever comes next notices nothing.
    let next = setting.client().send(&shop()).unwrap();
    assert_eq!(variant(&next), "canary", "{}", oddity.name);
    Ok(came)
}

/// What came back, in short.
fn told(seen: &Seen) -> String {
    let answers = seen.answers.iter().map(|(number, answer)| {
        let served = answer.received().map(|received| received.served_by);
        let reset = answer.reset.map(|code| format!("reset {code}"));
        let status = answer.status.map(|status| status.to_string());
        let told: Vec<String> = [status, reset, served].into_iter().flatten().collect();
        format!("{number}: {}", told.join(" "))
    });
    let ended = match seen.ended {
        None => None,
        Some(None) => Some("closed".to_owned()),
        Some(Some(code)) => Some(format!("GOAWAY {code}")),
    };
    answers.chain(ended).collect::<Vec<_>>().join(", ")
}

fn check_all(oddities: &[Oddity]) {
    let setting = Setting::with(read(CANARIES), |_| (), |files, _| twin(files));
    let policy = Policy::compile(&setting.canaries);
    let plain = setting.stand.envoy.admin().listener(PLAIN).unwrap();
    setting.client().send_on_each(8, &shop()).unwrap();
    let (before, log) = (machines(&setting), setting.stand.envoy.log_length());

    let mut problems = Vec::new();
    for oddity in oddities {
        match check((&setting, plain, &policy), oddity) {
            Ok(came) => eprintln!("{} ({}): {came}", oddity.name, oddity.reach),
            Err(problem) => problems.push(format!("{}: {problem}", oddity.name)),
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    assert_each_has_ended(&setting);
    assert_eq!(machines(&setting), before);
    assert_eq!(setting.stand.envoy.log_since(log), "");
    setting.end_without_problems();
}

/// That whatever was decided has ended, however its stream did, and was counted once.
fn assert_each_has_ended(setting: &Setting) {
    let decisions = setting.stand.decisions().unwrap();
    let decided = |fits: &dyn Fn(&Decided) -> bool| {
        let fitting = decisions.iter().filter(|(decided, _)| fits(decided));
        fitting.map(|(_, number)| number).sum::<u64>()
    };
    let drawn = decided(&|one| one.reason == "share" || one.reason == "random");
    let chosen = decided(&|one| one.reason == "pin" && one.variant == "canary");
    let ended = || {
        let of = |metric| counts(&setting.stand, metric).into_values().sum::<u64>();
        [of(RESPONSES), of(CHOSEN)]
    };
    let begun = Instant::now();
    while ended() != [drawn, chosen] && begun.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(ended(), [drawn, chosen]);
}

#[test]
fn requests_of_http1_are_odd_with_the_filter_as_without() {
    check_all(&[http1::oddities(), bodies::oddities()].concat());
}

#[test]
fn requests_of_http2_are_odd_with_the_filter_as_without() {
    check_all(&http2::oddities());
}

#[test]
fn streams_and_frames_of_http2_are_odd_with_the_filter_as_without() {
    check_all(&[blocks::oddities(), faulty::oddities(), streams::oddities()].concat());
}
