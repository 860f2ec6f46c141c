//! What a request allocates, and that it frees it, and what a large config takes: a worker's VM lives for months, and its memory
//! never shrinks.

use crate::host::Vm;
use crate::host::allocator::ledger;
use crate::requests::{canary, reviews};

const FIELDS: &str = r#""pins": {"header": "x-canary"}, "unit": [{"header": "x-user-id"}],
    "whenNoUnit": "issue-cookie", "shares": {"canary": "50%"}"#;

/// Once everything is warm, a request allocates this often and leaves nothing behind.
fn check(headers: &[(&[u8], &[u8])], allocations: std::ops::RangeInclusive<u64>) {
    check_with(FIELDS, headers, allocations);
}

fn check_with(
    fields: &str,
    headers: &[(&[u8], &[u8])],
    allocations: std::ops::RangeInclusive<u64>,
) {
    let mut vm = Vm::configured(&canary(fields));
    for _ in 0..64 {
        vm.request(&reviews(headers));
    }
    for _ in 0..256 {
        let before = ledger();
        vm.request(&reviews(headers));
        let after = ledger();
        let made = after.allocations - before.allocations;
        assert!(
            allocations.contains(&made),
            "{made} allocations for {headers:?}"
        );
        assert_eq!(after.bytes, before.bytes, "{headers:?}");
    }
}

#[test]
fn a_request_allocates_nothing() {
    check(
        &[(b"x-canary", b"canary"), (b"x-coalmine-variant", b"v")],
        0..=0,
    );
    check(
        &[
            (b"x-canary", b"never"),
            (b"cookie", b"a=b; c=d"),
            (b"x-canary", b"canary"),
        ],
        0..=0,
    );
    check(&[(b"x-user-id", b"someone")], 0..=0);
    // The text of the cookie.
    check(&[], 1..=4);
}

/// The headers of nearly every request have a place; others are larger than it.
#[test]
fn large_headers_are_allocated() {
    for (length, allocations) in [(3000, 0), (3500, 0), (4096, 1), (60_000, 1)] {
        let value = vec![b'x'; length];
        check(
            &[(b"x-user-id", b"someone"), (b"x-large", &value)],
            allocations..=allocations,
        );
    }
}

#[test]
fn a_counted_response_allocates_nothing() {
    let fields = format!(r#"{FIELDS}, "evidence": {{"rest": true}}"#);
    check_with(&fields, &[(b"x-user-id", b"someone")], 0..=0);
    let fields = fields.replace("true", r#"true, "slowerThan": ["250ms"]"#);
    check_with(&fields, &[(b"x-user-id", b"someone")], 0..=0);
}

/// Envoy forgets no metric that was made known before its VM ends, and has a new number for each.
#[test]
fn no_configuration_makes_a_metric_known_again() {
    let config = |share: u32| {
        canary(&format!(
            r#""shares": {{"canary": "{share}%"}}, "evidence": {{}}, "unit": [{{"header": "x-user-id"}}],
               "guard": {{"minRequests": 1}}, "pins": {{"header": "x-canary"}}"#
        ))
    };
    let mut vm = Vm::start();
    let mut known = Vec::new();
    for share in [10, 20, 30] {
        assert!(vm.configure(config(share)), "{:?}", vm.log());
        // Who is drawn is another share's business; pins and who is nobody are counted alike.
        vm.request(&reviews(&[(b"x-canary", b"canary")]));
        vm.request(&reviews(&[]));
        known.push(vm.host(|host| host.metrics.clone()));
    }
    assert!(known[0].len() >= 2, "{known:?}");
    assert_eq!(known[0], known[2]);
}

/// A config of 500 canaries takes no more than this, in bytes of its text: natively, where a pointer has
/// twice the bytes that it has in the module. The tree of all of it alone has more than ten.
const LARGE: i64 = 4;

#[test]
fn a_large_config_takes_little_however_often_it_is_replaced() {
    let canaries = (0..500).map(|number| {
        format!(
            r#"{{"apiVersion": "coalmine.dev/v1alpha1", "kind": "Canary",
                "metadata": {{"name": "service-{number}", "namespace": "shop"}},
                "spec": {{"hosts": ["service-{number}.example.com"], "default": "stable",
                    "variants": {{"stable": {{}}, "canary": {{}}}}, "shares": {{"canary": "5%"}},
                    "rules": [{{"name": "staff", "route": "canary",
                        "when": {{"header": {{"name": "x-group", "in": ["staff", "beta"]}}}}}}],
                    "unit": [{{"header": "x-user-id"}}, {{"cookie": "session"}}]}}}}"#
        )
    });
    let canaries: Vec<String> = canaries.collect();
    let config = format!(
        r#"{{"apiVersion": "coalmine.dev/v1alpha1", "kind": "Plugin", "canaries": [{}]}}"#,
        canaries.join(",")
    );
    let length = config.len() as i64;
    let vm = Vm::start();
    let before = ledger().bytes;
    assert!(vm.configure(&config), "{:?}", vm.log());
    let first = ledger();
    let most = first.most - before;
    assert!(most <= LARGE * length, "{most} for {length}");
    // While a config is read, the one before is in force.
    let policy = first.bytes - before;
    for _ in 0..10 {
        assert!(vm.configure(&config), "{:?}", vm.log());
        let now = ledger();
        assert_eq!(now.bytes, first.bytes, "nothing of the one before is left");
        assert!(now.most <= first.most + policy, "{now:?}");
    }
}

/// Whatever one canary is long for: natively, and in bytes of its text.
#[test]
fn a_long_canary_takes_in_proportion_to_its_text() {
    // Each in a thread of its own, whose ledger begins with it.
    let check = |what: &'static str, rules: &str, times: i64| {
        let config = canary(&format!(
            r#""rules": [{rules}], "unit": [{{"header": "x-user-id"}}]"#
        ));
        let length = config.len() as i64;
        let configured = std::thread::spawn(move || {
            let vm = Vm::start();
            let before = ledger().bytes;
            assert!(vm.configure(&config), "{what}: {:?}", vm.log());
            ledger().most - before
        });
        let most = configured.join().unwrap();
        assert!(most <= times * length, "{what}: {most} for {length}");
    };
    let joined = |text: &dyn Fn(usize) -> String, number: usize| {
        let all: Vec<String> = (0..number).map(text).collect();
        all.join(",")
    };
    let rule = |number, when: &str| {
        format!(r#"{{"name": "rule-{number}", "route": "canary", "when": {when}}}"#)
    };
    // No two have much in common.
    let id = |number: usize| (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let users = joined(&|number| format!(r#""{:016x}""#, id(number)), 20_000);
    let one = format!(r#"{{"header": {{"name": "x-user-id", "in": [{users}]}}}}"#);
    check("a rule of many values", &rule(0, &one), 23);
    let either =
        format!(r#"{{"any": [{one}, {{"cookie": {{"name": "tester", "present": true}}}}]}}"#);
    check(
        "one of many values, or something else",
        &rule(0, &either),
        19,
    );
    check(
        "many paths",
        &rule(0, &format!(r#"{{"path": {{"in": [{users}]}}}}"#)),
        18,
    );
    let by_path = |number| {
        let when = format!(r#"{{"path": {{"prefix": "/{:016x}/"}}}}"#, id(number));
        rule(number, &when)
    };
    check("many rules", &joined(&by_path, 5_000), 30);
    let by_long_path = |number| {
        let when = format!(
            r#"{{"path": {{"prefix": "/{number}{}"}}}}"#,
            "/x".repeat(500)
        );
        rule(number, &when)
    };
    check("many rules of long texts", &joined(&by_long_path, 500), 7);
}
