//! A config that comes as text is read item by item, and says what its tree says.

use coalmine::config::{read, read_json};
use coalmine::diagnostic::{Diagnostic, any_error};
use coalmine::{Node, Policy};

use crate::sequence::Sequence;

/// What is wrong with a text, read whole.
fn whole(text: &[u8]) -> Option<Vec<Diagnostic>> {
    let node: Node = serde_json::from_slice(text).ok()?;
    let (_, found) = read([(0, &node)]);
    Some(if any_error(&found) { found } else { Vec::new() })
}

fn check(text: &[u8]) {
    let read = read_json(text);
    let compiled = Policy::read_json(text);
    match (&read, &compiled) {
        (Ok(canaries), Ok(policy)) => {
            // Nothing in a policy depends on anything but the order of canaries.
            let expected = format!("{:?}", Policy::compile(canaries));
            assert_eq!(format!("{policy:?}"), expected);
        }
        (Err(found), Err(compiled)) => assert_eq!(found, compiled),
        _ => panic!("{read:?} is not {compiled:?}"),
    }
    let found = read.err().unwrap_or_default();
    match whole(text) {
        Some(whole) => assert_eq!(found, whole, "{}", String::from_utf8_lossy(text)),
        None if text.trim_ascii().is_empty() => assert_eq!(found, []),
        None => assert!(
            found.iter().all(|found| found.code == "not-json"),
            "{found:?}"
        ),
    }
}

/// A plugin's config of these canaries, and something behind them.
fn plugin(canaries: &[&str], behind: &str) -> String {
    let canaries = canaries.join(",");
    format!(
        r#"{{"canaries": [{canaries}], "apiVersion": "coalmine.dev/v1alpha1", "kind": "Plugin"{behind}}}"#
    )
}

fn canary(name: &str, spec: &str) -> String {
    format!(
        r#"{{"apiVersion": "coalmine.dev/v1alpha1", "kind": "Canary", "metadata": {{"name": "{name}"}},
        "spec": {{"variants": {{"a": {{}}, "b": {{}}}}, "default": "a", {spec}}}}}"#
    )
}

#[test]
fn item_by_item_is_the_same_as_whole() {
    let shop = &canary("shop", r#""hosts": ["shop"]"#);
    let cart = &canary("cart", r#""hosts": ["cart", "other"]"#);
    let bad = &canary("bad", r#""hosts": 5, "rules": [{}]"#);
    let looks = r#""hosts": ["looks"], "pins": {"header": "x-v"}"#;
    let looks = &canary("looks", looks);
    let heir = r#""hosts": ["heir"], "inherit": {"from": "mesh", "canaries": {
        "shop": {"b": "b", "c": "b"}, "sends": {"b": "a", "d": "b"}, "elsewhere": {"x": "b"}}}"#;
    let heir = &canary("heir", heir);
    let sends = &canary(
        "sends",
        r#""hosts": ["sends"], "propagate": {"baggage": true}"#,
    );
    let same_host = &canary("late", r#""hosts": ["x", "other"]"#);
    for text in [
        plugin(&[shop, cart], ""),
        plugin(&[], ""),
        plugin(&[shop, shop], ""),
        plugin(&[shop, bad, cart, bad], ""),
        plugin(&[shop, cart, same_host], ""),
        plugin(
            &[
                "5",
                shop,
                r#"{"apiVersion": "v1", "kind": "Pod"}"#,
                "null",
                "[]",
            ],
            "",
        ),
        // What stands behind the canaries holds for them.
        plugin(&[looks], r#", "variantHeader": "x-v""#),
        plugin(&[heir, sends, shop], r#", "edge": true"#),
        plugin(&[heir, sends, shop], ""),
        plugin(
            &[heir],
            r#", "edge": 5, "variantHeader": " ", "unknown": 5"#,
        ),
        // A list that is none, or is there twice, or has another's name.
        plugin(&[shop, bad], r#", "canaries": []"#),
        plugin(&[shop], r#", "items": []"#),
        plugin(&[shop], "").replace("canaries", "items"),
        plugin(&[shop], "").replace("Plugin", "List"),
        plugin(&[shop], "")
            .replace("canaries", "items")
            .replace("Plugin", "CanaryList"),
        r#"{"kind": "Plugin", "canaries": {}}"#.to_owned(),
        r#"{"kind": "Plugin", "canaries": "shop"}"#.to_owned(),
        r#"{"kind": "Plugin"}"#.to_owned(),
        r#"{"items": 5, "kind": "Canary", "canaries": [1, 2]}"#.to_owned(),
        shop.clone(),
        bad.clone(),
        "[]".to_owned(),
        "5".to_owned(),
        " ".to_owned(),
        // No JSON, wherever that is.
        plugin(&[shop, r#"{"name": "\ud800"}"#], ""),
        plugin(&[shop, "{"], ""),
        plugin(&[shop], ",") + "}",
        plugin(&[shop], "") + "}",
        plugin(&[&"[".repeat(200)], ""),
    ] {
        check(text.as_bytes());
    }
}

#[test]
fn what_is_more_or_less_a_config_reads_the_same() {
    let mut sequence = Sequence::new(5);
    for _ in 0..5_000 {
        check(&sequence.config_like());
    }
}
