//! What a request allocates, and that it frees it: a worker's VM lives for months, and its memory
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
