//! What is counted of responses: of those who were drawn, by arm; of the others, apart.

use crate::host::{Response, Vm};
use coalmine::bucket::Bucket;
use std::time::Duration;

/// 20 % of the users in the canary.
pub(crate) const CONFIG: &str = r#"{
  "apiVersion": "coalmine.dev/v1alpha1", "kind": "Plugin", "canaries": [{
    "apiVersion": "coalmine.dev/v1alpha1", "kind": "Canary", "metadata": {"name": "shop"},
    "spec": {
      "hosts": ["shop"], "variants": {"stable": {}, "canary": {}}, "default": "stable",
      "pins": {"header": "x-pin"},
      "rules": [
        {"name": "staff", "when": {"header": {"name": "x-group", "exact": "staff"}}, "route": "canary"},
        {"name": "bots", "when": {"header": {"name": "x-group", "exact": "bot"}}, "route": "stable"},
        {"name": "half", "when": {"header": {"name": "x-group", "exact": "beta"}}, "shares": {"canary": "100%"}}
      ],
      "shares": {"canary": "20%"}, "unit": [{"header": "x-user-id"}],
      "evidence": EVIDENCE
    }
  }]
}"#;

pub(crate) fn vm(rest: bool) -> Vm {
    vm_with(&format!(r#"{{"rest": {rest}}}"#))
}

fn vm_with(evidence: &str) -> Vm {
    Vm::configured(&CONFIG.replace("EVIDENCE", evidence))
}

pub(crate) fn ok() -> Response {
    Response {
        code: 200,
        ..Response::default()
    }
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    list.iter().map(owned).collect()
}

/// What is counted of a response beside the decision.
pub(crate) fn counted(
    vm: &mut Vm,
    headers: &[(&str, &str)],
    response: Response,
    after: u64,
) -> Vec<String> {
    counted_after(vm, headers, response, Duration::from_millis(after))
}

fn counted_after(
    vm: &mut Vm,
    headers: &[(&str, &str)],
    response: Response,
    after: Duration,
) -> Vec<String> {
    let request: Vec<_> = [(":authority", "shop"), (":path", "/"), (":method", "GET")]
        .iter()
        .chain(headers)
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect();
    let effects = vm.exchange(&request, response, after);
    let of_responses = |effect: &String| {
        (effect.starts_with("count ") && !effect.ends_with("coalmine_decisions"))
            || effect.starts_with("record ")
    };
    let found = effects.into_iter().filter(of_responses);
    found
        .map(|effect| effect.replace("=.=", "=").replace(";.;", " "))
        .collect()
}

/// The first user on a part of the line, in millionths, and the slice, by the published formula.
pub(crate) fn user(part: std::ops::Range<u32>) -> (String, u64) {
    let bucket = |user: &String| Bucket::of(b"shop", user.as_bytes());
    let user = (0..)
        .map(|number| format!("user-{number}"))
        .find(|user| part.contains(&bucket(user).position().millionths()))
        .unwrap();
    let slice = bucket(&user).hash() % 16;
    (user, slice)
}

/// A class, and a response that is of it.
fn classes() -> [(&'static str, Response); 10] {
    let with = |code, flags| Response {
        code,
        flags,
        ..Response::default()
    };
    [
        ("ok", ok()),
        ("4xx", with(404, 0)),
        ("5xx", with(503, 0)),
        ("reset", with(503, 1 << 6)),
        ("reset", with(200, 1 << 4)),
        ("reset", with(404, 1 << 4)),
        ("cancelled", with(404, 1 << 14)),
        ("5xx", with(504, 1 << 2)),
        ("ok", with(101, 1 << 4)),
        ("cancelled", with(0, 1 << 14)),
    ]
}

#[test]
fn who_was_drawn_is_counted_by_arm_slice_and_class() {
    // With Envoy's expressions, without them, and where they give nothing.
    for (rest, failing) in [
        (false, None),
        (true, None),
        (true, Some(("expr_create", 1))),
        (true, Some(("expr_evaluate", 10))),
    ] {
        let mut vm = vm(rest);
        vm.host(|host| host.failing = failing);
        for (arm, served, part) in [
            ("canary", "canary", 0..200_000),
            ("rest", "stable", 200_000..800_000),
            ("control", "stable", 800_000..1_000_000),
        ] {
            let (user, slice) = user(part);
            for (class, response) in classes() {
                let begun = response.code != 0;
                let found = counted(&mut vm, &[("x-user-id", &user)], response, 12);
                let arm_of = format!("canary=shop arm={arm} served={served}");
                let mut expected = Vec::new();
                if arm != "rest" || rest {
                    expected.push(format!(
                        "count {arm_of} slice={slice} class={class} coalmine_responses"
                    ));
                    if begun {
                        expected.push(format!("record 12 {arm_of} coalmine_latency_milliseconds"));
                    }
                }
                assert_eq!(found, expected, "{user} {class} {failing:?}");
            }
        }
        assert_eq!(vm.log(), [], "{failing:?}");
    }
}

#[test]
fn who_chose_or_was_chosen_is_counted_apart() {
    let mut vm = vm(true);
    let (drawn, _) = user(0..200_000);
    for (header, choice) in [
        (("x-pin", "canary"), Some("pin")),
        (("x-group", "staff"), Some("rule")),
        (("x-group", "beta"), Some("rule")),
        // Whom the default serves is compared with nobody.
        (("x-pin", "stable"), None),
        (("x-pin", "never"), None),
        (("x-group", "bot"), None),
    ] {
        for (class, response) in classes() {
            let headers = [header, ("x-user-id", drawn.as_str())];
            let found = counted(&mut vm, &headers, response, 12);
            let expected = choice.map(|choice| {
                format!("count canary=shop variant=canary choice={choice} class={class} coalmine_chosen_responses")
            });
            assert_eq!(found, Vec::from_iter(expected), "{header:?} {class}");
        }
    }
}

/// The time that counts ends with the headers of the response, or with the stream where it has none.
#[test]
fn what_is_slower_than_a_bound_is_counted_by_slice() {
    const MS: u64 = 1_000_000;
    let (canary, of_canary) = user(0..200_000);
    let (control, of_control) = user(800_000..1_000_000);
    let mut vm = vm_with(r#"{"slowerThan": ["250ms", "1s"]}"#);
    let mut check = |response: &Response, nanoseconds, bounds: &[u32]| {
        for (user, arm, served, slice) in [
            (&canary, "canary", "canary", of_canary),
            (&control, "control", "stable", of_control),
        ] {
            let headers = [("x-user-id", user.as_str())];
            let after = Duration::from_nanos(nanoseconds);
            let found = counted_after(&mut vm, &headers, response.clone(), after);
            let slow = |line: &String| line.contains("coalmine_slow_responses");
            let found: Vec<String> = found.into_iter().filter(slow).collect();
            let line = |bound| {
                format!(
                    "count canary=shop arm={arm} served={served} slice={slice} bound={bound} coalmine_slow_responses"
                )
            };
            let expected: Vec<String> = bounds.iter().map(line).collect();
            assert_eq!(found, expected, "{nanoseconds} {}", response.code);
        }
    };
    for (_, response) in classes() {
        check(&response, 12 * MS, &[]);
        check(&response, 250 * MS, &[]);
        check(&response, 250 * MS + 1, &[250]);
        check(&response, 1_000 * MS, &[250]);
        check(&response, 1_000 * MS + 1, &[250, 1_000]);
        check(&response, 3_600_000 * MS, &[250, 1_000]);
    }
    // What begins in time is not slow, however long it goes on.
    let goes_on = Response {
        lasts: Duration::from_secs(60),
        ..ok()
    };
    check(&goes_on, 12 * MS, &[]);
    check(&goes_on, 300 * MS, &[250]);
    // A reset without a response of the proxy's.
    let broken = Response {
        flags: 1 << 6,
        ..Response::default()
    };
    check(&broken, 12 * MS, &[]);
    check(&broken, 300 * MS, &[250]);
}

#[test]
fn nobody_is_slow_without_a_bound_or_without_a_draw() {
    let (canary, _) = user(0..200_000);
    let (rest, _) = user(200_000..800_000);
    const BOUNDS: &str = r#"{"slowerThan": ["250ms"]}"#;
    for (evidence, headers) in [
        ("{}", [("x-user-id", canary.as_str()), ("x-other", "")]),
        (BOUNDS, [("x-user-id", &rest), ("x-other", "")]),
        (BOUNDS, [("x-user-id", &canary), ("x-pin", "canary")]),
        (BOUNDS, [("x-user-id", &canary), ("x-group", "staff")]),
    ] {
        let mut vm = vm_with(evidence);
        for (class, response) in classes() {
            let found = counted(&mut vm, &headers, response, 5_000);
            let slow = found.iter().any(|line| line.contains("slow"));
            assert!(!slow, "{evidence} {headers:?} {class}: {found:?}");
        }
    }
}

/// A call to the host is the dear part of counting.
#[test]
fn a_bound_costs_a_look_at_the_clock_only_where_no_headers_came() {
    let (canary, _) = user(0..200_000);
    for (evidence, silent) in [("{}", 1), (r#"{"slowerThan": ["250ms"]}"#, 2)] {
        let mut vm = vm_with(evidence);
        for (class, response) in classes() {
            let looks = if response.code == 0 { silent } else { 2 };
            for after in [12, 300] {
                vm.host(|host| host.looks_at_the_clock = 0);
                counted(&mut vm, &[("x-user-id", &canary)], response.clone(), after);
                let found = vm.host(|host| host.looks_at_the_clock);
                assert_eq!(found, looks, "{evidence} {class} {after}");
            }
        }
    }
}

#[test]
fn nothing_is_counted_where_nobody_is_drawn() {
    let mut vm = vm(true);
    // No unit; another host.
    assert!(counted(&mut vm, &[], ok(), 12).is_empty());
    let elsewhere = [(&b":authority"[..], &b"elsewhere"[..])];
    assert!(vm.exchange(&elsewhere, ok(), Duration::ZERO).is_empty());
}

#[test]
fn grpc_says_more_than_http() {
    let mut vm = vm(false);
    let (user, slice) = user(0..200_000);
    let mut check =
        |kind: &str, headers: &[(&str, &str)], trailers: &[(&str, &str)], class, status| {
            let answered = match kind {
                "application/json" => "application/json",
                _ => "application/grpc",
            };
            let headers = [&[("content-type", answered)], headers].concat();
            let response = Response {
                headers: pairs(&headers),
                trailers: pairs(trailers),
                ..ok()
            };
            let sent = [("x-user-id", user.as_str()), ("content-type", kind)];
            let found = counted(&mut vm, &sent, response, 12);
            let arm = "canary=shop arm=canary served=canary";
            let mut expected = vec![
                format!("count {arm} slice={slice} class={class} coalmine_responses"),
                format!("record 12 {arm} coalmine_latency_milliseconds"),
            ];
            if let Some(status) = status {
                expected.push(format!(
                    "count {arm} grpc_status={status} coalmine_grpc_responses"
                ));
            }
            assert_eq!(found, expected, "{kind} {headers:?} {trailers:?}");
        };
    const GRPC: &str = "application/grpc";
    check(GRPC, &[], &[("grpc-status", "0")], "ok", Some(0));
    check(GRPC, &[], &[("grpc-status", "13")], "5xx", Some(13));
    check(
        "application/grpc+proto",
        &[],
        &[("grpc-status", "5")],
        "4xx",
        Some(5),
    );
    // Trailers only: gRPC's way to fail without a message.
    check(GRPC, &[("grpc-status", "14")], &[], "5xx", Some(14));
    check(GRPC, &[("grpc-status", "99")], &[], "5xx", Some(2));
    check(GRPC, &[], &[("x-other", "1")], "5xx", None);
    // Who does not speak gRPC is not asked about it.
    check(
        "application/json",
        &[("grpc-status", "13")],
        &[],
        "ok",
        None,
    );
    check(
        "application/grpc-web",
        &[("grpc-status", "13")],
        &[],
        "ok",
        None,
    );
}

/// Any client can say that it asks for gRPC, and must not make good responses bad ones by that.
#[test]
fn a_response_of_http_is_one_of_http_whatever_was_asked_for() {
    let mut vm = vm(false);
    let (user, slice) = user(0..200_000);
    let sent = [
        ("x-user-id", user.as_str()),
        ("content-type", "application/grpc"),
    ];
    for kind in [&[("content-type", "text/html")][..], &[]] {
        let response = Response {
            headers: pairs(kind),
            ..ok()
        };
        let found = counted(&mut vm, &sent, response, 12);
        let arm = "canary=shop arm=canary served=canary";
        let expected = format!("count {arm} slice={slice} class=ok coalmine_responses");
        assert_eq!(found[0], expected, "{kind:?}");
        assert_eq!(found.len(), 2, "{found:?}");
    }
}

/// A host that says nothing of a response gives no reason to fail a request.
#[test]
fn a_host_that_fails_is_reported_once() {
    let mut vm = vm(false);
    let (user, _) = user(0..200_000);
    for call in [
        "proxy_get_property",
        "proxy_record_metric",
        "proxy_define_metric",
    ] {
        vm.host(|host| host.failing = Some((call, 10)));
        for _ in 0..3 {
            let broken = Response {
                flags: 1 << 4,
                ..ok()
            };
            counted(&mut vm, &[("x-user-id", &user)], broken, 12);
        }
        vm.host(|host| host.failing = None);
    }
    let log = vm.log();
    let said = |call: &str| log.iter().filter(|(_, line)| line.contains(call)).count();
    assert_eq!(said("proxy_get_property"), 1, "{log:?}");
    assert_eq!(said("proxy_record_metric"), 1, "{log:?}");
}
