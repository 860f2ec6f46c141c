//! Our metrics where Istio has them: at the agent's merged endpoint, with labels, in a Prometheus.

use std::collections::BTreeMap;

use anyhow::ensure;
use coalmine::arm::Arm;
use coalmine_cli::explain::explain_request;
use coalmine_cli::request::RequestArgs;
use coalmine_integration::client::Request;
use coalmine_integration::prometheus::Prometheus;
use coalmine_integration::service::eventually;
use coalmine_istio::ports;
use coalmine_istio::proxy::{Launch, Role};
use coalmine_istio::workload::Workload;

use crate::setting::{self, PATIENCE};
use crate::shop::shop;

const NAMESPACE: &str = "metrics";

/// How many users send a request each.
const USERS: u32 = 400;

#[test]
fn prometheus_reads_labels_from_the_agents_merged_endpoint() {
    let mesh = setting::shared();
    mesh.namespace(NAMESPACE).unwrap();
    let port = ports::free().unwrap();
    let workload = Workload::start(NAMESPACE, "shop", port, &["v1", "v2"]).unwrap();
    let kubectl = &mesh.cluster.kubectl;
    kubectl.apply(&workload.objects()).unwrap();
    let proxy = Launch::new(Role::Sidecar, NAMESPACE, "client")
        .start(mesh)
        .unwrap();
    let text = shop(NAMESPACE, "30%", &["evidence: {}", "guard: {}"]);
    kubectl
        .apply(&setting::rendered(
            &text,
            &["--plugin-namespace", NAMESPACE],
        ))
        .unwrap();
    let client = setting::client(port);
    let pinned = Request::get("/")
        .header("host", "shop")
        .header("x-canary", "canary");
    setting::wait_for(&client, &pinned, "shop/v2");

    let canaries = setting::read(&text);
    let (mut variants, mut arms) = (BTreeMap::new(), BTreeMap::new());
    let mut requests = Vec::new();
    for user in 0..USERS {
        let header = ("x-user-id".to_owned(), format!("user-{user}"));
        let asked = RequestArgs {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            headers: vec![header.clone()],
            ..RequestArgs::default()
        };
        let explained = explain_request(&canaries, &asked).unwrap();
        let decision = explained.decision.unwrap();
        assert_eq!(decision.reason, "share");
        *variants.entry(decision.variant).or_default() += 1.0;
        // The rest is not counted unless it is asked for.
        if let Some(counted) = explained.counted.filter(|one| one.arm != Arm::REST) {
            *arms.entry(counted.arm).or_default() += 1.0;
        }
        requests.push(
            Request::get("/")
                .header("host", "shop")
                .header(header.0, header.1),
        );
    }
    let enough = |counts: &BTreeMap<String, f64>| {
        counts.len() == 2 && counts.values().all(|count| *count > f64::from(USERS) / 5.0)
    };
    assert!(enough(&variants) && enough(&arms), "{variants:?} {arms:?}");
    for answer in client.send_all(requests, 8).unwrap() {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    let prometheus = Prometheus::start(proxy.status).unwrap();
    // Every draw into an arm has one response, which went well, and one latency.
    for (metric, with, label, expected) in [
        (
            "coalmine_decisions",
            r#"reason="share""#,
            "variant",
            &variants,
        ),
        ("coalmine_responses", r#"class=~".+""#, "arm", &arms),
        ("coalmine_responses", r#"class="ok""#, "arm", &arms),
        ("coalmine_latency_milliseconds_count", "", "arm", &arms),
    ] {
        let selected = format!(r#"{metric}{{canary="{NAMESPACE}/shop",{with}}}"#);
        let query = format!("sum by ({label}) ({selected})");
        eventually(
            &format!("all of {selected} in Prometheus"),
            PATIENCE,
            || {
                let read = prometheus.query(&query)?;
                let counts: BTreeMap<String, f64> = read
                    .iter()
                    .map(|(series, count)| (series.labels[label].clone(), *count))
                    .collect();
                ensure!(counts == *expected, "{counts:?}, not {expected:?}");
                Ok(())
            },
        )
        .unwrap();
    }
    // What the agent says of itself is on the same page.
    let of_the_agent = r#"count({__name__=~"istio_agent_.+"}) > bool 0"#;
    let found = prometheus.query(of_the_agent).unwrap();
    assert_eq!(found.values().copied().collect::<Vec<f64>>(), [1.0]);
}
