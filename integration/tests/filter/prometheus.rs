//! Evidence as a real Prometheus has it: exact numbers, real labels, bounded series.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use coalmine::metrics::{Kind, Metric};
use coalmine_integration::behaviour::{BEHAVE, Behaviour};
use coalmine_integration::client::Request;
use coalmine_integration::load::{Load, Outcome};
use coalmine_integration::prometheus::Prometheus;
use coalmine_integration::series::{Samples, Series};

use crate::arms::{Drawing, Ledger};
use crate::evidence::{LEAVES_AFTER, SHOP, Way, go, unit};
use crate::hostile::number;
use crate::random::Random;
use crate::setting::{PATIENCE, Setting, user};

/// How many responses are counted if nobody says.
const RESPONSES: u64 = 10_000;

/// The canary of [`SHOP`] with the rest counted too.
const DRAWING: Drawing<'_> = Drawing {
    canary: "web/shop",
    share: 300_000,
    rest: true,
};

fn with_rest() -> Setting {
    Setting::of(&SHOP.replace("evidence: {}", "evidence: {rest: true}"))
}

/// What is counted of responses, but for the time they took.
const COUNTED: &str =
    r#"{__name__=~"coalmine_((chosen_|grpc_|slow_)?responses|latency_milliseconds_count)"}"#;

/// Waits until Prometheus has read that everything is counted so.
pub(crate) fn assert_read(prometheus: &Prometheus, expected: &Ledger) {
    let read = || prometheus.query(COUNTED).unwrap();
    let begun = Instant::now();
    while read() != expected.0 && begun.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(100));
    }
    crate::evidence::assert_same(&read(), &expected.0);
}

/// What a request does to the ledger and to its client.
#[derive(Clone, Debug)]
struct Known {
    user: String,
    /// A header that chooses, and the choice.
    chosen: Option<((&'static str, &'static str), &'static str)>,
    behaviour: Behaviour,
}

impl Known {
    /// Request number so and so of a seed: 5,000 users, of whom some choose or are chosen, and a
    /// version that fails in many ways.
    fn of(seed: u64, number: u64) -> Self {
        let mut random = Random::new(seed.wrapping_add(number));
        let behaviour = match random.below(200) {
            0..8 => Behaviour::Status(404),
            8..16 => Behaviour::Status(503),
            16..20 => Behaviour::Status(302),
            20..24 => Behaviour::Reset,
            24 => Behaviour::Break,
            _ => Behaviour::Well,
        };
        let chosen = match random.below(20) {
            0 => Some((("x-canary", "canary"), "pin")),
            1 => Some((("x-group", "staff"), "rule")),
            _ => None,
        };
        Self {
            user: unit(random.below(5_000)),
            chosen,
            behaviour,
        }
    }

    fn request(&self) -> Request {
        let request = Request::get("/")
            .header("host", "shop")
            .header("x-user-id", self.user.as_str())
            .header(BEHAVE, self.behaviour.asked());
        match self.chosen {
            Some(((name, value), _)) => request.header(name, value),
            None => request,
        }
    }

    fn class(&self) -> &'static str {
        match self.behaviour {
            Behaviour::Status(404) => "4xx",
            Behaviour::Status(503) => "5xx",
            Behaviour::Reset | Behaviour::Break => "reset",
            _ => "ok",
        }
    }

    fn expected(&self, outcome: &Outcome) -> bool {
        match (self.behaviour, outcome) {
            (Behaviour::Status(status), Outcome::Status(found)) => status == *found,
            // An Envoy that is late finds an answer broken before it has seen its beginning.
            (Behaviour::Reset | Behaviour::Break, Outcome::Status(503)) => true,
            (Behaviour::Break, Outcome::Broken(_)) => true,
            (Behaviour::Well, Outcome::Served(by)) => {
                let (_, served, _) = DRAWING.place(&self.user);
                let served = self.chosen.map_or(served, |_| "canary");
                by.ends_with(served)
            }
            _ => false,
        }
    }
}

/// Each response of a long run with failures of all kinds is in exactly the series that the
/// published formula says.
#[test]
fn every_response_is_counted_exactly() {
    let responses = number("COALMINE_RESPONSES").unwrap_or(RESPONSES);
    let seed = number("COALMINE_SEED").unwrap_or(7);
    let setting = with_rest();
    let prometheus = Prometheus::start(setting.stand.envoy.admin().address()).unwrap();
    let begun = Instant::now();
    let load = Load::start(setting.stand.ingress, 8, Duration::ZERO, move |number| {
        Known::of(seed, number).request()
    });
    load.wait_for(responses, Duration::from_secs(600)).unwrap();
    let report = load.stop();
    eprintln!(
        "{} responses in {:?}",
        report.samples.len(),
        begun.elapsed()
    );
    let mut ledger = Ledger::default();
    for sample in &report.samples {
        let known = Known::of(seed, sample.number);
        assert!(known.expected(&sample.outcome), "{known:?} {sample:?}");
        match known.chosen {
            Some((_, choice)) => ledger.chosen("web/shop", "canary", choice, known.class()),
            None => ledger.drawn(DRAWING, &known.user, known.class(), true),
        }
    }
    assert_read(&prometheus, &ledger);
    let all = report.samples.len() as f64;
    for sum in [
        "sum(coalmine_decisions)",
        "sum(coalmine_responses) + sum(coalmine_chosen_responses)",
    ] {
        let found: Vec<f64> = prometheus.query(sum).unwrap().into_values().collect();
        assert_eq!(found, [all], "{sum}");
    }
    setting.assert_both_workers();
    setting.end_without_problems();
}

/// A slow variant shows in the quantiles of its arm and of no other.
#[test]
fn latency_is_a_histogram() {
    let setting = Setting::of(SHOP);
    let prometheus = Prometheus::start(setting.stand.envoy.admin().address()).unwrap();
    let mut ledger = Ledger::default();
    let drawing = Drawing {
        rest: false,
        ..DRAWING
    };
    let slow = Behaviour::Slow(Duration::from_millis(300));
    let mut requests = Vec::new();
    for number in 0..200 {
        let (arm, ..) = drawing.place(&unit(number));
        ledger.drawn(drawing, &unit(number), "ok", true);
        requests.push(match arm {
            "canary" => user(number).header(BEHAVE, slow.asked()),
            _ => user(number),
        });
    }
    setting.client().send_all(requests, 8).unwrap();
    assert_read(&prometheus, &ledger);
    let median = "histogram_quantile(0.5, sum by (arm, le) (coalmine_latency_milliseconds_bucket))";
    let found = prometheus.query(median).unwrap();
    let of = |arm: &str| found[&Series::new("", &[("arm", arm)])];
    // The bucket that 300 ms are in.
    assert!((250.0..=500.0).contains(&of("canary")), "{found:?}");
    assert!(of("control") < 250.0, "{found:?}");
    assert_eq!(found.len(), 2, "{found:?}");
    setting.end_without_problems();
}

/// The units of an arm, one for each slice.
fn one_for_each_slice(arm: &str) -> Vec<String> {
    let mut found = BTreeMap::new();
    for number in 0.. {
        let (of, _, slice) = DRAWING.place(&unit(number));
        if of == arm {
            found.entry(slice).or_insert_with(|| unit(number));
        }
        if found.len() == 16 {
            break;
        }
    }
    found.into_values().collect()
}

/// Slower than all bounds of [`there_are_as_many_series_as_is_stated`].
const SLOW: Behaviour = Behaviour::Slow(Duration::from_millis(3500));

/// Everything that can be counted is: these are the series that are there then, and no more.
#[test]
fn there_are_as_many_series_as_is_stated() {
    let evidence = "evidence: {rest: true, slowerThan: [2s, 3s]}";
    let setting = Setting::of(&SHOP.replace("evidence: {}", evidence));
    let prometheus = Prometheus::start(setting.stand.envoy.admin().address()).unwrap();
    let units: Vec<String> = ["canary", "control", "rest"]
        .into_iter()
        .flat_map(one_for_each_slice)
        .collect();
    let mut ledger = Ledger::default();
    for (way, class, begun) in [
        (Way::Waits(Behaviour::Well), "ok", true),
        (Way::Waits(Behaviour::Status(404)), "4xx", true),
        (Way::Waits(Behaviour::Status(503)), "5xx", true),
        (Way::Waits(Behaviour::Reset), "reset", true),
        (
            Way::Leaves(Behaviour::Hang, LEAVES_AFTER),
            "cancelled",
            false,
        ),
        (Way::Waits(SLOW), "ok", true),
    ] {
        let mut all = Vec::new();
        for unit in &units {
            ledger.drawn(DRAWING, unit, class, begun);
            if matches!(way, Way::Waits(SLOW)) {
                ledger.slow(DRAWING, unit, &["2000", "3000"]);
            }
            all.push(vec![("x-user-id", unit.clone())]);
        }
        for (name, value, choice) in [("x-canary", "canary", "pin"), ("x-group", "staff", "rule")] {
            ledger.chosen("web/shop", "canary", choice, class);
            all.push(vec![(name, value.to_owned())]);
        }
        for (name, value) in [
            ("x-canary", "stable"),
            ("x-canary", "never"),
            ("x-group", "bot"),
        ] {
            all.push(vec![(name, value.to_owned())]);
        }
        go(&setting, way, "shop", &all);
    }
    for status in 0..=16 {
        let class = match status {
            0 => "ok",
            2 | 4 | 12..=15 => "5xx",
            _ => "4xx",
        };
        let mut all = Vec::new();
        for unit in [&units[0], &units[16], &units[32]] {
            ledger.drawn(DRAWING, unit, class, true);
            ledger.grpc(DRAWING, unit, status);
            let kind = "application/grpc".to_owned();
            all.push(vec![("x-user-id", unit.clone()), ("content-type", kind)]);
        }
        go(&setting, Way::Waits(Behaviour::Grpc(status)), "shop", &all);
    }
    assert_read(&prometheus, &ledger);

    let canary = &setting.canaries.canaries[0];
    for metric in Metric::ALL {
        let name = metric.name();
        let found = prometheus
            .query(&format!(r#"{{__name__=~"{name}.*"}}"#))
            .unwrap();
        let most = metric.most_series(canary);
        match metric {
            // Rules and reasons come in fewer combinations than there are places for.
            Metric::Decisions => assert!(found.len() <= most, "{name}: {}", found.len()),
            _ => assert_eq!(found.len(), most, "{name}"),
        }
        assert_labels(metric, &found);
    }
    let all = prometheus.query(r#"{__name__=~".*coalmine.*"}"#).unwrap();
    let known = |series: &Series| {
        let begins = |metric: &Metric| series.name.starts_with(metric.name());
        // Envoy's own: of the virtual machine, and of the file that the filter comes by.
        Metric::ALL.iter().any(begins) || series.name.starts_with("envoy_")
    };
    let others: Vec<&Series> = all.keys().filter(|series| !known(series)).collect();
    assert!(others.is_empty(), "{others:?}");
}

fn assert_labels(metric: Metric, found: &Samples) {
    for series in found.keys() {
        let names = series.labels.keys().map(String::as_str);
        let names: Vec<&str> = names.filter(|name| *name != "le").collect();
        let mut expected = metric.labels().to_vec();
        expected.sort_unstable();
        assert_eq!(names, expected, "{series:?}");
        let histogram = series.name != metric.name();
        assert_eq!(histogram, metric.kind() == Kind::Histogram, "{series:?}");
    }
}
