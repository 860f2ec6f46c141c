//! What a decision takes natively: no host calls, so what is left of a request's cost in the proxy
//! when they are taken off. `cargo bench --bench decide`.
#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::expect_used, reason = "a bench fails by panicking")]

#[path = "../tests/request/mod.rs"]
mod request;

use coalmine::config::read_json;
use coalmine::{Policy, decide};
use criterion::{Criterion, criterion_group, criterion_main};
use request::{Fixed, Sent};
use serde_json::{Value, json};
use std::hint::black_box;

criterion_group!(benches, real_policy, many_values, many_rules, many_canaries);
criterion_main!(benches);

/// What a browser sends, and then what decides.
const USUAL: [(&[u8], &[u8]); 9] = [
    (b":scheme", b"https"),
    (
        b"accept",
        b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    ),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"accept-language", b"en-GB,en;q=0.5"),
    (
        b"user-agent",
        b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    ),
    (
        b"cookie",
        b"theme=dark; lang=en; session=7d1f0c52b8f14f6e9b4d; consent=all",
    ),
    (b"x-forwarded-for", b"203.0.113.7"),
    (b"x-forwarded-proto", b"https"),
    (b"x-request-id", b"5a2f6f60-5b5f-9d3c-8f9e-0d4f7a0c9b11"),
];

fn request(host: &[u8], path: &[u8], more: &[(&[u8], &[u8])]) -> Sent {
    Sent::new(b"GET", Some(host), path, &[&USUAL, more].concat())
}

fn policy(canaries: &[Value]) -> Policy {
    let plugin = json!({
        "apiVersion": "coalmine.dev/v1alpha1", "kind": "Plugin", "canaries": canaries,
    });
    let canaries = read_json(plugin.to_string().as_bytes()).expect("a good config");
    Policy::compile(&canaries)
}

fn canary(name: &str, rules: Value) -> Value {
    json!({
        "apiVersion": "coalmine.dev/v1alpha1",
        "kind": "Canary",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "hosts": [name],
            "variants": {"stable": {}, "canary": {}},
            "default": "stable",
            "pins": {"header": "x-canary", "cookie": "canary"},
            "rules": rules,
            "shares": {"canary": "5%"},
            "unit": [{"header": "x-user-id"}, {"cookie": "session"}],
        },
    })
}

fn real_rules() -> Value {
    json!([
        {"name": "no-crawlers", "route": "stable",
         "when": {"header": {"name": "user-agent", "contains": "bot"}}},
        {"name": "staff", "route": "canary",
         "when": {"header": {"name": "x-user-group", "in": ["staff", "beta"]}}},
        {"name": "beta-pages", "route": "canary", "when": {"path": {"prefix": "/beta/"}}},
    ])
}

/// Times one decision; it must have the reason, or something else would be timed.
fn time(criterion: &mut Criterion, name: &str, policy: &Policy, request: &Sent, reason: &str) {
    let moment = Fixed::default();
    let decided =
        decide(policy, request, &moment).map(|decision| decision.reason_name().to_string());
    assert_eq!(decided.unwrap_or_default(), reason, "{name}");
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| decide(black_box(policy), black_box(request), &moment));
    });
}

fn real_policy(criterion: &mut Criterion) {
    let policy = policy(&[canary("reviews", real_rules())]);
    let user: (&[u8], &[u8]) = (b"x-user-id", b"user-4711");
    for (name, request, reason) in [
        ("real/out of scope", request(b"ratings", b"/", &[]), ""),
        (
            "real/pin",
            request(b"reviews", b"/", &[user, (b"x-canary", b"canary")]),
            "pin",
        ),
        (
            "real/rule",
            request(b"reviews", b"/beta/1", &[user]),
            "rule:beta-pages",
        ),
        (
            "real/share by header",
            request(b"reviews", b"/reviews/1?page=2", &[user]),
            "share",
        ),
        (
            "real/share by cookie",
            request(b"reviews", b"/reviews/1?page=2", &[]),
            "share",
        ),
    ] {
        time(criterion, name, &policy, &request, reason);
    }
}

fn many_values(criterion: &mut Criterion) {
    for count in [1, 100, 1_000, 10_000] {
        let users: Vec<String> = (0..count)
            .map(|number| format!("tester-{number}"))
            .collect();
        let rules = json!([{"name": "testers", "route": "canary",
            "when": {"header": {"name": "x-user-id", "in": users}}}]);
        let policy = policy(&[canary("reviews", rules)]);
        let tester = format!("tester-{}", count / 2);
        let request = request(b"reviews", b"/", &[(b"x-user-id", tester.as_bytes())]);
        let name = format!("values in one rule/{count}");
        time(criterion, &name, &policy, &request, "rule:testers");
    }
}

fn many_rules(criterion: &mut Criterion) {
    for count in [1, 200] {
        let exact: Vec<Value> = (0..count)
            .map(|number| {
                let user = format!("tester-{number}");
                json!({"name": user, "route": "canary",
                    "when": {"header": {"name": "x-user-id", "exact": user}}})
            })
            .collect();
        let paths: Vec<Value> = (0..count)
            .map(|number| {
                json!({"name": format!("team-{number}"), "route": "canary",
                    "when": {"path": {"prefix": format!("/team-{number:03}/")}}})
            })
            .collect();
        let agents: Vec<Value> = (0..count)
            .map(|number| {
                json!({"name": format!("probe-{number}"), "route": "canary",
                    "when": {"header": {"name": "user-agent", "contains": format!("Probe-{number:03}")}}})
            })
            .collect();
        let nobody = request(b"reviews", b"/reviews/1", &[(b"x-user-id", b"user-4711")]);
        for (kind, rules) in [("exact", exact), ("path", paths), ("user agent", agents)] {
            let policy = policy(&[canary("reviews", Value::Array(rules))]);
            time(
                criterion,
                &format!("{kind} rules/{count}"),
                &policy,
                &nobody,
                "share",
            );
        }
    }
}

fn many_canaries(criterion: &mut Criterion) {
    for count in [1, 500] {
        let canaries: Vec<Value> = (0..count)
            .map(|number| canary(&format!("service-{number}"), real_rules()))
            .collect();
        let policy = policy(&canaries);
        let host = format!("service-{}", count / 2);
        let request = request(host.as_bytes(), b"/", &[(b"x-user-id", b"user-4711")]);
        time(
            criterion,
            &format!("canaries/{count}"),
            &policy,
            &request,
            "share",
        );
    }
}
