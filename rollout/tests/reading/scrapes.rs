//! What is known of when proxies were read.

use crate::{canary, plan, read, vector};
use coalmine_rollout::plan::Plan;
use coalmine_rollout::reading::{Answer, questions};
use serde_json::Value;

/// Series by their labels, like `pod=a job=b`, and when they were read.
fn stamps(series: &[(&str, f64)]) -> Answer {
    let labels = |text: &str| {
        let labels = text.split(' ').map(|label| label.split_once('=').unwrap());
        labels
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .collect::<Value>()
    };
    let series = series.iter();
    vector(
        series
            .map(|(text, at)| (labels(text), at.to_string()))
            .collect(),
    )
}

fn none() -> Answer {
    vector(Vec::new())
}

/// A sum of times that grows when a scrape comes late, and the last of them.
#[test]
fn scrapes_of_a_moment_are_one_number() {
    let before = stamps(&[("instance=a", 10.0), ("instance=b", 12.25)]);
    let now = stamps(&[("instance=a", 25.0), ("instance=b", 27.25)]);
    let reading = read(&plan("evidence: {}", ""), &[before, none()], &[now, none()]);
    assert_eq!(reading.scrapes_before, Some(22_250));
    assert_eq!(reading.scrapes, Some(52_250));
    assert_eq!(reading.sampled.unwrap().unix_millis(), 27_250);
    assert_eq!(reading.twice, None);
}

#[test]
fn a_proxy_that_is_read_twice_is_noticed() {
    let check = |series: &[&str], expected: Option<&str>| {
        let series: Vec<_> = series.iter().map(|labels| (*labels, 1.0)).collect();
        let now = stamps(&series);
        let reading = read(&plan("evidence: {}", ""), &[none(), none()], &[now, none()]);
        assert_eq!(reading.twice.as_deref(), expected, "{series:?}");
    };
    check(&["instance=a:1 job=x", "instance=b:1 job=x"], None);
    check(
        &[
            "instance=a:1 job=x reason=pin",
            "instance=a:1 job=x reason=share",
        ],
        None,
    );
    check(&["instance=a:1 job=x", "instance=a:1 job=y"], Some("a:1"));
    check(
        &["instance=a:1 replica=0", "instance=a:1 replica=1"],
        Some("a:1"),
    );
    // Two ports of a pod, and two pods.
    check(
        &[
            "instance=a:15020 pod=p namespace=n job=x",
            "instance=a:15090 pod=p namespace=n job=y",
        ],
        Some("p"),
    );
    check(
        &[
            "instance=a:1 pod=p namespace=n",
            "instance=b:1 pod=p namespace=m",
        ],
        None,
    );
    // Two Envoys of one machine, and two that a collector tells apart.
    check(&["instance=a:9901 job=x", "instance=a:9902 job=x"], None);
    check(
        &[
            "instance=collector service_instance_id=1",
            "instance=collector service_instance_id=2",
        ],
        None,
    );
}

/// Where the filter counts nothing, the series of the default are asked for.
#[test]
fn what_is_asked_for() {
    let variants = "stable: {labels: {version: v1}, endpoints: ['127.0.0.1:1']}, \
                    canary: {labels: {version: v2}, endpoints: ['127.0.0.1:2']}";
    let check = |beside: &str, queries: &str, expected: &str| {
        let plan = Plan::of(&canary(variants, beside, queries), None).unwrap();
        assert_eq!(questions(&plan)[0], expected);
    };
    let decisions = r#"timestamp(coalmine_decisions{canary="web/shop"})"#;
    check("evidence: {}", "", decisions);
    check("evidence: {}", "{from: envoy}", decisions);
    check(
        "",
        "{from: envoy}",
        r#"timestamp({__name__="envoy_cluster_upstream_rq_total",envoy_cluster_name="web/shop/stable"})"#,
    );
    let service = r#"__name__="istio_requests_total",reporter="source",destination_service="shop.web.svc.cluster.local""#;
    check(
        "",
        "{from: istio}",
        &format!(
            r#"timestamp({{{service},destination_version="v1"}}) or timestamp({{{service},destination_canonical_revision="v1"}})"#
        ),
    );
    // Of what people ask nobody can say when it was read.
    check(
        "",
        "{name: carts, canary: {bad: a, total: b}, control: {bad: c, total: d}}",
        "a",
    );
}
