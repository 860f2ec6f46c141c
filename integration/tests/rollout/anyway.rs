//! Rollouts that are judged by what a real Envoy counts anyway, without the filter's evidence.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use coalmine_integration::behaviour::{BEHAVE, Behaviour};
use coalmine_integration::client::Request;
use coalmine_integration::load::Outcome;
use coalmine_integration::series::Series;
use serde_json::Value;

use crate::setting::{Ran, Setting, Version, assert_nobody_left};

/// How long Prometheus may take to have read everything.
const PATIENCE: Duration = Duration::from_secs(10);

const HEALTHY: Version = Version { errors: 5, slow: 0 };

/// What the status says of a check: requests and failed ones, of the variant and of the default.
pub(crate) fn counts(status: &str, check: &str) -> [[u64; 2]; 2] {
    let status: Value = serde_json::from_str(status).unwrap();
    let arm = |arm: &str| {
        let counts = status["evidence"][check][arm].clone();
        serde_json::from_value(counts).unwrap_or_else(|_| panic!("{status}"))
    };
    [arm("canary"), arm("control")]
}

fn run(setting: &Setting) -> Ran {
    let begun = Instant::now();
    let ran = setting.rollout(&["run", "--timeout", "90"]);
    eprintln!("ended after {:?}\n{}", begun.elapsed(), ran.stderr);
    ran
}

#[test]
fn a_good_version_is_promoted() {
    let setting = Setting::by_envoy();
    let load = setting.load(HEALTHY, HEALTHY);
    let ran = run(&setting);
    load.wait_for(1_000, Duration::from_secs(30)).unwrap();
    let report = load.stop();
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(setting.share(), "100%");
    assert_eq!(
        setting.kinds(),
        ["began", "stepped", "stepped", "stepped", "promoted"]
    );
    assert_nobody_left(&report);
    let status = setting.rollout(&["status", "-o", "json"]);
    let [canary, control] = counts(&status.stdout, "envoy");
    // The steps want 1,700, and the default has more than the variant up to half of them.
    assert!(canary[0] > 1_700 && control[0] > canary[0], "{status:?}");
    let sent = u64::try_from(report.samples.len()).unwrap();
    assert!(canary[0] + control[0] < sent, "{sent}: {status:?}");
    let failed = report.failures();
    assert!(
        failed
            .keys()
            .all(|outcome| **outcome == Outcome::Status(503)),
        "{failed:?}"
    );
}

/// Four times the errors of the other.
#[test]
fn a_version_that_fails_is_rolled_back() {
    let setting = Setting::by_envoy();
    let of = |errors| Version { errors, slow: 0 };
    let load = setting.load(of(20), of(80));
    let ran = run(&setting);
    drop(load.stop());
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(setting.share(), "0%");
    let journal = setting.journal();
    let last = journal.last().unwrap();
    assert_eq!(last["kind"], "rolled-back", "{last}");
    let message = last["message"].as_str().unwrap();
    assert!(message.starts_with("envoy: "), "{last}");
    let finding = &last["findings"][0];
    let rate = |arm: &str| {
        let [requests, bad]: [f64; 2] = serde_json::from_value(finding[arm].clone()).unwrap();
        bad / requests
    };
    // What was told to fail is what failed, in either cluster.
    assert!((0.04..0.14).contains(&rate("canary")), "{finding}");
    assert!((0.015..0.03).contains(&rate("control")), "{finding}");
    let report = setting.rollout(&["report"]).stdout;
    // Envoy knows no control cohort.
    assert!(report.contains("**envoy**"), "{report}");
    assert!(report.contains("of what it is compared with."), "{report}");
    let page = setting.rollout(&["report", "-o", "html"]).stdout;
    assert!(page.contains("envoy: part of all requests"), "{page}");
}

/// What Envoy counts by class: what it answers itself is among it, what breaks off later has the class
/// that it began with, and whom the client leaves has none.
#[test]
fn what_envoy_counts_is_known() {
    let setting = Setting::by_envoy();
    let count = 20;
    for behaviour in [
        Behaviour::Well,
        Behaviour::Status(302),
        Behaviour::Status(404),
        Behaviour::Status(503),
        Behaviour::Reset,
        Behaviour::Break,
        Behaviour::Grpc(13),
    ] {
        let request = Request::get("/")
            .header("host", "shop")
            .header("x-user-id", "user-1")
            .header(BEHAVE, behaviour.asked());
        for _ in 0..count {
            // Some of them are answered by nothing.
            let _ = setting.stand.client().send(&request);
        }
    }
    let mut leaving = TcpStream::connect(setting.stand.ingress).unwrap();
    let (name, value) = (BEHAVE, Behaviour::Hang.asked());
    write!(
        leaving,
        "GET / HTTP/1.1\r\nhost: shop\r\n{name}: {value}\r\n\r\n"
    )
    .unwrap();
    std::thread::sleep(Duration::from_millis(200));
    drop(leaving);
    let class = |class: &str| {
        let labels = [
            ("envoy_cluster_name", "web/shop/stable"),
            ("envoy_response_code_class", class),
        ];
        Series::new("envoy_cluster_upstream_rq_xx", &labels)
    };
    let count = f64::from(count);
    let expected = [("2", 3.0), ("3", 1.0), ("4", 1.0), ("5", 2.0)];
    let expected = expected
        .map(|(of, times)| (class(of), times * count))
        .into();
    let prometheus = setting.prometheus.as_ref().unwrap();
    let read = || prometheus.query("envoy_cluster_upstream_rq_xx").unwrap();
    let begun = Instant::now();
    while read() != expected && begun.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(read(), expected);
    // The one that was left had been sent.
    let sent = r#"sum(envoy_cluster_upstream_rq_total{envoy_cluster_name="web/shop/stable"})"#;
    let sent = prometheus.query(sent).unwrap();
    assert_eq!(sent.into_values().collect::<Vec<_>>(), [7.0 * count + 1.0]);
}
