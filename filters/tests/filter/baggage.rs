//! What becomes of `baggage`.

use crate::host::Vm;
use crate::host::allocator::ledger;
use crate::requests::{canary, count, reviews};

const TRAVELS: &str = r#""pins": {"header": "x-canary"}, "propagate": {"baggage": true}"#;
const INHERITS: &str = r#""pins": {"header": "x-canary"},
    "inherit": {"from": "mesh", "canaries": {"front": {"v2": "canary", "v1": "stable"}}}"#;

const CANARY: &str = "replace x-coalmine-variant: canary";

/// A plugin's config: one canary with these fields, or none, at the edge or not.
fn plugin(fields: Option<&str>, edge: bool) -> String {
    let canaries = fields.map(canary).unwrap_or_default();
    format!(
        r#"{{"apiVersion": "coalmine.dev/v1alpha1", "kind": "Plugin", "edge": {edge},
            "canaries": [{canaries}]}}"#
    )
}

fn dropped(outcome: &str) -> String {
    format!("count canary=.=bookinfo/reviews;.;outcome=.={outcome};.;coalmine_baggage")
}

/// The filter does just this to a request with these headers, and sends this baggage on.
fn check(config: &str, headers: &[(&[u8], &[u8])], expected: &[String], sent_on: &[&[u8]]) {
    let mut vm = Vm::configured(config);
    let effects = vm.request(&reviews(headers));
    assert_eq!(effects, expected, "{config} {headers:?}");
    assert_eq!(vm.sent_on(b"baggage"), sent_on, "{config} {headers:?}");
    assert_eq!(vm.log(), [], "nothing is logged per request");
}

#[test]
fn a_decision_goes_on() {
    let config = plugin(Some(TRAVELS), false);
    let replace = |line: &str| format!("replace baggage: {line}");
    let stable = count("stable", "default");
    let ours = "coalmine.bookinfo.reviews=stable";
    check(
        &config,
        &[],
        &[stable.clone(), replace(ours)],
        &[ours.as_bytes()],
    );
    check(
        &config,
        &[(b"baggage", ours.as_bytes())],
        std::slice::from_ref(&stable),
        &[ours.as_bytes()],
    );
    let pinned = "a=1;p, b=2,coalmine.bookinfo.reviews=canary";
    check(
        &config,
        &[
            (b"x-canary", b"canary"),
            (b"baggage", b"a=1;p"),
            (b"baggage", b" b=2,coalmine.bookinfo.reviews=stable"),
        ],
        &[CANARY.to_owned(), count("canary", "pin"), replace(pinned)],
        &[pinned.as_bytes()],
    );
    let full = [b"a=".as_slice(), &b"b".repeat(8_160)].concat();
    check(
        &config,
        &[(b"baggage", &full)],
        &[stable.clone(), dropped("full")],
        &[&full],
    );
    check(
        &config,
        &[(b"baggage", b"\xff"), (b"baggage", b"a=1")],
        &[stable, dropped("malformed")],
        &[b"\xff", b"a=1"],
    );
}

#[test]
fn a_decision_is_inherited_but_not_at_the_edge() {
    let said: (&[u8], &[u8]) = (b"baggage", b"a=1, coalmine.front=v2");
    let headers = [said];
    let inherited = [CANARY.to_owned(), count("canary", "inherited")];
    check(
        &plugin(Some(INHERITS), false),
        &headers,
        &inherited,
        &[said.1],
    );
    let cleaned = "replace baggage: a=1".to_owned();
    check(
        &plugin(Some(INHERITS), true),
        &headers,
        &[count("stable", "default"), cleaned],
        &[b"a=1"],
    );
    let never = [said, (b"x-canary", b"never")];
    check(
        &plugin(Some(INHERITS), false),
        &never,
        &[count("stable", "never")],
        &[said.1],
    );
}

#[test]
fn an_edge_cleans_what_no_canary_governs() {
    let config = plugin(None, true);
    check(&config, &[], &[], &[]);
    check(&config, &[(b"baggage", b"a=1")], &[], &[b"a=1"]);
    let forged: (&[u8], &[u8]) = (b"baggage", b"coalmine.front=v2");
    check(&config, &[forged], &["remove baggage".to_owned()], &[]);
    check(
        &config,
        &[forged, (b"baggage", b"\xff\xfe")],
        &["replace baggage: \u{fffd}\u{fffd}".to_owned()],
        &[b"\xff\xfe"],
    );
}

/// With a failing call, forged members do not go on as long as the host does anything at all.
#[test]
fn a_host_that_fails_is_told_of_once() {
    let config = plugin(Some(TRAVELS), true);
    let forged: (&[u8], &[u8]) = (b"baggage", b"a=1,coalmine.front=v2");
    let counted = || count("stable", "default");
    let check = |call: &'static str, expected: &[String], sent_on: &[&[u8]], why: &str| {
        let mut vm = Vm::configured(&config);
        vm.host(|host| host.failing = Some((call, 1)));
        for _ in 0..3 {
            assert_eq!(vm.request(&reviews(&[forged])), expected, "{call}");
            assert_eq!(vm.sent_on(b"baggage"), sent_on, "{call}");
        }
        let said: Vec<String> = vm.log().into_iter().map(|(_, text)| text).collect();
        let [said] = &said[..] else {
            panic!("{call}: {said:?}");
        };
        assert!(said.contains(why), "{said}");
    };
    // First, since what is known of a metric outlives a configuration.
    let ours = "a=1,coalmine.bookinfo.reviews=stable";
    check(
        "proxy_define_metric",
        &[format!("replace baggage: {ours}")],
        &[ours.as_bytes()],
        "something is not counted",
    );
    check(
        "proxy_replace_header_map_value",
        &[counted(), "remove baggage".to_owned()],
        &[],
        "requests lose their baggage",
    );
}

/// Reading costs nothing beside the context and the headers; writing costs the line.
#[test]
fn reading_allocates_nothing() {
    let check = |config: &str, headers: &[(&[u8], &[u8])], most: u64| {
        let mut vm = Vm::configured(config);
        for _ in 0..64 {
            vm.request(&reviews(headers));
        }
        let before = ledger();
        vm.request(&reviews(headers));
        let after = ledger();
        let made = after.allocations - before.allocations;
        assert!(made <= most, "{made} allocations for {headers:?}");
        assert_eq!(after.bytes, before.bytes, "{headers:?}");
    };
    let said: (&[u8], &[u8]) = (b"baggage", b"a=1, coalmine.front=v2");
    let already: (&[u8], &[u8]) = (b"baggage", b"coalmine.bookinfo.reviews=stable");
    for edge in [false, true] {
        check(&plugin(Some(INHERITS), edge), &[], 2);
        check(&plugin(None, edge), &[(b"baggage", b"a=1")], 2);
    }
    check(&plugin(Some(INHERITS), false), &[said], 2);
    check(&plugin(Some(TRAVELS), false), &[already], 2);
}
