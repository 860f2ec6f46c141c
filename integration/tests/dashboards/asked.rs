//! Every query of rules and dashboard, asked of a real Prometheus that reads a real Envoy.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use coalmine_integration::behaviour::{BEHAVE_OF, Behaviour};
use coalmine_integration::client::Request;
use coalmine_integration::envoy::Launch;
use coalmine_integration::envoy_binary;
use coalmine_integration::load::Load;
use coalmine_integration::prometheus::Prometheus;
use coalmine_integration::series::Samples;
use coalmine_integration::stand::{self, Stand};
use coalmine_manifests::envoy as target;
use coalmine_manifests::kubernetes::Provenance;
use coalmine_manifests::monitoring::{alerts, grafana, rules};
use serde_json::Value;

use crate::{CANARY, read};

static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
    envoy_binary::ensure(&envoy_binary::wanted(), &|step| eprintln!("{step}")).unwrap()
});

/// How long anything may take that happens by itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// Alerts whose queries find nothing while all is as it should be: a variant that does not fail,
/// users who are drawn, and as many refused pins as ever.
const MAY_BE_EMPTY: [&str; 3] = [
    "CoalmineVariantFails",
    "CoalmineNobodyDrawn",
    "CoalminePinRefusals",
];

/// Requests of which each hundredth has a pin without a signature, each tenth is slow, and each
/// fiftieth fails; those of the canary fail always if it is broken.
fn load(stand: &Stand, broken: bool) -> Load {
    let pause = Duration::from_millis(5);
    Load::start(stand.ingress, 8, pause, move |number| {
        let stable = match number % 50 {
            0 => Behaviour::Status(503),
            number if number % 10 == 1 => Behaviour::Slow(Duration::from_millis(80)),
            _ => Behaviour::Well,
        };
        let canary = if broken {
            Behaviour::Status(503)
        } else {
            stable
        };
        let request = Request::get("/")
            .header("host", "shop")
            .header("x-user-id", format!("user-{}", number % 997))
            .header(BEHAVE_OF, format!("stable {}", stable.asked()))
            .header(BEHAVE_OF, format!("canary {}", canary.asked()));
        match number % 100 {
            7 => request.header("x-canary", "canary"),
            _ => request,
        }
    })
}

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what} after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Whether there is a series whose value is a number.
fn has_data(found: &Samples) -> bool {
    found.values().any(|value| value.is_finite())
}

/// What the dashboard asks, with its variables filled in as Grafana does.
fn dashboard_queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&grafana().unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let queries = targets.map(|target| {
        let query = target["expr"].as_str().unwrap();
        query
            .replace("$canary", "web/shop")
            .replace("$__rate_interval", "1m")
    });
    queries.collect()
}

#[test]
fn every_query_has_an_answer() {
    let mut canaries = read(CANARY);
    let folder = tempfile::tempdir().unwrap();
    let _upstreams = stand::upstreams(&mut canaries).unwrap();
    let options = stand::options(folder.path());
    let files = target::render(&canaries, &Provenance::default(), &options).unwrap();
    let stand = Stand::start(Launch::new(&*BINARY), &files, options).unwrap();
    let rules_file = alerts(&canaries).unwrap();
    let admin = stand.envoy.admin().address();
    let prometheus = Prometheus::start_with_rules(admin, &rules_file).unwrap();
    let ask = |query: &str| prometheus.query(query).unwrap();

    let well = load(&stand, false);
    wait_for("evidence of both arms", || {
        ask(r#"count by (arm) (coalmine_slow_responses{arm=~"canary|control"})"#).len() == 2
    });
    // The time over which a rate needs more than one value.
    std::thread::sleep(Duration::from_secs(2));
    // While all is well no alert fires or is about to.
    assert_eq!(ask("ALERTS"), Samples::new());
    drop(well.stop());

    let broken = load(&stand, true);
    wait_for("the alert of the guard", || {
        let firing = r#"ALERTS{alertname="CoalmineGuardOpen",alertstate="firing"}"#;
        has_data(&ask(firing))
    });
    std::thread::sleep(Duration::from_secs(2));
    let mut asked = 0;
    for rule in rules(&canaries.canaries[0]) {
        let found = ask(&rule.expr);
        let may_be_empty = rule
            .alert
            .is_some_and(|alert| MAY_BE_EMPTY.contains(&alert));
        assert!(may_be_empty || has_data(&found), "{}: {found:?}", rule.expr);
        if let Some(record) = &rule.record {
            let found = ask(record);
            assert!(has_data(&found), "{record}: {found:?}");
        }
        asked += 1;
    }
    assert_eq!(asked, 8);
    let queries = dashboard_queries();
    assert_eq!(queries.len(), 10);
    for query in queries {
        let found = ask(&query);
        assert!(has_data(&found), "{query}: {found:?}");
    }
    drop(broken.stop());
}
