//! Slow responses on the real Envoy, as a real Prometheus has them: exact numbers by slice and bound.

use std::time::Duration;

use coalmine_integration::behaviour::Behaviour;
use coalmine_integration::prometheus::Prometheus;
use coalmine_integration::series::{self, Samples, Series};
use serde_json::json;

use crate::arms::{Drawing, Ledger};
use crate::evidence::{LEAVES_AFTER, SHOP, Way, go, start, unit};
use crate::prometheus::assert_read;

/// As the canary of [`SHOP`] draws.
const DRAWING: Drawing<'_> = Drawing {
    canary: "web/shop",
    share: 300_000,
    rest: false,
};

/// The bounds are seconds apart, so that a busy machine counts the same.
const BOUNDS: &str = "evidence: {slowerThan: [1s, 3s]}";

/// What the route grants to a response, past all bounds.
const TIME_OUT: &str = "6s";

/// Past the first bound, and far from the second.
const LATE: Duration = Duration::from_millis(1500);

/// Past all bounds, and before the time-out.
const LATER: Duration = Duration::from_secs(4);

/// So many users have each way to end.
const USERS: usize = 24;

/// Each way, the class that its response is of, whether it begins, and what it exceeds.
const WAYS: [(Way, &str, bool, &[&str]); 9] = [
    (Way::Waits(Behaviour::Well), "ok", true, &[]),
    (Way::Waits(Behaviour::Status(503)), "5xx", true, &[]),
    (Way::Waits(Behaviour::Reset), "reset", true, &[]),
    (Way::Waits(Behaviour::Slow(LATE)), "ok", true, &["1000"]),
    // Until the time-out of the route.
    (Way::Waits(Behaviour::Hang), "5xx", true, &["1000", "3000"]),
    // Nobody has waited long.
    (
        Way::Leaves(Behaviour::Hang, LEAVES_AFTER),
        "cancelled",
        false,
        &[],
    ),
    (
        Way::Leaves(Behaviour::Hang, LATE),
        "cancelled",
        false,
        &["1000"],
    ),
    (
        Way::Leaves(Behaviour::Hang, LATER),
        "cancelled",
        false,
        &["1000", "3000"],
    ),
    // Its headers came in time.
    (Way::Leaves(Behaviour::Stall, LATE), "cancelled", true, &[]),
];

#[test]
fn what_is_slower_than_a_bound_is_counted_by_slice() {
    let canaries = SHOP.replace("evidence: {}", BOUNDS);
    let setting = start(&canaries, &json!({"timeout": TIME_OUT}), &json!({}));
    let prometheus = Prometheus::start(setting.stand.envoy.admin().address()).unwrap();
    let mut ledger = Ledger::default();
    for (number, (way, class, begun, exceeded)) in WAYS.into_iter().enumerate() {
        let users = (0..USERS).map(|user| unit(number * USERS + user));
        let mut all = Vec::new();
        for user in users {
            ledger.drawn(DRAWING, &user, class, begun);
            ledger.slow(DRAWING, &user, exceeded);
            all.push(vec![("x-user-id", user)]);
        }
        // Who pins is not drawn, and never slow.
        ledger.chosen(DRAWING.canary, "canary", "pin", class);
        all.push(vec![("x-canary", "canary".to_owned())]);
        go(&setting, way, "shop", &all);
    }
    assert_read(&prometheus, &ledger);
    assert_rates(&prometheus, &ledger.0);
    setting.assert_both_workers();
    setting.end_without_problems();
}

/// The query of `docs/evidence.md`, with counts in place of rates.
fn assert_rates(prometheus: &Prometheus, counted: &Samples) {
    let page = include_str!("../../../docs/evidence.md");
    let mut queries = page.split("```promql\n").skip(1);
    let query = queries.find(|query| query.contains("coalmine_slow_responses"));
    let query = query.unwrap().split("```").next().unwrap();
    let query = query.replace("rate(", "(").replace("[5m]", "");
    let found = prometheus.query(&query).unwrap();
    assert_eq!(found.len(), 4, "{found:?}");
    for arm in ["canary", "control"] {
        for bound in ["1000", "3000"] {
            let slow = series::sum(
                counted,
                "coalmine_slow_responses",
                &[("arm", arm), ("bound", bound)],
            );
            let all = series::sum(counted, "coalmine_responses", &[("arm", arm)]);
            let labels = [("arm", arm), ("bound", bound), ("canary", DRAWING.canary)];
            let rate = found[&Series::new("", &labels)];
            assert!(
                (rate - slow / all).abs() < 1e-9,
                "{arm} {bound}: {rate}, {slow} of {all}"
            );
        }
    }
}
