//! What Istio's proxies and Envoy's clusters count anyway.

use crate::{canary, read, vector};
use coalmine_rollout::evidence::Tally;
use coalmine_rollout::plan::Plan;
use coalmine_rollout::reading::{Answer, questions};
use serde_json::{Value, json};

/// Every label of `istio_requests_total` that Istio's documentation lists (istio.io, "Istio Standard
/// Metrics"), and the name.
const DOCUMENTED: [&str; 26] = [
    "reporter",
    "source_workload",
    "source_workload_namespace",
    "source_principal",
    "source_app",
    "source_version",
    "source_cluster",
    "source_canonical_service",
    "source_canonical_revision",
    "destination_workload",
    "destination_workload_namespace",
    "destination_principal",
    "destination_app",
    "destination_version",
    "destination_service",
    "destination_service_name",
    "destination_service_namespace",
    "destination_cluster",
    "destination_canonical_service",
    "destination_canonical_revision",
    "request_protocol",
    "response_code",
    "grpc_response_status",
    "response_flags",
    "connection_security_policy",
    "__name__",
];

fn plan(variants: &str, beside: &str, query: &str) -> Plan {
    Plan::of(&canary(variants, beside, query), None).unwrap()
}

const VERSIONS: &str = "stable: {labels: {version: v1}}, canary: {labels: {version: v2}}";
const ENDPOINTS: &str =
    "stable: {endpoints: ['127.0.0.1:1']}, canary: {endpoints: ['127.0.0.1:2']}";

/// What is asked of each arm, behind the question for scrapes.
fn asked(plan: &Plan) -> Vec<String> {
    questions(plan)[1..].to_vec()
}

/// `last_over_time` of the service's series with these labels.
fn istio(service: &str, more: &[&str]) -> String {
    let common = format!(
        r#"__name__="istio_requests_total",reporter="source",destination_service="{service}""#
    );
    let series = |label: &&str| format!("last_over_time({{{common}{label}}}[15m])");
    more.iter().map(series).collect::<Vec<_>>().join(" or ")
}

#[test]
fn istio_is_asked_by_what_the_file_says() {
    let check = |variants: &str, beside: &str, canary: String, control: String| {
        let plan = plan(variants, beside, "{from: istio}");
        assert_eq!(asked(&plan), [canary, control], "{variants}");
        for question in asked(&plan) {
            let labels = question
                .split(['{', ','])
                .filter_map(|part| part.split_once("=\""));
            let labels: Vec<&str> = labels.map(|(label, _)| label).collect();
            assert!(labels.len() >= 3, "{question}");
            for label in labels {
                assert!(DOCUMENTED.contains(&label), "{label} in {question}");
            }
        }
    };
    let shop = "shop.web.svc.cluster.local";
    let both = |version: &str| {
        let labels = ["destination_version", "destination_canonical_revision"];
        let labels = labels.map(|label| format!(r#",{label}="{version}""#));
        istio(shop, &[&labels[0], &labels[1]])
    };
    check(VERSIONS, "", both("v2"), both("v1"));
    check(
        VERSIONS,
        "service: carts.store.svc:80",
        both("v2").replace(shop, "carts.store.svc.cluster.local"),
        both("v1").replace(shop, "carts.store.svc.cluster.local"),
    );
    let revision = |value: &str| {
        istio(
            shop,
            &[&format!(r#",destination_canonical_revision="{value}""#)],
        )
    };
    check(
        "stable: {labels: {app.kubernetes.io/version: '1'}}, canary: {labels: {service.istio.io/canonical-revision: b}}",
        "",
        revision("b"),
        revision("1"),
    );
    // Services of their own tell them apart by themselves.
    check(
        "stable: {service: shop-v1}, canary: {service: shop-v2}",
        "",
        istio("shop-v2.web.svc.cluster.local", &[""]),
        istio("shop-v1.web.svc.cluster.local", &[""]),
    );
}

#[test]
fn each_reporter_is_asked_for_alone() {
    for reporter in ["source", "destination", "waypoint"] {
        let plan = plan(
            VERSIONS,
            "",
            &format!("{{from: istio, reporter: {reporter}}}"),
        );
        for question in questions(&plan) {
            let reporters = question.matches("reporter=").count();
            let its = question
                .matches(&format!(r#"reporter="{reporter}""#))
                .count();
            assert!(its == reporters && its == 2, "{question}");
        }
    }
}

#[test]
fn envoy_is_asked_by_the_names_of_clusters() {
    let series = |variant: &str| {
        format!(
            r#"last_over_time({{__name__=~"envoy_cluster_upstream_rq_total|envoy_cluster_upstream_rq_xx",envoy_cluster_name="web/shop/{variant}"}}[15m])"#
        )
    };
    let plan = plan(ENDPOINTS, "", "{from: envoy, designEffect: 3}");
    assert_eq!(asked(&plan), [series("canary"), series("stable")]);
    assert_eq!(plan.comparisons[0].name, "envoy");
    assert_eq!(plan.comparisons[0].design_effect, 3);
}

/// Series by `INSTANCE LABEL=VALUE... COUNT`, a line each, of this metric with these labels.
fn series(common: &Value, lines: &str) -> Answer {
    let lines = lines.lines().filter(|line| !line.trim().is_empty());
    let series = lines.map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [instance, labels @ .., count] = words.as_slice() else {
            panic!("{line}");
        };
        let mut metric = common.clone();
        metric["instance"] = (*instance).into();
        for label in labels {
            let (name, value) = label.split_once('=').unwrap();
            metric[name] = value.into();
        }
        (metric, (*count).to_owned())
    });
    vector(series.collect())
}

/// Requests and failed ones, of the variant and of the default.
fn check(plan: &Plan, common: &Value, before: [&str; 2], now: [&str; 2], expected: [u64; 4]) {
    let answers = |[canary, control]: [&str; 2]| {
        [
            vector(Vec::new()),
            series(common, canary),
            series(common, control),
        ]
    };
    let reading = read(plan, &answers(before), &answers(now));
    assert!(reading.silent.is_empty(), "{:?}", reading.silent);
    let [canary, control] = reading.queries[&plan.comparisons[0].name];
    let of = |tally: Tally| [tally.requests, tally.bad];
    assert_eq!(
        [of(canary), of(control)].concat(),
        expected,
        "{before:?} to {now:?}"
    );
}

#[test]
fn istio_counts_what_failed() {
    let plan = plan(VERSIONS, "", "{from: istio}");
    let common = json!({
        "__name__": "istio_requests_total",
        "reporter": "source",
        "destination_service": "shop.web.svc.cluster.local",
        "request_protocol": "http",
        "response_flags": "-",
    });
    let check = |before: [&str; 2], now: [&str; 2], expected: [u64; 4]| {
        check(&plan, &common, before, now, expected);
    };
    let v1 = "a destination_version=v1 response_code=200 10";
    check(
        [
            "a destination_version=v2 response_code=200 1\na destination_version=v2 response_code=503 1",
            v1,
        ],
        [
            "a destination_version=v2 response_code=200 5\na destination_version=v2 response_code=503 3\n\
             a destination_version=v2 response_code=404 2",
            "a destination_version=v1 response_code=200 25",
        ],
        [8, 2, 15, 0],
    );
    // The first that a known proxy sends to the variant, and all that one sends that is new.
    check(
        ["", v1],
        [
            "a destination_version=v2 response_code=500 2\nb destination_version=v2 response_code=500 9",
            v1,
        ],
        [2, 2, 0, 0],
    );
    // What got no answer is of no version, and still of a revision.
    let unknown = "a destination_version=unknown destination_canonical_revision=v2 response_code=503 response_flags=UF";
    check(["", v1], [&format!("{unknown} 4"), v1], [4, 4, 0, 0]);
    // A proxy that was restarted.
    check(
        ["a destination_version=v2 response_code=200 100", v1],
        ["a destination_version=v2 response_code=200 3", v1],
        [3, 0, 0, 0],
    );
    // gRPC fails with a status of HTTP of 200.
    let grpc = |status: &str, count: u64| {
        format!(
            "a destination_version=v2 response_code=200 request_protocol=grpc grpc_response_status={status} {count}"
        )
    };
    for (status, bad) in [("0", 0), ("5", 0), ("13", 5), ("14", 5), ("", 0)] {
        check(
            [&grpc(status, 1), v1],
            [&grpc(status, 6), v1],
            [5, bad, 0, 0],
        );
    }
}

#[test]
fn envoy_counts_what_failed() {
    let plan = plan(ENDPOINTS, "", "{from: envoy}");
    let common = json!({"__name__": "envoy_cluster_upstream_rq_xx"});
    let line = |variant: &str, class: &str, count: u64| {
        format!(
            "a envoy_cluster_name=web/shop/{variant} envoy_response_code_class={class} {count}\n"
        )
    };
    let sent = |variant: &str, count: u64| {
        format!(
            "a __name__=envoy_cluster_upstream_rq_total envoy_cluster_name=web/shop/{variant} {count}\n"
        )
    };
    let canary = line("canary", "2", 9) + &line("canary", "5", 1) + &sent("canary", 10);
    let later = line("canary", "2", 19)
        + &line("canary", "5", 4)
        + &line("canary", "4", 2)
        + &sent("canary", 30);
    let control = line("stable", "2", 7) + &sent("stable", 7);
    // What was sent and is not answered yet is not counted.
    check(
        &plan,
        &common,
        [&canary, &control],
        [&later, &(line("stable", "2", 107) + &sent("stable", 200))],
        [15, 3, 100, 0],
    );
    // The first response of a proxy that has sent none before: it is known all the same.
    check(
        &plan,
        &common,
        [&sent("canary", 0), &sent("stable", 0)],
        [
            &(line("canary", "5", 1) + &sent("canary", 1)),
            &sent("stable", 0),
        ],
        [1, 1, 0, 0],
    );
}

/// What one arm's question could not say is told, and counts nothing.
#[test]
fn a_question_without_an_answer_is_silent() {
    let plan = plan(ENDPOINTS, "", "{from: envoy}");
    let good = || vector(Vec::new());
    let answers = [good(), good(), good()];
    for failing in 1..3 {
        let mut now = answers.clone();
        now[failing] = Err("too many samples".to_owned());
        let reading = read(&plan, &answers, &now);
        assert_eq!(reading.silent["envoy"], "too many samples");
        assert!(reading.queries.is_empty());
    }
}

/// A plan has the checks that findings are called by, and each its part of the promise.
#[test]
fn checks_are_told_and_share_the_promise() {
    let check = |beside: &str, queries: &str, expected: &[&str]| {
        let variants = ENDPOINTS.replace("endpoints", "labels: {version: v1}, endpoints");
        let variants = variants.replacen("v1", "v0", 1);
        let plan = plan(&variants, beside, queries);
        assert_eq!(plan.checks(), expected);
        let tests = expected.iter().filter(|check| **check != "limit").count();
        assert!((plan.settings().alpha * tests as f64 - 0.01).abs() < 1e-12);
    };
    check("", "{from: envoy}", &["envoy"]);
    check(
        "evidence: {}",
        "{from: istio, name: mesh}",
        &["errors", "limit", "mesh"],
    );
    check(
        "evidence: {slowerThan: [250ms]}",
        "{from: istio}, {from: envoy}",
        &["errors", "slower than 250ms", "limit", "istio", "envoy"],
    );
}
