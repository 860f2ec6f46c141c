//! What simulations say is what was decided.

use coalmine::bucket::Share;
use coalmine::config::{Canaries, Canary, Outcome, read_json};
use coalmine::{Policy, Timestamp};
use coalmine_analysis::log::{Asked, Reader};
use coalmine_analysis::plot;
use coalmine_analysis::simulate::{Run, Simulation, Times, Watched, curve, simulate};
use serde_json::{Value, json};

fn read(spec: Value) -> Canaries {
    let mut spec = spec;
    let defaults = json!({
        "hosts": ["shop"],
        "variants": {"stable": {}, "canary": {}},
        "default": "stable",
        "unit": [{"header": "x-user-id"}],
    });
    for (name, value) in defaults.as_object().unwrap() {
        let spec = spec.as_object_mut().unwrap();
        spec.entry(name.clone()).or_insert(value.clone());
    }
    let canary = json!({
        "apiVersion": "coalmine.dev/v1alpha1", "kind": "Canary",
        "metadata": {"name": "shop"}, "spec": spec,
    });
    read_json(canary.to_string().as_bytes()).expect("a good config")
}

fn headers(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let all = [(":authority", "shop"), (":path", "/"), (":method", "GET")];
    let all = all.iter().chain(more);
    all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn run(policy: &Policy, canary: &Canary, more: &[(&str, &str)]) -> Simulation {
    let headers = headers(more);
    let run = Run {
        headers: &headers,
        address: None,
        units: 20_000,
        seed: 1,
        now: Timestamp::from_unix_millis(0),
    };
    simulate(policy, canary, &run, |_| {})
}

fn run_of(spec: Value, more: &[(&str, &str)]) -> Simulation {
    let canaries = read(spec);
    run(&Policy::compile(&canaries), &canaries.canaries[0], more)
}

/// Each reason, with units wherever they may stand.
#[test]
fn what_comes_out_by_reason() {
    let check = |spec: Value, more: &[(&str, &str)], reason: &str, share: f64| {
        let simulation = run_of(spec, more);
        assert_eq!(simulation.requests, 20_000);
        assert!(simulation.as_asked, "{simulation:?}");
        let canary = |outcome: &&coalmine_analysis::simulate::Outcome| outcome.variant == "canary";
        let outcomes = &simulation.outcomes;
        assert!(
            outcomes.iter().all(|outcome| outcome.reason == reason),
            "{outcomes:?}"
        );
        let seen: f64 = outcomes
            .iter()
            .filter(canary)
            .map(|outcome| outcome.share)
            .sum();
        assert!(
            (seen - share).abs() < 0.02,
            "{seen} for {share}: {outcomes:?}"
        );
    };
    let shares = || json!({"canary": "20%"});
    check(json!({"shares": shares()}), &[], "share", 0.2);
    check(
        json!({"shares": shares(), "unit": [{"cookie": "s"}]}),
        &[],
        "share",
        0.2,
    );
    check(
        json!({"shares": shares(), "unit": [{"query": "s"}]}),
        &[],
        "share",
        0.2,
    );
    for (when, reason, share) in [
        ("source-address", "share", 0.2),
        ("issue-cookie", "share", 0.2),
        ("random", "random", 0.2),
        ("default", "no-unit", 0.0),
    ] {
        let spec = json!({"shares": shares(), "unit": [], "whenNoUnit": when});
        check(spec, &[], reason, share);
    }
    check(json!({}), &[], "default", 0.0);
    check(
        json!({"pins": {"header": "x-canary"}, "shares": shares()}),
        &[("x-canary", "canary")],
        "pin",
        1.0,
    );
    let rules = json!([{"name": "beta", "shares": {"canary": "60%"},
        "when": {"header": {"name": "g", "exact": "beta"}}}]);
    check(
        json!({"rules": rules, "shares": shares()}),
        &[("g", "beta")],
        "rule:beta",
        0.6,
    );
}

/// The verdict can be no: what is asked is read from the config, what is seen from the policy.
#[test]
fn a_share_that_is_off_is_called_off() {
    let rules = json!([{"name": "beta", "shares": {"canary": "50%"},
        "when": {"path": {"prefix": "/"}}}]);
    let canaries = read(json!({"rules": rules}));
    let policy = Policy::compile(&canaries);
    let check = |asked: u32, expected: bool| {
        let mut canary = canaries.canaries[0].clone();
        let share = Share::from_millionths(asked).unwrap();
        canary.spec.rules[0].outcome = Outcome::Shares(vec![("canary".to_owned(), share)]);
        assert_eq!(run(&policy, &canary, &[]).as_asked, expected, "{asked}");
    };
    check(500_000, true);
    check(480_000, false);
    check(520_000, false);
}

/// Reads a log whose lines say no host.
fn reader(canaries: &Canaries) -> Reader {
    let asked = Asked {
        host: Some("shop".to_owned()),
        ..Asked::default()
    };
    Reader::new(&[], canaries, "x-coalmine-variant", asked)
}

/// Requests of one user are no independent trials: the interval over requests is wider than that
/// over as many users.
#[test]
fn users_with_many_requests() {
    let canaries = read(json!({"shares": {"canary": "50%"}}));
    let policy = Policy::compile(&canaries);
    let mut reader = reader(&canaries);
    let mut watched = Watched::new(&policy, &canaries, 1);
    for number in 0..3_000u32 {
        let user = format!("user-{}", number % 30);
        let request = reader.columns([("x-user-id", user.as_str())]).unwrap();
        watched.decide(&request, Timestamp::from_unix_millis(0));
    }
    let report = watched.report().remove(0);
    assert!(report.as_asked);
    let drawn = &report.draws[0].variants[0];
    let units = drawn.units.expect("units and requests differ");
    assert_eq!((units.of, drawn.requests.of), (30, 3_000));
    // All users have as many requests, so both know as much.
    let width = |interval: coalmine_analysis::interval::Interval| interval.high - interval.low;
    assert!((width(units.interval) - width(drawn.requests.interval)).abs() < 1e-9);
    assert!(width(units.interval) > 0.3);
}

/// Over a ramp a request is asked for at its own time, and a unit at that of its last request.
#[test]
fn a_log_over_a_ramp() {
    let canaries = read(json!({"ramp": [
        {"at": "1970-01-01T00:00:00Z", "canary": "0%"},
        {"at": "1970-01-01T00:16:40Z", "canary": "100%", "shape": "linear"},
    ]}));
    let policy = Policy::compile(&canaries);
    let mut reader = reader(&canaries);
    let mut watched = Watched::new(&policy, &canaries, 1);
    for second in 0..=1_000u32 {
        for request in 0..5 {
            let user = format!("user-{}", (second * 5 + request) % 200);
            let second = second.to_string();
            let columns = [("x_user_id", user.as_str()), ("time", &second)];
            let request = reader.columns(columns).unwrap();
            let at = request.at.unwrap();
            watched.decide(&request, at);
        }
    }
    let report = watched.report().remove(0);
    assert!(report.as_asked, "{report:?}");
    let share = report
        .draws
        .iter()
        .find(|draw| draw.reason == "share")
        .unwrap();
    let canary = &share.variants[0];
    assert!((canary.asked - 0.5).abs() < 0.01, "{canary:?}");
    // Everyone was seen near the end of the ramp.
    let units = canary.units.unwrap();
    assert!(units.share > 0.9 && units.of == 200, "{units:?}");
}

#[test]
fn a_curve_follows_its_ramp_in_both_plots() {
    let canaries = read(json!({
        "variants": {"stable": {}, "blue": {"max": "40%"}, "green": {"max": "30%"}, "red": {"max": "30%"}},
        "shares": {"blue": "1%"},
        "ramp": [
            {"at": "2026-11-24T09:00:00Z", "green": "5%"},
            {"at": "2026-11-24T12:00:00Z", "blue": "40%", "shape": "linear"},
        ],
    }));
    let policy = Policy::compile(&canaries);
    let headers = headers(&[]);
    let run = Run {
        headers: &headers,
        address: None,
        units: 5_000,
        seed: 1,
        now: Timestamp::from_unix_millis(0),
    };
    let time = |text: &str| Timestamp::parse(text).unwrap();
    let times = Times {
        from: time("2026-11-24T08:00:00Z"),
        to: time("2026-11-24T13:00:00Z"),
        points: 21,
    };
    let curve = curve(&policy, &canaries.canaries[0], &run, times, |_| {});
    for (number, point) in curve.points.iter().enumerate() {
        for (seen, asked) in point.seen.iter().zip(&point.asked) {
            assert!((seen - asked).abs() < 0.04, "{number}: {point:?}");
        }
    }
    let blue: Vec<f64> = curve.points.iter().map(|point| point.seen[0]).collect();
    assert!(blue.is_sorted(), "the same units at each time: {blue:?}");
    assert!(blue[0] < 0.02 && blue[20] > 0.35, "{blue:?}");

    let text = plot::terminal(&curve, 80);
    for needed in [
        "# blue",
        "= green",
        "+ red",
        "the rest is stable",
        "50%",
        "11-24 08:00",
    ] {
        assert!(text.contains(needed), "{needed}:\n{text}");
    }
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    let svg = plot::svg(&plot::Lines::from(&curve));
    let lines = svg::read(&svg)
        .unwrap()
        .filter(|event| matches!(event, svg::parser::Event::Tag("polyline", _, _)));
    assert_eq!(lines.count(), 3);
    for needed in [
        "<title>",
        "time (UTC)",
        "share of requests",
        "prefers-color-scheme",
        "rest: stable",
    ] {
        assert!(svg.contains(needed), "{needed}:\n{svg}");
    }
}

#[test]
fn any_share_is_compatible_with_what_was_asked() {
    for (seed, share) in [0, 1, 100, 10_000, 333_333, 500_000, 999_999, 1_000_000]
        .into_iter()
        .enumerate()
    {
        let share = Share::from_millionths(share).unwrap().to_string();
        let canaries = read(json!({"shares": {"canary": share}}));
        let policy = Policy::compile(&canaries);
        let headers = headers(&[]);
        let run = Run {
            headers: &headers,
            address: None,
            units: 5_000,
            seed: seed as u64,
            now: Timestamp::from_unix_millis(0),
        };
        let simulation = simulate(&policy, &canaries.canaries[0], &run, |_| {});
        assert!(simulation.as_asked, "{share}: {simulation:?}");
    }
}
