//! What becomes of a request.

use crate::host::{Header, Vm};
use coalmine::bucket::Bucket;

/// One canary over `reviews`, whose spec has these fields beside hosts, variants and default.
pub(crate) fn canary(more: &str) -> String {
    format!(
        r#"{{"apiVersion": "coalmine.dev/v1alpha1", "kind": "Canary",
            "metadata": {{"name": "reviews", "namespace": "bookinfo"}},
            "spec": {{
                "hosts": ["reviews"],
                "variants": {{
                    "stable": {{"labels": {{"version": "v1"}}}},
                    "canary": {{"labels": {{"version": "v2"}}}}
                }},
                "default": "stable", {more}}}}}"#
    )
}

const PINS: &str = r#""pins": {"header": "x-canary", "cookie": "canary", "query": "canary"}"#;
const RULES: &str = r#""rules": [{"name": "staff", "route": "canary",
    "when": {"header": {"name": "x-user-group", "in": ["staff", "beta"]}}}]"#;
const HALF: &str = r#""salt": "s", "unit": [{"header": "x-user-id"}, {"cookie": "session"}], "shares": {"canary": "50%"}"#;

const CANARY: &str = "replace x-coalmine-variant: canary";
const CLEAN: &str = "remove x-coalmine-variant";

pub(crate) fn count(variant: &str, reason: &str) -> String {
    format!(
        "count canary=.=bookinfo/reviews;.;variant=.={variant};.;reason=.={reason};.;coalmine_decisions"
    )
}

/// A request to `reviews`.
pub(crate) fn reviews<'h>(headers: &[Header<'h>]) -> Vec<Header<'h>> {
    let pseudo: [Header<'_>; 4] = [
        (b":authority", b"Reviews:9080"),
        (b":path", b"/reviews/1"),
        (b":method", b"GET"),
        (b":scheme", b"http"),
    ];
    [&pseudo, headers].concat()
}

/// With a canary of these fields, the filter does just this to a request with these headers.
fn check(fields: &[&str], headers: &[Header<'_>], expected: &[&str]) {
    let mut vm = Vm::configured(&canary(&fields.join(", ")));
    let effects = vm.request(&reviews(headers));
    assert_eq!(effects, expected, "{fields:?} {headers:?}");
    assert_eq!(vm.log(), [], "nothing is logged per request");
}

/// A user whom the canary of [`HALF`] draws, or does not.
fn user(in_canary: bool) -> String {
    let drawn = |user: &String| {
        let position = Bucket::of(b"s", user.as_bytes()).position().millionths();
        (position < 500_000) == in_canary
    };
    (0..).map(|n| format!("user-{n}")).find(drawn).unwrap()
}

#[test]
fn pins_route_and_never_keeps_away() {
    let fields = [PINS, r#""shares": {"canary": "0%"}"#];
    let pinned = [CANARY, &count("canary", "pin")];
    let never = [&*count("stable", "never")];
    let nobody = [&*count("stable", "default")];
    check(&fields, &[(b"x-canary", b"canary")], &pinned);
    check(&fields, &[(b"x-canary", b" canary ")], &pinned);
    check(
        &fields,
        &[(b"x-canary", b"stable")],
        &[&count("stable", "pin")],
    );
    check(&fields, &[(b"x-canary", b"never")], &never);
    check(
        &fields,
        &[(b"x-canary", b"canary"), (b"x-canary", b"never")],
        &never,
    );
    check(&fields, &[(b"x-canary", b"CANARY")], &nobody);
    check(&fields, &[(b"cookie", b"a=b; canary=canary")], &pinned);
    check(
        &fields,
        &[(b"cookie", b"a=b"), (b"cookie", b"canary=canary")],
        &pinned,
    );
    check(&fields, &[(b":path", b"/?canary=canary")], &pinned);
    check(&fields, &[], &nobody);
}

#[test]
fn rules_route() {
    let check = |group: &[u8], expected: &[&str]| {
        check(&[RULES, HALF], &[(b"x-user-group", group)], expected);
    };
    check(b"staff", &[CANARY, &count("canary", "rule:staff")]);
    check(b"STAFF", &[&count("stable", "no-unit")]);
}

#[test]
fn a_unit_is_drawn_by_its_bucket() {
    let (drawn, other) = (user(true), user(false));
    let canary = [CANARY, &count("canary", "share")];
    let stable = [&*count("stable", "share")];
    check(&[HALF], &[(b"x-user-id", drawn.as_bytes())], &canary);
    check(&[HALF], &[(b"x-user-id", other.as_bytes())], &stable);
    let session = format!("session={drawn}");
    check(&[HALF], &[(b"cookie", session.as_bytes())], &canary);
    let header_first = [
        (&b"cookie"[..], session.as_bytes()),
        (b"x-user-id", other.as_bytes()),
    ];
    check(&[HALF], &header_first, &stable);
}

#[test]
fn the_variant_header_says_what_was_decided() {
    const SMUGGLED: &[u8] = b"x-coalmine-variant";
    let pin: Header<'_> = (b"x-canary", b"canary");
    let canary = count("canary", "pin");
    let stable = count("stable", "no-unit");
    let fields = [PINS, HALF];
    check(&fields, &[(SMUGGLED, b"canary")], &[CLEAN, &stable]);
    check(&fields, &[(SMUGGLED, b"stable")], &[CLEAN, &stable]);
    check(&fields, &[(SMUGGLED, b"")], &[CLEAN, &stable]);
    check(&fields, &[(SMUGGLED, b"\xff\xfe")], &[CLEAN, &stable]);
    check(
        &fields,
        &[(SMUGGLED, b"v"), (SMUGGLED, b"w")],
        &[CLEAN, &stable],
    );
    check(&fields, &[pin, (SMUGGLED, b"canary")], &[&canary]);
    check(&fields, &[pin, (SMUGGLED, b"stable")], &[CANARY, &canary]);
    check(
        &fields,
        &[pin, (SMUGGLED, b"canary"), (SMUGGLED, b"canary")],
        &[CANARY, &canary],
    );

    let mut vm = Vm::configured(&self::canary(PINS));
    vm.request(&reviews(&[pin, (SMUGGLED, b"x"), (SMUGGLED, b"canary")]));
    assert_eq!(vm.sent_on(SMUGGLED), [b"canary"], "one value goes on");
}

#[test]
fn headers_are_bytes() {
    let long = vec![b'a'; 100 * 1024];
    let binary: Vec<u8> = (1..=255).collect();
    let pinned = [CANARY, &count("canary", "pin")];
    for value in [&long, &binary] {
        let headers: [Header<'_>; 4] = [
            (b"x-long", value),
            (b"\xff\xfe\xfd", value),
            (b"cookie", value),
            (b"x-canary", b"canary"),
        ];
        check(&[PINS, HALF], &headers, &pinned);
        let nothing = [&*count("stable", "no-unit")];
        check(
            &[PINS, RULES, HALF],
            &[(b"x-canary", value), (b"x-user-group", value)],
            &nothing,
        );
        // Any bytes can be a unit.
        let bucket = Bucket::of(b"s", value).position().millionths();
        let variant = if bucket < 500_000 { "canary" } else { "stable" };
        let mut vm = Vm::configured(&canary(HALF));
        let effects = vm.request(&reviews(&[(b"x-user-id", value)]));
        assert_eq!(effects.last(), Some(&count(variant, "share")));
    }
}

#[test]
fn other_hosts_are_left_alone() {
    let mut vm = Vm::configured(&canary(PINS));
    let smuggled: Header<'_> = (b"x-coalmine-variant", b"canary");
    for headers in [
        &[(&b":authority"[..], &b"ratings"[..]), smuggled][..],
        &[smuggled],
        &[],
    ] {
        assert_eq!(vm.request(headers), [""; 0], "{headers:?}");
    }
}

#[test]
fn a_client_without_a_unit_is_issued_one() {
    let check = |headers: &[Header<'_>], attributes: &str| {
        let fields = r#""salt": "s", "unit": [{"header": "x-user-id"}], "whenNoUnit": "issue-cookie",
            "shares": {"canary": "50%"}"#;
        let mut vm = Vm::configured(&canary(fields));
        let mut units = Vec::new();
        for _ in 0..40 {
            let mut effects = vm.request(&reviews(headers));
            let cookie = effects.pop().unwrap();
            let unit = cookie
                .strip_prefix("add set-cookie: coalmine-unit=")
                .unwrap();
            let (unit, rest) = unit.split_at(32);
            assert_eq!(rest, attributes);
            assert!(unit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{unit}");

            // What it was routed to is what the cookie will route it to.
            let returned = format!("a=b; coalmine-unit={unit}");
            assert_eq!(
                vm.request(&reviews(&[(b"cookie", returned.as_bytes())])),
                effects
            );
            units.push(unit.to_owned());
        }
        units.sort();
        units.dedup();
        assert_eq!(units.len(), 40, "no two clients get the same unit");
    };
    let attributes = "; Path=/; Max-Age=15552000; SameSite=Lax; HttpOnly";
    let secure = format!("{attributes}; Secure");
    check(&[], attributes);
    check(&[(b"x-forwarded-proto", b"https")], &secure);
    check(&[(b"x-forwarded-proto", b"HTTPS")], &secure);
    check(
        &[
            (b"x-forwarded-proto", b"http"),
            (b"x-forwarded-proto", b"https"),
        ],
        attributes,
    );
    check(&[(b"x-forwarded-proto", b"\xff")], attributes);
}

#[test]
fn the_source_address_can_be_the_unit() {
    let fields = r#""salt": "s", "unit": [{"header": "x-user-id"}],
        "whenNoUnit": "source-address", "shares": {"canary": "50%"}"#;
    let mut vm = Vm::configured(&canary(fields));
    let mut variants = Vec::new();
    for last in 0..20 {
        let address = format!("10.0.0.{last}");
        vm.host(|host| host.source_address = format!("{address}:4{last:03}").into());
        let drawn = Bucket::of(b"s", address.as_bytes()).position().millionths() < 500_000;
        let variant = if drawn { "canary" } else { "stable" };
        assert_eq!(
            vm.request(&reviews(&[])).last(),
            Some(&count(variant, "share")),
            "{address}"
        );
        variants.push(variant);
    }
    assert!(variants.contains(&"canary") && variants.contains(&"stable"));
}

#[test]
fn a_ramp_follows_the_clock() {
    let fields = r#""unit": [{"header": "x-user-id"}],
        "ramp": [{"at": "2026-11-24T09:00:00Z", "canary": "100%"}]"#;
    let mut vm = Vm::configured(&canary(fields));
    let nine = 1_795_510_800_000_000_000;
    for (now, expected) in [
        (nine - 1_000_000, vec![count("stable", "default")]),
        (nine, vec![CANARY.to_owned(), count("canary", "share")]),
    ] {
        vm.host(|host| host.nanoseconds = now);
        assert_eq!(
            vm.request(&reviews(&[(b"x-user-id", b"u")])),
            expected,
            "{now}"
        );
    }
}

#[test]
fn decisions_are_logged_at_debug_alone() {
    let mut vm = Vm::start();
    vm.host(|host| host.debug = true);
    assert!(vm.configure(canary(PINS)));
    vm.log();
    vm.request(&reviews(&[(b"x-canary", b"canary")]));
    let texts: Vec<String> = vm.log().into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["bookinfo/reviews: canary (pin)"]);
}
