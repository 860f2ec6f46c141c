//! What Prometheus is asked, what its answers come to, and by whose clock.

mod anyway;
mod clocks;
mod counts;
mod scrapes;

use coalmine::Timestamp;
use coalmine::config::Canary;
use coalmine::yaml::{self, Source};
use coalmine_rollout::machine::Reading;
use coalmine_rollout::plan::Plan;
use coalmine_rollout::reading::{Answer, Clocks, between, parse};
use serde_json::{Value, json};

/// A canary of web/shop with this beside its rollout, whose analysis has these queries.
fn canary(variants: &str, beside: &str, queries: &str) -> Canary {
    let text = format!(
        "apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {{name: 'shop', namespace: web}}
spec:
  hosts: [shop]
  variants: {{{variants}}}
  default: stable
  unit: [{{header: x-user-id}}]
  {beside}
  rollout: {{steps: [{{share: 1%, for: 1m}}], analysis: {{queries: [{queries}]}}}}
"
    );
    let source = Source {
        name: "canary.yaml".to_owned(),
        text,
    };
    let (canaries, found) = yaml::read(std::slice::from_ref(&source));
    assert!(found.is_empty(), "{found:?}");
    canaries.canaries[0].clone()
}

fn plan(beside: &str, queries: &str) -> Plan {
    Plan::of(&canary("stable: {}, canary: {}", beside, queries), None).unwrap()
}

/// What was counted in a millisecond, by one clock.
fn read(plan: &Plan, before: &[Answer], now: &[Answer]) -> Reading {
    let moment = Timestamp::from_unix_millis;
    let clocks = Clocks {
        ours: moment(2),
        theirs: moment(2),
    };
    between(plan, (moment(0), moment(1)), clocks, before, now)
}

/// An answer with these series, each with its labels and value.
fn vector(series: Vec<(Value, String)>) -> Answer {
    let result = series.into_iter();
    let result = result.map(|(metric, value)| json!({"metric": metric, "value": [0.0, value]}));
    let page = json!({
        "status": "success",
        "data": {"resultType": "vector", "result": result.collect::<Vec<_>>()},
    });
    parse(page.to_string().as_bytes())
}
