//! When the filter takes a variant out of service, and how it comes back.

use crate::host::{Response, Vm};
use proxy_wasm::types::LogLevel;
use std::time::Duration;

/// Everybody in the canary, which is guarded.
fn config(guard: &str) -> String {
    let config = r#"{
      "apiVersion": "coalmine.dev/v1alpha1", "kind": "Plugin", "canaries": [{
        "apiVersion": "coalmine.dev/v1alpha1", "kind": "Canary",
        "metadata": {"name": "reviews", "namespace": "bookinfo"},
        "spec": {
          "hosts": ["reviews"], "variants": {"stable": {}, "canary": {}}, "default": "stable",
          "pins": {"header": "x-pin"}, "shares": {"canary": "100%"},
          "unit": [{"header": "x-user-id"}], "guard": GUARD
        }
      }]
    }"#;
    config.replace("GUARD", guard)
}

const USUAL: &str = r#"{"minRequests": 4, "probes": 2}"#;

/// A request with its response. Gives the reason of the decision, and the other effects.
fn ask(vm: &mut Vm, headers: &[(&str, &str)], response: Response) -> (String, Vec<String>) {
    let request: Vec<_> = [
        (":authority", "reviews"),
        (":path", "/"),
        (":method", "GET"),
    ]
    .iter()
    .chain(headers)
    .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
    .collect();
    let effects = vm.exchange(&request, response, Duration::ZERO);
    let mut reason = String::new();
    let mut others = Vec::new();
    for effect in effects {
        let shown = effect.replace("=.=", "=").replace(";.;", " ");
        match shown.strip_prefix("count canary=bookinfo/reviews variant=") {
            Some(decision) if decision.ends_with(" coalmine_decisions") => {
                reason = decision
                    .replace("reason=", "")
                    .replace(" coalmine_decisions", "");
            }
            _ => others.push(shown),
        }
    }
    others.retain(|effect| !effect.starts_with("replace "));
    (reason, others)
}

const USER: &[(&str, &str)] = &[("x-user-id", "someone")];
const PIN: &[(&str, &str)] = &[("x-pin", "canary")];

fn answer(code: u64, flags: u64) -> Response {
    Response {
        code,
        flags,
        ..Response::default()
    }
}

fn good() -> Response {
    answer(200, 0)
}

fn bad() -> Response {
    answer(503, 0)
}

/// Breaks the canary for users; what the last failure did.
fn open(vm: &mut Vm) -> Vec<String> {
    for _ in 0..3 {
        assert_eq!(
            ask(vm, USER, bad()),
            ("canary share".to_owned(), Vec::new())
        );
    }
    let (reason, effects) = ask(vm, USER, bad());
    assert_eq!(reason, "canary share");
    effects
}

fn pass(vm: &Vm, millis: u64) {
    vm.host(|host| host.nanoseconds += millis * 1_000_000);
}

fn changed(state: &str) -> String {
    format!("count canary=bookinfo/reviews variant=canary state={state} coalmine_guard_changes")
}

fn open_gauge(offset: i32) -> String {
    format!("add {offset} canary=bookinfo/reviews variant=canary coalmine_guard_open")
}

#[test]
fn a_variant_that_fails_is_taken_out_of_service_and_comes_back() {
    let mut vm = Vm::configured(&config(USUAL));
    assert_eq!(open(&mut vm), [changed("open"), open_gauge(1)]);
    let log = vm.log();
    let line = "guard of bookinfo/reviews: canary out of service for 60s: \
                4 of 4 responses failed in 10s, more than 20%";
    assert_eq!(log, [(LogLevel::Warn, line.to_owned())]);

    for _ in 0..9 {
        assert_eq!(
            ask(&mut vm, USER, good()),
            ("stable guard".to_owned(), vec![])
        );
        assert_eq!(ask(&mut vm, PIN, bad()), ("canary pin".to_owned(), vec![]));
    }
    pass(&vm, 60_000);
    let tried = ask(&mut vm, USER, bad());
    let again = [changed("half-open"), changed("open")];
    assert_eq!(tried, ("canary share".to_owned(), again.to_vec()));
    assert_eq!(ask(&mut vm, USER, good()).0, "stable guard");
    pass(&vm, 60_000);
    assert_eq!(
        ask(&mut vm, USER, good()),
        ("canary share".to_owned(), vec![changed("half-open")])
    );
    let back = vec![changed("closed"), open_gauge(-1)];
    assert_eq!(
        ask(&mut vm, USER, good()),
        ("canary share".to_owned(), back)
    );
    assert_eq!(
        ask(&mut vm, USER, good()),
        ("canary share".to_owned(), vec![])
    );
    let said: Vec<String> = vm.log().into_iter().map(|(_, line)| line).collect();
    assert_eq!(
        said,
        [
            "guard of bookinfo/reviews: canary is tried with 2 requests",
            "guard of bookinfo/reviews: canary out of service for 60s more: 1 of 1 probes failed, more than 20% of 2",
            "guard of bookinfo/reviews: canary is tried with 2 requests",
            "guard of bookinfo/reviews: canary in service again: 0 of 2 probes failed",
        ]
    );
}

#[test]
fn what_counts_as_a_failure() {
    let check = |response: Response, fails: bool| {
        let mut vm = Vm::configured(&config(USUAL));
        for _ in 0..8 {
            ask(&mut vm, USER, response.clone());
        }
        let (reason, _) = ask(&mut vm, USER, good());
        let expected = if fails {
            "stable guard"
        } else {
            "canary share"
        };
        assert_eq!(reason, expected, "{} {:b}", response.code, response.flags);
    };
    check(good(), false);
    check(answer(404, 0), false);
    check(answer(429, 0), false);
    check(answer(500, 0), true);
    check(answer(504, 1 << 2), true);
    // Reset before and in the middle of the response.
    check(answer(503, 1 << 4), true);
    check(answer(200, 1 << 4), true);
    // The client went away: before any response, and in the middle of one.
    check(answer(0, 1 << 14), false);
    check(answer(200, 1 << 14), false);
}

#[test]
fn a_response_that_comes_late_is_a_failure() {
    let limits = r#"{"minRequests": 4, "maxLatency": "1s"}"#;
    let mut vm = Vm::configured(&config(limits));
    let request: &[(&[u8], &[u8])] = &[(b":authority", b"reviews"), (b"x-user-id", b"someone")];
    let mut after = |millis| vm.exchange(request, good(), Duration::from_millis(millis));
    for _ in 0..8 {
        after(0);
    }
    assert_eq!(after(1000).len(), 2, "decided, and replaced");
    for _ in 0..2 {
        assert_eq!(after(1001).len(), 2, "decided, and replaced");
    }
    let opened = after(1001);
    assert!(
        opened
            .iter()
            .any(|effect| effect.ends_with("coalmine_guard_open")),
        "{opened:?}"
    );
}

#[test]
fn pins_neither_open_it_nor_close_it() {
    let mut vm = Vm::configured(&config(USUAL));
    for _ in 0..99 {
        assert_eq!(ask(&mut vm, PIN, bad()), ("canary pin".to_owned(), vec![]));
    }
    // It takes as many errors of users as ever.
    assert_eq!(open(&mut vm), [changed("open"), open_gauge(1)]);
    pass(&vm, 60_000);
    for _ in 0..99 {
        assert_eq!(ask(&mut vm, PIN, good()), ("canary pin".to_owned(), vec![]));
    }
    assert_eq!(ask(&mut vm, USER, good()).1, [changed("half-open")]);
}

#[test]
fn the_next_configuration_takes_over_what_was_seen() {
    let mut vm = Vm::configured(&config(USUAL));
    open(&mut vm);
    let of_share = config(USUAL).replace("100%", "99.9999%");
    assert!(vm.configure(of_share));
    assert_eq!(
        ask(&mut vm, USER, good()),
        ("stable guard".to_owned(), vec![])
    );
    // Other limits are another guard; who was open is open no more.
    assert!(vm.configure(config(r#"{"minRequests": 5}"#)));
    let effects = vm.host(|host| std::mem::take(&mut host.effects));
    let shown: Vec<String> = effects
        .iter()
        .map(|effect| effect.replace("=.=", "=").replace(";.;", " "))
        .collect();
    assert_eq!(shown, [open_gauge(-1)]);
    assert_eq!(
        ask(&mut vm, USER, good()),
        ("canary share".to_owned(), vec![])
    );
}

#[test]
fn workers_tell_each_other_if_they_are_to() {
    const KEY: &str = "coalmine/guard/bookinfo/reviews/canary";
    let shared = r#"{"minRequests": 4, "shared": true}"#;
    let look = || format!("look {KEY}");
    let mut vm = Vm::configured(&config(shared));
    // It looks at once, and then four times a second.
    assert_eq!(ask(&mut vm, USER, good()).1, [look()]);
    assert_eq!(ask(&mut vm, USER, good()).1, Vec::<String>::new());
    pass(&vm, 249);
    assert_eq!(ask(&mut vm, USER, good()).1, Vec::<String>::new());
    // Another worker is open for 2 s.
    let until = 249 + 2000u64;
    vm.host(|host| {
        host.shared
            .insert(KEY.to_owned(), until.to_le_bytes().to_vec())
    });
    assert_eq!(ask(&mut vm, USER, good()).0, "canary share");
    pass(&vm, 1);
    let (reason, effects) = ask(&mut vm, USER, good());
    assert_eq!(reason, "stable guard");
    assert_eq!(effects, [look(), changed("open"), open_gauge(1)]);
    let line = "guard of bookinfo/reviews: canary out of service for 1999ms: another worker found it failing";
    assert_eq!(vm.log(), [(LogLevel::Warn, line.to_owned())]);
    pass(&vm, 2000);
    for _ in 0..5 {
        assert_eq!(ask(&mut vm, USER, good()).0, "canary share");
    }
    // What it finds itself it tells.
    for _ in 0..4 {
        ask(&mut vm, USER, bad());
    }
    let told = vm.host(|host| host.shared.get(KEY).cloned()).unwrap();
    let now = vm.host(|host| host.nanoseconds) / 1_000_000;
    assert_eq!(told, (now + 60_000).to_le_bytes());
    drop(vm);
    // What is no number counts for nothing.
    let mut vm = Vm::configured(&config(shared));
    vm.host(|host| host.shared.insert(KEY.to_owned(), vec![255; 7]));
    assert_eq!(ask(&mut vm, USER, good()).0, "canary share");
    // Nor does a time that is beyond all cool-downs keep it out for longer than its own.
    vm.host(|host| host.shared.insert(KEY.to_owned(), vec![255; 8]));
    pass(&vm, 250);
    assert_eq!(ask(&mut vm, USER, good()).0, "stable guard");
    vm.host(|host| host.shared.clear());
    pass(&vm, 60_000);
    assert_eq!(ask(&mut vm, USER, good()).0, "canary share");
}

/// Or the arms would stop being comparable while the guard is open.
#[test]
fn who_is_held_back_stays_in_the_arm_that_was_drawn() {
    let mut vm = Vm::configured(&config(r#"{"minRequests": 4}, "evidence": {}"#));
    let counted = |vm: &mut Vm, response| {
        let (reason, effects) = ask(vm, USER, response);
        let mut counts = effects
            .into_iter()
            .filter(|effect| effect.ends_with("coalmine_responses"));
        (reason, counts.next().unwrap())
    };
    for _ in 0..4 {
        let (reason, count) = counted(&mut vm, bad());
        assert_eq!(reason, "canary share");
        assert!(count.contains(" arm=canary served=canary "), "{count}");
    }
    let (reason, count) = counted(&mut vm, good());
    assert_eq!(reason, "stable guard");
    assert!(count.contains(" arm=canary served=stable "), "{count}");
    assert!(count.contains(" class=ok "), "{count}");
}

#[test]
fn without_a_clock_no_guard_acts() {
    let mut vm = Vm::configured(&config(USUAL));
    vm.host(|host| host.failing = Some(("clock_time_get", 58)));
    for _ in 0..99 {
        assert_eq!(ask(&mut vm, USER, bad()).0, "canary share");
    }
    let line = "clock_time_get failed with status 58: guards are closed, and latencies are not \
                recorded (this is said once)";
    assert_eq!(vm.log(), [(LogLevel::Warn, line.to_owned())]);
}

/// Who is not let through by a guard asks no clock, and nothing of the response.
#[test]
fn a_request_that_no_guard_is_asked_about_costs_no_call() {
    let mut vm = Vm::configured(&config(USUAL).replace("100%", "0%"));
    for call in [
        "clock_time_get",
        "proxy_get_property",
        "proxy_get_shared_data",
    ] {
        vm.host(|host| host.failing = Some((call, 1)));
        assert_eq!(ask(&mut vm, USER, bad()).0, "stable default");
        assert_eq!(ask(&mut vm, PIN, bad()).0, "canary pin");
    }
    assert_eq!(vm.log(), []);
}
