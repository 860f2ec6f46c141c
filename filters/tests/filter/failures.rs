//! What the filter does when a host call fails: the request goes on, and the log says so once.

use crate::host::Vm;
use crate::requests::{canary, count, reviews};
use proxy_wasm::types::LogLevel;

/// Every status that Envoy knows of, and some that it does not.
const STATUSES: [u32; 14] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, u32::MAX];

/// Everything at once: time, address, edits and counters.
const ALL: &str = r#""pins": {"header": "x-canary"}, "salt": "s", "unit": [{"header": "x-user-id"}],
    "whenNoUnit": "source-address", "ramp": [{"at": "2026-11-24T09:00:00Z", "canary": "100%"}]"#;
const ISSUE: &str = r#""unit": [{"header": "x-user-id"}], "whenNoUnit": "issue-cookie",
    "shares": {"canary": "100%"}"#;

const REPLACE: &str = "replace x-coalmine-variant: canary";
const REMOVE: &str = "remove x-coalmine-variant";

/// With `call` failing, a request with these headers has these effects, and the log has one warning
/// that names the call.
fn check(call: &'static str, fields: &str, headers: &[(&[u8], &[u8])], expected: &[String]) {
    for status in STATUSES {
        let mut vm = Vm::configured(&canary(fields));
        vm.host(|host| {
            host.nanoseconds = u64::MAX / 2;
            host.source_address = b"10.0.0.1:80".to_vec();
            host.failing = Some((call, status));
        });
        for _ in 0..3 {
            let mut effects = vm.request(&reviews(headers));
            effects.retain(|effect| !effect.starts_with("add set-cookie"));
            assert_eq!(effects, expected, "{call} {status}");
        }
        let log = vm.log();
        let [(level, text)] = &log[..] else {
            panic!("{call} {status}: {log:?}");
        };
        assert_eq!(*level, LogLevel::Warn);
        let named = format!("{call} failed with status {status}: ");
        assert!(text.starts_with(&named), "{text}");
    }
}

#[test]
fn a_request_goes_on() {
    let pin: (&[u8], &[u8]) = (b"x-canary", b"canary");
    let smuggled: (&[u8], &[u8]) = (b"x-coalmine-variant", b"canary");
    let never: (&[u8], &[u8]) = (b"x-canary", b"never");
    let replace = || REPLACE.to_owned();
    check("proxy_get_header_map_pairs", ALL, &[pin], &[]);
    // Neither is counted, because neither came true.
    check(
        "proxy_replace_header_map_value",
        ALL,
        &[pin],
        &[REMOVE.to_owned()],
    );
    check(
        "proxy_remove_header_map_value",
        ALL,
        &[never, smuggled],
        &[],
    );
    check("proxy_define_metric", ALL, &[pin], &[replace()]);
    check("proxy_increment_metric", ALL, &[pin], &[replace()]);
    check(
        "proxy_get_property",
        ALL,
        &[],
        &[count("stable", "no-unit")],
    );
    let user: (&[u8], &[u8]) = (b"x-user-id", b"u");
    let not_begun = count("stable", "default");
    check(
        "proxy_get_current_time_nanoseconds",
        ALL,
        &[user],
        &[not_begun],
    );
    let issued = [replace(), count("canary", "share")];
    check("proxy_add_header_map_value", ISSUE, &[], &issued);
}

#[test]
fn a_configuration_that_cannot_be_read_is_refused() {
    for status in STATUSES {
        let vm = Vm::start();
        vm.host(|host| host.failing = Some(("proxy_get_buffer_bytes", status)));
        assert!(!vm.configure(canary(ALL)), "{status}");
        let levels: Vec<_> = vm.log().into_iter().map(|(level, _)| level).collect();
        assert_eq!(levels, [LogLevel::Error], "{status}");
    }
}

#[test]
fn the_log_can_fail_too() {
    for status in STATUSES {
        for call in ["proxy_log", "proxy_get_log_level"] {
            let mut vm = Vm::start();
            vm.host(|host| host.failing = Some((call, status)));
            assert!(vm.configure(canary(ISSUE)));
            vm.log();
            assert_eq!(vm.request(&reviews(&[])).len(), 3, "{call} {status}");
            assert_eq!(vm.log(), [], "{call} {status}");
        }
    }
}
