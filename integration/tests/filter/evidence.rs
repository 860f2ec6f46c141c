//! Evidence by arm: what is counted of responses that end in all the ways there are.

use std::time::{Duration, Instant};

use coalmine_integration::behaviour::{BEHAVE, BEHAVE_AT_FIRST, Behaviour};
use coalmine_integration::client::Request;
use coalmine_integration::envoy::Launch;
use coalmine_integration::raw;
use coalmine_integration::series::{self, Samples};
use coalmine_manifests::File;
use coalmine_manifests::envoy::{self as target, Options};
use serde_json::{Value, json};

use crate::arms::{Drawing, Ledger};
use crate::setting::{BINARY, PATIENCE, Setting, read};

/// 30 % of the users in the canary, as many in the control cohort.
pub(crate) const SHOP: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: shop, namespace: web}
spec:
  hosts: [shop]
  variants: {stable: {}, canary: {}}
  default: stable
  pins: {header: x-canary}
  rules:
    - {name: staff, when: {header: {name: x-group, exact: staff}}, route: canary}
    - {name: no-crawlers, when: {header: {name: x-group, exact: bot}}, route: stable}
  shares: {canary: 30%}
  unit: [{header: x-user-id}]
  evidence: {}
";

/// As [`SHOP`] draws.
const DRAWING: Drawing<'_> = Drawing {
    canary: "web/shop",
    share: 300_000,
    rest: false,
};

/// So many users have each way to end; more than there are workers and connections.
const USERS: usize = 12;

/// What the route of the changed bootstrap grants to a response. Who leaves leaves long before.
const TIME_OUT: &str = "2s";
pub(crate) const LEAVES_AFTER: Duration = Duration::from_millis(300);

/// How an exchange goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// The client waits for its end.
    Waits(Behaviour),
    /// The client goes away after this time.
    Leaves(Behaviour, Duration),
}

/// Each way, the class that its response is of, and whether it begins.
const WAYS: [(Way, &str, bool); 10] = [
    (Way::Waits(Behaviour::Well), "ok", true),
    (Way::Waits(Behaviour::Status(302)), "ok", true),
    (Way::Waits(Behaviour::Status(404)), "4xx", true),
    (Way::Waits(Behaviour::Status(499)), "4xx", true),
    (Way::Waits(Behaviour::Status(503)), "5xx", true),
    // Envoy answers in the place of the first and the last of these.
    (Way::Waits(Behaviour::Reset), "reset", true),
    (Way::Waits(Behaviour::Break), "reset", true),
    (Way::Waits(Behaviour::Hang), "5xx", true),
    (
        Way::Leaves(Behaviour::Hang, LEAVES_AFTER),
        "cancelled",
        false,
    ),
    (
        Way::Leaves(Behaviour::Stall, LEAVES_AFTER),
        "cancelled",
        true,
    ),
];

/// A file of the rendered ones, which is YAML, changed as a tree.
pub(crate) fn edit(files: &mut [File], name: &str, change: impl FnOnce(&mut Value)) {
    let file = files.iter_mut().find(|file| file.name == name).unwrap();
    let mut tree: Value = serde_saphyr::from_str(&file.contents).unwrap();
    change(&mut tree);
    file.contents = tree.to_string();
}

/// An Envoy whose routes and clusters have been changed before its start.
pub(crate) fn start(canaries: &str, route: &Value, cluster: &Value) -> Setting {
    let merge = |into: &mut Value, what: &Value| {
        let into = into.as_object_mut().unwrap();
        into.extend(what.as_object().unwrap().clone());
    };
    let change = |files: &mut Vec<File>, _: &Options| {
        edit(files, target::BOOTSTRAP, |bootstrap| {
            let resources = &mut bootstrap["static_resources"];
            for each in resources["clusters"].as_array_mut().unwrap() {
                merge(each, cluster);
            }
            let manager =
                &mut resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"];
            let hosts = &mut manager["route_config"]["virtual_hosts"];
            for host in hosts.as_array_mut().unwrap() {
                host["include_request_attempt_count"] = json!(true);
                for each in host["routes"].as_array_mut().unwrap() {
                    merge(&mut each["route"], route);
                }
            }
        });
    };
    Setting::with(read(canaries), |_| (), change)
}

pub(crate) fn unit(number: usize) -> String {
    format!("user-{number}")
}

/// Waits until everything is counted so: a stream ends a moment after its client has the response.
pub(crate) fn assert_counted(setting: &Setting, expected: &Ledger) {
    let counted = || {
        let mut found = Samples::new();
        for prefix in [
            "coalmine_responses",
            "coalmine_latency",
            "coalmine_slow",
            "coalmine_chosen",
        ] {
            found.extend(series::read(setting.stand.envoy.admin(), prefix).unwrap());
        }
        found.retain(|series, _| {
            !series.name.ends_with("_bucket") && !series.name.ends_with("_sum")
        });
        found
    };
    let begun = Instant::now();
    while counted() != expected.0 && begun.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_same(&counted(), &expected.0);
}

/// That two sets of samples are the same; the message shows only where they differ.
pub(crate) fn assert_same(found: &Samples, expected: &Samples) {
    let odd = |a: &Samples, b: &Samples| {
        let differs = a
            .iter()
            .filter(|(series, value)| b.get(series) != Some(value));
        let lines = differs.map(|(series, value)| format!("{series:?} {value}\n"));
        lines.collect::<String>()
    };
    assert!(
        found == expected,
        "counted\n{}in place of\n{}",
        odd(found, expected),
        odd(expected, found),
    );
}

/// Requests as they end in one way, all at once.
pub(crate) fn go(setting: &Setting, way: Way, host: &str, all: &[Vec<(&str, String)>]) {
    std::thread::scope(|scope| {
        for headers in all {
            scope.spawn(move || match way {
                Way::Waits(behaviour) => {
                    let begin = Request::get("/")
                        .header("host", host)
                        .header(BEHAVE, behaviour.asked());
                    let request = headers.iter().fold(begin, |request, (name, value)| {
                        request.header(*name, value.as_str())
                    });
                    // Whether there is an answer is the business of the way.
                    let _ = setting.client().send(&request);
                }
                Way::Leaves(behaviour, after) => {
                    let behaviour = behaviour.asked();
                    let mut request =
                        format!("GET / HTTP/1.1\r\nhost: {host}\r\n{BEHAVE}: {behaviour}\r\n");
                    for (name, value) in headers {
                        request += &format!("{name}: {value}\r\n");
                    }
                    request += "\r\n";
                    raw::send(setting.stand.ingress, request.as_bytes(), after).unwrap();
                }
            });
        }
    });
}

/// Every way, of users who are drawn, of those who choose or are chosen, and of those who come to
/// the default without a draw.
fn check_ways(canaries: &str, drawing: Drawing<'_>, cluster: &Value) {
    let setting = start(canaries, &json!({"timeout": TIME_OUT}), cluster);
    let mut ledger = Ledger::default();
    for (number, (way, class, begun)) in WAYS.into_iter().enumerate() {
        let users = (0..USERS).map(|user| unit(number * USERS + user));
        let mut all = Vec::new();
        for user in users {
            ledger.drawn(drawing, &user, class, begun);
            all.push(vec![("x-user-id", user)]);
        }
        for (name, value, choice) in [
            ("x-canary", "canary", Some("pin")),
            ("x-group", "staff", Some("rule")),
            ("x-canary", "stable", None),
            ("x-canary", "never", None),
            ("x-group", "bot", None),
            ("x-nothing", "", None),
        ] {
            if let Some(choice) = choice {
                ledger.chosen(drawing.canary, "canary", choice, class);
            }
            all.push(vec![(name, value.to_owned())]);
        }
        go(&setting, way, "shop", &all);
    }
    assert_counted(&setting, &ledger);
    setting.assert_both_workers();
    setting.end_without_problems();
}

/// What comes back into the module's memory is dear, so a good response must be asked about without.
#[test]
fn how_a_response_ended_is_asked_without_an_answer_in_memory() {
    let launch = Launch::new(&*BINARY).log_level("trace");
    let setting = Setting::launch(launch, read(SHOP), |_| (), |_, _| ()).unwrap();
    let client = setting.client();
    let drawn = (0..)
        .map(unit)
        .find(|unit| DRAWING.place(unit).0 == "canary");
    let request = Request::get("/")
        .header("host", "shop")
        .header("x-user-id", drawn.unwrap());
    for _ in 0..3 {
        assert_eq!(client.send(&request).unwrap().status, 200);
    }
    let asked = || {
        let log = setting.stand.envoy.log();
        let calls = |name: &str| log.matches(&format!("[vm->host] env.{name}(")).count();
        (
            calls("proxy_call_foreign_function"),
            calls("proxy_get_property"),
        )
    };
    let until = Instant::now() + PATIENCE;
    while asked().0 < 4 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    // Made known once by the worker that has the connection, and then asked.
    assert_eq!(asked(), (4, 0));
}

#[test]
fn a_response_is_counted_by_how_it_ends() {
    check_ways(SHOP, DRAWING, &json!({}));
}

#[test]
fn a_response_of_http_2_is_counted_the_same_way_and_the_rest_if_asked() {
    let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let http_2 = json!({"typed_extension_protocol_options": {options: {
        "@type": format!("type.googleapis.com/{options}"),
        "explicit_http_config": {"http2_protocol_options": {}},
    }}});
    let canaries = SHOP.replace("evidence: {}", "evidence: {rest: true}");
    let drawing = Drawing {
        rest: true,
        ..DRAWING
    };
    check_ways(&canaries, drawing, &http_2);
}

#[test]
fn a_version_that_is_not_there_has_failed() {
    let mut setting = Setting::of(SHOP);
    setting.upstreams.clear();
    let mut ledger = Ledger::default();
    for number in 0..USERS {
        let request = Request::get("/").header("host", "shop");
        let request = request.header("x-user-id", unit(number));
        assert_eq!(setting.client().send(&request).unwrap().status, 503);
        ledger.drawn(DRAWING, &unit(number), "reset", true);
    }
    assert_counted(&setting, &ledger);
    setting.end_without_problems();
}

/// Users see the answer to the last attempt, and so does who compares.
#[test]
fn what_is_tried_again_counts_as_it_ends() {
    let route = json!({
        "timeout": "20s",
        "retry_policy": {
            "retry_on": "5xx,reset,connect-failure",
            "num_retries": 1,
            "per_try_timeout": TIME_OUT,
        },
    });
    // Envoy's default is three attempts at a time that are not the first.
    let cluster = json!({"circuit_breakers": {"thresholds": [{"max_retries": 1000}]}});
    let setting = start(SHOP, &route, &cluster);
    let mut ledger = Ledger::default();
    let ways = [
        (BEHAVE_AT_FIRST, Behaviour::Reset, 200, "ok"),
        (BEHAVE_AT_FIRST, Behaviour::Status(503), 200, "ok"),
        (BEHAVE_AT_FIRST, Behaviour::Hang, 200, "ok"),
        (BEHAVE, Behaviour::Reset, 503, "reset"),
        (BEHAVE, Behaviour::Status(503), 503, "5xx"),
        (BEHAVE, Behaviour::Hang, 504, "5xx"),
    ];
    for (number, (header, behaviour, status, class)) in ways.into_iter().enumerate() {
        let users: Vec<String> = (0..USERS).map(|user| unit(number * USERS + user)).collect();
        let request = |user: &String| {
            Request::get("/")
                .header("host", "shop")
                .header("x-user-id", user.as_str())
                .header(header, behaviour.asked())
        };
        let requests = users.iter().map(request).collect();
        for answer in setting.client().send_all(requests, USERS).unwrap() {
            assert_eq!(answer.status, status, "{header} {behaviour:?}");
        }
        for user in &users {
            ledger.drawn(DRAWING, user, class, true);
        }
    }
    assert_counted(&setting, &ledger);
    let requests: u64 = setting
        .upstreams
        .iter()
        .map(|upstream| upstream.requests())
        .sum();
    assert_eq!(requests, 2 * u64::try_from(ways.len() * USERS).unwrap());
    setting.end_without_problems();
}

#[test]
fn what_runs_while_the_config_is_replaced_is_counted_once_as_it_was_drawn() {
    const TOGETHER: usize = 64;
    let mut setting = Setting::of(SHOP);
    let mut ledger = Ledger::default();
    let mut drawing = DRAWING;
    let request = |number, behaviour: Behaviour| {
        Request::get("/")
            .header("host", "shop")
            .header("x-user-id", unit(number))
            .header(BEHAVE, behaviour.asked())
    };
    for (number, share) in ["60%", "0%", "10%"].into_iter().enumerate() {
        let users = number * TOGETHER..(number + 1) * TOGETHER;
        let slow = Behaviour::Slow(Duration::from_secs(2));
        let requests = users.clone().map(|user| request(user, slow)).collect();
        let before: u64 = setting
            .upstreams
            .iter()
            .map(|upstream| upstream.requests())
            .sum();
        let client = setting.client();
        std::thread::scope(|scope| {
            let answers = scope.spawn(move || client.send_all(requests, TOGETHER).unwrap());
            let all = before + u64::try_from(TOGETHER).unwrap();
            let arrived = || {
                setting
                    .upstreams
                    .iter()
                    .map(|upstream| upstream.requests())
                    .sum::<u64>()
            };
            let begun = Instant::now();
            while arrived() < all && begun.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(1));
            }
            setting.change_share(share);
            assert!(!answers.is_finished(), "the change was to come in between");
            assert!(
                answers
                    .join()
                    .unwrap()
                    .iter()
                    .all(|answer| answer.status == 200)
            );
        });
        for user in users {
            ledger.drawn(drawing, &unit(user), "ok", true);
        }
        drawing.share = match share {
            "60%" => 600_000,
            "0%" => 0,
            _ => 100_000,
        };
    }
    assert_counted(&setting, &ledger);
    setting.end_without_problems();
}
