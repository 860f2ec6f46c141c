//! Our metrics where Istio has them: at the agent's merged endpoint, with labels, in a Prometheus.

use std::collections::BTreeMap;

use anyhow::ensure;
use coalmine_cli::request::RequestArgs;
use coalmine_integration::client::Request;
use coalmine_integration::prometheus::Prometheus;
use coalmine_integration::series::sum;
use coalmine_integration::service::eventually;
use coalmine_istio::ports;
use coalmine_istio::proxy::{Launch, Role};
use coalmine_istio::workload::Workload;

use crate::setting::{self, PATIENCE};

const NAMESPACE: &str = "metrics";

const SHOP: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: shop, namespace: metrics}
spec:
  hosts: [shop]
  variants:
    stable: {labels: {version: v1}}
    canary: {labels: {version: v2}}
  default: stable
  pins: {header: x-canary}
  shares: {canary: 30%}
  unit: [{header: x-user-id}]
  evidence: {}
  guard: {}
";

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
    kubectl
        .apply(&setting::rendered(SHOP, &["--plugin-namespace", NAMESPACE]))
        .unwrap();
    let client = setting::client(port);
    let pinned = Request::get("/")
        .header("host", "shop")
        .header("x-canary", "canary");
    setting::wait_for(&client, &pinned, "shop/v2");

    let canaries = setting::read(SHOP);
    let mut expected: BTreeMap<(String, String), u32> = BTreeMap::new();
    let mut requests = Vec::new();
    for user in 0..USERS {
        let header = ("x-user-id".to_owned(), format!("user-{user}"));
        let asked = RequestArgs {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            headers: vec![header.clone()],
            ..RequestArgs::default()
        };
        *expected
            .entry(setting::explained(&canaries, &asked))
            .or_default() += 1;
        requests.push(
            Request::get("/")
                .header("host", "shop")
                .header(header.0, header.1),
        );
    }
    assert!(expected.len() == 2 && expected.values().all(|count| *count > USERS / 5));
    for answer in client.send_all(requests, 8).unwrap() {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    let prometheus = Prometheus::start(proxy.status).unwrap();
    eventually("all decisions in Prometheus", PATIENCE, || {
        let decisions = prometheus.query(r#"coalmine_decisions{reason="share"}"#)?;
        for ((variant, _), count) in &expected {
            let labels = [("canary", "metrics/shop"), ("variant", variant)];
            let counted = sum(&decisions, "coalmine_decisions", &labels);
            ensure!(counted == f64::from(*count), "{variant}: {decisions:?}");
        }
        Ok(())
    })
    .unwrap();
    let drawn = f64::from(USERS);
    for (query, expected) in [
        // Every decision by a draw has a response, which went well, and a latency.
        (
            r#"sum(coalmine_responses{canary="metrics/shop",class="ok"})"#,
            None,
        ),
        (
            r#"sum(coalmine_latency_milliseconds_count{canary="metrics/shop"})"#,
            None,
        ),
        (r#"sum(coalmine_decisions{reason="share"})"#, Some(drawn)),
        // What the agent says of itself is on the same page.
        (r#"count({__name__=~"istio_agent_.+"}) > bool 0"#, Some(1.0)),
    ] {
        let found = prometheus.query(query).unwrap();
        let value = found.values().next().copied().unwrap_or_default();
        match expected {
            Some(expected) => assert_eq!(value, expected, "{query}"),
            None => assert!(value > 0.0 && value <= drawn, "{query}: {value}"),
        }
    }
}
