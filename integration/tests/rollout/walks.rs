//! What becomes of versions that are good, that fail, that are slow, and that nobody asks.

use std::time::{Duration, Instant};

use coalmine_integration::load::{Load, Outcome, Report};

use crate::setting::{Setting, Version, assert_nobody_left};

const HEALTHY: Version = Version { errors: 5, slow: 0 };

/// A rollout to its end, with its load.
fn walk(stable: Version, canary: Version) -> (Setting, crate::setting::Ran, Report) {
    let setting = Setting::new();
    let load = setting.load(stable, canary);
    let begun = Instant::now();
    let ran = setting.rollout(&["run", "--timeout", "90"]);
    eprintln!(
        "ended after {:?} with {}\n{}",
        begun.elapsed(),
        ran.code,
        ran.stderr
    );
    let report = more(load);
    (setting, ran, report)
}

/// Some more requests, at the share of the end.
fn more(load: Load) -> Report {
    load.wait_for(1_000, Duration::from_secs(30)).unwrap();
    load.stop()
}

#[test]
fn a_good_version_is_promoted() {
    let (setting, ran, report) = walk(HEALTHY, HEALTHY);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(setting.share(), "100%");
    assert_eq!(
        setting.kinds(),
        ["began", "stepped", "stepped", "stepped", "promoted"]
    );
    assert_nobody_left(&report);
    // Nobody was lost: all that failed are those that the versions were told to fail.
    let failures = report.failures();
    assert!(
        failures
            .keys()
            .all(|outcome| **outcome == Outcome::Status(503)),
        "{failures:?}"
    );
    let end = report.samples.len() - 500;
    let served = &report.samples[end..];
    assert!(served.iter().all(|sample| !sample.is_by("web/shop/stable")));
    let status = setting.rollout(&["status", "-o", "json"]);
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(status["phase"], "promoted");
    let errors = &status["evidence"]["errors"];
    let requests = |arm: &str| errors[arm][0].as_f64().unwrap();
    let (canary, control) = (requests("canary"), requests("control"));
    assert!(canary > 1_700.0 && control > 1_700.0, "{errors}");
    assert!((0.5..2.0).contains(&(canary / control)), "{errors}");
}

/// Four times the errors of the other.
#[test]
fn a_version_that_fails_is_rolled_back() {
    let bad = Version {
        errors: 80,
        slow: 0,
    };
    let (setting, ran, report) = walk(
        Version {
            errors: 20,
            slow: 0,
        },
        bad,
    );
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(setting.share(), "0%");
    let journal = setting.journal();
    let last = journal.last().unwrap();
    assert_eq!(last["kind"], "rolled-back", "{last}");
    assert!(
        last["message"].as_str().unwrap().starts_with("errors: "),
        "{last}"
    );
    let end = report.samples.len() - 500;
    let served = &report.samples[end..];
    assert!(served.iter().all(|sample| !sample.is_by("web/shop/canary")));
    // It is not tried again, until somebody says so.
    let again = setting.rollout(&["run", "--timeout", "5"]);
    assert_eq!(again.code, 1, "{again:?}");
    assert_eq!(setting.share(), "0%");
    let report = setting.rollout(&["report"]);
    assert!(report.stdout.contains("rolled-back"), "{report:?}");
    assert!(report.stdout.contains("Chance alone"), "{report:?}");
    let page = setting.rollout(&["report", "-o", "html"]).stdout;
    // The share, the errors and the slow responses, with both arms.
    assert_eq!(page.matches("<svg").count(), 3, "{page}");
    assert!(
        page.contains("What decided") && page.contains("control"),
        "{page}"
    );
}

#[test]
fn a_version_that_is_slow_is_rolled_back() {
    let slow = Version {
        errors: 5,
        slow: 150,
    };
    let (setting, ran, _) = walk(
        Version {
            errors: 5,
            slow: 20,
        },
        slow,
    );
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(setting.share(), "0%");
    let journal = setting.journal();
    let last = journal.last().unwrap();
    assert!(
        last["message"]
            .as_str()
            .unwrap()
            .starts_with("slower than 50ms: "),
        "{last}"
    );
}

#[test]
fn a_version_that_nobody_asks_is_held() {
    let setting = Setting::impatient();
    let ran = setting.rollout(&["run", "--timeout", "6"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert_eq!(setting.share(), "10%");
    assert_eq!(setting.kinds(), ["began", "stepped", "alerted"]);
    let status = setting.rollout(&["status"]);
    assert_eq!(status.code, 4);
    assert!(
        status
            .stdout
            .contains("0 of 200 requests an arm were counted"),
        "{status:?}"
    );
    // People have the last word, and need no Prometheus for it.
    assert_eq!(setting.rollout(&["abort", "--by", "ada"]).code, 0);
    assert_eq!(setting.share(), "0%");
    let journal = setting.journal();
    assert_eq!(journal.last().unwrap()["by"], "ada");
}
