//! A rollout whose driver is killed at random instructions, and whose Prometheus dies in the middle.

use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use coalmine_integration::load::Outcome;
use coalmine_integration::prometheus::Prometheus;

use crate::setting::{Setting, Version, assert_nobody_left};

/// How often the driver is killed.
const KILLS: u64 = 50;

#[test]
fn it_ends_right_whatever_dies() {
    let mut setting = Setting::slow();
    let healthy = Version { errors: 5, slow: 0 };
    let load = setting.load(healthy, healthy);
    let begun = Instant::now();
    let mut seed = 7_u64;
    for kill in 0..KILLS {
        let mut child = setting
            .command(&["run", "--timeout", "90"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // A run that has only begun, one that waits for an answer, one that writes.
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        thread::sleep(Duration::from_millis(5 + (seed >> 33) % 800));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert_eq!(
            status.code(),
            None,
            "killed {kill} came too late: {status:?}"
        );
        if kill == KILLS / 2 {
            setting.prometheus = None;
        }
        if kill == KILLS / 2 + 10 {
            let admin = setting.stand.envoy.admin().address();
            setting.prometheus = Some(Prometheus::start(admin).unwrap());
        }
    }
    eprintln!(
        "killed {KILLS} times in {:?}, now at {}",
        begun.elapsed(),
        setting.share()
    );
    // Some died over a step.
    assert_ne!(setting.share(), "10%");
    let ran = setting.rollout(&["run", "--timeout", "90"]);
    eprintln!("{}", ran.stderr);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(setting.share(), "100%");
    // Each decision once, in one order, whoever died over it.
    let journal = setting.journal();
    let numbers: Vec<u64> = journal
        .iter()
        .map(|entry| entry["number"].as_u64().unwrap())
        .collect();
    let all: Vec<u64> = (1..=journal.len() as u64).collect();
    assert_eq!(numbers, all);
    let mut kinds = setting.kinds();
    kinds.retain(|kind| kind != "alerted");
    assert_eq!(
        kinds,
        ["began", "stepped", "stepped", "stepped", "promoted"]
    );
    let report = load.stop();
    assert_nobody_left(&report);
    let failures = report.failures();
    assert!(
        failures
            .keys()
            .all(|outcome| **outcome == Outcome::Status(503)),
        "{failures:?}"
    );
}

/// A variant that everybody sees fail must go also when Prometheus is away: somebody says so.
#[test]
fn an_abort_needs_nobody() {
    let mut setting = Setting::new();
    let load = setting.load(Version::default(), Version::default());
    assert_eq!(setting.rollout(&["step"]).code, 4);
    assert_eq!(setting.share(), "10%");
    setting.prometheus = None;
    let step = setting.rollout(&["step"]);
    assert_eq!(step.code, 4, "{step:?}");
    thread::sleep(Duration::from_millis(1100));
    let step = setting.rollout(&["step"]);
    assert!(
        step.stdout
            .contains("evidence cannot be read: Prometheus at http://"),
        "{step:?}"
    );
    assert_eq!(setting.rollout(&["abort"]).code, 0);
    assert_eq!(setting.share(), "0%");
    let report = load.stop();
    assert_eq!(report.failures().len(), 0, "{:?}", report.failures());
}
