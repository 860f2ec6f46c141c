//! What our filter is configured with in each scenario.

use serde_json::{Value, json};

use super::{request, tokens};

/// No canary at all.
pub(super) fn empty() -> String {
    plugin(&[])
}

/// A canary with the real policy, for hosts that are asked for or not.
pub(super) fn real(host: &str) -> String {
    plugin(&[real_canary("reviews", host)])
}

/// The real policy, with responses counted by arm, of which none is slow.
pub(super) fn real_with_evidence() -> String {
    plugin(&[with("evidence", json!({"slowerThan": ["5m"]}))])
}

/// The real policy, and its decision goes on.
pub(super) fn propagating() -> String {
    plugin(&[with("propagate", json!({"baggage": true}))])
}

/// The real policy, where the decision of an earlier hop holds.
pub(super) fn inheriting() -> String {
    let canaries = json!({"bench/front": {"v1": "stable", "v2": "canary"}});
    plugin(&[with(
        "inherit",
        json!({"from": "mesh", "canaries": canaries}),
    )])
}

/// The real policy in a proxy that stands at the edge.
pub(super) fn at_the_edge() -> String {
    let mut plugin = plugin_value(&[real_canary("reviews", request::HOST)]);
    plugin["edge"] = json!(true);
    plugin.to_string()
}

/// The canary with the real policy and one more field.
fn with(field: &str, value: Value) -> Value {
    let mut canary = real_canary("reviews", request::HOST);
    canary["spec"][field] = value;
    canary
}

/// The real policy, guarded.
pub(super) fn guarded(shared: bool) -> String {
    let mut canary = real_canary("reviews", request::HOST);
    canary["spec"]["guard"] = json!({"maxLatency": "1s", "shared": shared});
    plugin(&[canary])
}

/// So many canaries with the real policy, the one that is asked for in their middle.
pub(super) fn many_canaries(count: usize) -> String {
    let canaries: Vec<Value> = (0..count)
        .map(|number| {
            if number == count / 2 {
                real_canary("reviews", request::HOST)
            } else {
                let name = format!("service-{number:03}");
                real_canary(&name, &format!("{name}.example.com"))
            }
        })
        .collect();
    plugin(&canaries)
}

/// So many users pinned to the canary by one rule, `in: [...]`.
pub(super) fn pins_in_one_rule(count: usize) -> String {
    let users: Vec<String> = (0..count).map(request::pinned_user).collect();
    let when = json!({"header": {"name": request::USER, "in": users}});
    plugin(&[canary_of_rules(vec![
        json!({"name": "testers", "when": when, "route": "canary"}),
    ])])
}

/// So many users pinned to the canary, each by a rule of its own.
pub(super) fn pins_in_rules(count: usize) -> String {
    let rules = (0..count).map(|number| {
        let user = request::pinned_user(number);
        json!({
            "name": format!("tester-{number}"),
            "when": {"header": {"name": request::USER, "exact": user}},
            "route": "canary",
        })
    });
    plugin(&[canary_of_rules(rules.collect())])
}

/// So many rules of four kinds, taking turns; only the users in them can be looked up.
pub(super) fn mixed_rules(count: usize) -> String {
    let rules = (0..count).map(|number| {
        let when = match number % 4 {
            0 => json!({"header": {"name": request::USER, "exact": request::pinned_user(number)}}),
            1 => json!({"path": {"prefix": format!("/team-{number:03}/")}}),
            2 => {
                json!({"header": {"name": "user-agent", "contains": format!("Probe-{number:03}")}})
            }
            _ => json!({"all": [
                {"method": {"exact": "POST"}},
                {"cookie": {"name": "plan", "exact": format!("plan-{number:03}")}},
            ]}),
        };
        json!({"name": format!("rule-{number}"), "when": when, "route": "canary"})
    });
    plugin(&[canary_of_rules(rules.collect())])
}

/// The real policy where pins need a signature.
pub(super) fn signed(verifications_per_second: u32) -> String {
    let mut canary = real_canary("reviews", request::HOST);
    canary["spec"]["pins"]["signed"] = json!({
        "keys": {tokens::KID: tokens::public_key()},
        "required": true,
        "verificationsPerSecond": verifications_per_second,
    });
    plugin(&[canary])
}

fn real_canary(name: &str, host: &str) -> Value {
    canary(
        name,
        json!({
            "hosts": [host],
            "variants": {"stable": {}, "canary": {}},
            "default": "stable",
            "pins": {"header": request::PIN, "cookie": "canary"},
            "rules": [
                {
                    "name": "no-crawlers",
                    "when": {"header": {"name": "user-agent", "contains": "bot"}},
                    "route": "stable",
                },
                {
                    "name": "staff",
                    "when": {"header": {"name": "x-user-group", "in": ["staff", "beta"]}},
                    "route": "canary",
                },
                {
                    "name": "beta-path",
                    "when": {"path": {"prefix": "/beta/"}},
                    "route": "canary",
                },
            ],
            "shares": {"canary": "5%"},
            "unit": [{"header": request::USER}, {"cookie": "session"}],
        }),
    )
}

fn canary_of_rules(rules: Vec<Value>) -> Value {
    canary(
        "reviews",
        json!({
            "hosts": [request::HOST],
            "variants": {"stable": {}, "canary": {}},
            "default": "stable",
            "rules": rules,
        }),
    )
}

fn canary(name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "coalmine.dev/v1alpha1",
        "kind": "Canary",
        "metadata": {"name": name, "namespace": "bench"},
        "spec": spec,
    })
}

fn plugin(canaries: &[Value]) -> String {
    plugin_value(canaries).to_string()
}

fn plugin_value(canaries: &[Value]) -> Value {
    json!({
        "apiVersion": "coalmine.dev/v1alpha1",
        "kind": "Plugin",
        "canaries": canaries,
    })
}
