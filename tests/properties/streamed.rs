//! A config that comes as text is read item by item, and says what its tree says.

use coalmine::config::{Canaries, read, read_json};
use coalmine::diagnostic::{Diagnostic, any_error};
use coalmine::{Node, Policy};

use crate::sequence::Sequence;

/// What a text comes to, read whole; `None` if it is no JSON.
fn whole(text: &[u8]) -> Option<Result<Canaries, Vec<Diagnostic>>> {
    let node: Node = serde_json::from_slice(text).ok()?;
    let (canaries, found) = read([(0, &node)]);
    Some(if any_error(&found) {
        Err(found)
    } else {
        Ok(canaries)
    })
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
    match whole(text) {
        Some(whole) => assert_eq!(read, whole, "{}", String::from_utf8_lossy(text)),
        None if text.trim_ascii().is_empty() => assert_eq!(read, Ok(Canaries::default())),
        None => {
            let codes = read.unwrap_err();
            let codes: Vec<&str> = codes.iter().map(|found| found.code).collect();
            assert_eq!(codes, ["not-json"]);
        }
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
    let crowd: Vec<String> = (0..81)
        .map(|number| format!(r#""v{number}": {{}}"#))
        .collect();
    let crowd = format!(r#""hosts": ["crowd"], "variants": {{{}}}"#, crowd.join(","));
    let crowd = &canary("crowd", &crowd).replace(r#""variants": {"a": {}, "b": {}}, "#, "");
    let of_crowd =
        r#""hosts": ["h"], "inherit": {"from": "mesh", "canaries": {"crowd": {"v70": "b"}}}"#;
    let of_crowd = &canary("of-crowd", of_crowd);
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
        plugin(&[crowd, of_crowd], ""),
        plugin(
            &[&bad.replace("[{}]", &format!("[{}]", ["{}"; 2_000].join(",")))],
            "",
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

/// Whatever somebody writes, what is said of it stays short; and what is not said any more still counts.
#[test]
fn problems_are_bounded() {
    let shop = canary("shop", r#""hosts": ["shop"]"#);
    let heirs: Vec<String> = (0..1_200)
        .map(|number| {
            let inherit = r#""inherit": {"from": "mesh", "canaries": {"shop": {"a": "a"}}}"#;
            canary(
                &format!("heir-{number}"),
                &format!(r#""hosts": ["heir-{number}"], {inherit}"#),
            )
        })
        .collect();
    let heirs: Vec<&str> = [shop.as_str()]
        .into_iter()
        .chain(heirs.iter().map(String::as_str))
        .collect();
    // Warnings alone, however many, refuse nothing.
    assert!(read_json(plugin(&heirs, "").as_bytes()).is_ok());
    let key = "k".repeat(20_000);
    let many = vec!["{}"; 2_000].join(",");
    let variants: Vec<String> = (0..2_000)
        .map(|number| format!(r#""v{number}": 5"#))
        .collect();
    let check = |text: String| {
        let found = read_json(text.as_bytes()).unwrap_err();
        let bytes: usize = found
            .iter()
            .map(|one| {
                one.place.path.len() + one.message.len() + one.help.as_ref().map_or(0, String::len)
            })
            .sum();
        assert!(
            found.len() <= 1_001 && bytes < 1 << 21,
            "{} problems, {bytes} bytes",
            found.len()
        );
        found
    };
    let last_of = |found: &[Diagnostic]| found.last().map(|last| last.code);
    let found = check(plugin(
        &[&canary(
            "bad",
            &format!(r#""hosts": ["b"], "rules": [{many}]"#),
        )],
        "",
    ));
    assert_eq!(last_of(&found), Some("too-many-problems"));
    let variant = |key: &str| {
        let inherit = format!(
            r#""hosts": ["b"], "inherit": {{"from": "mesh", "canaries": {{"{key}": {{{}}}}}}}"#,
            variants.join(",")
        );
        canary("bad", &inherit)
    };
    check(plugin(&[&variant(&key)], ""));
    check(plugin(&[&variant("shop"), &shop], ""));
    // An error behind all the warnings is one.
    let mut and_one = heirs;
    and_one.push(
        r#"{"apiVersion": "coalmine.dev/v1alpha1", "kind": "Canary", "metadata": {"name": "x"}}"#,
    );
    check(plugin(&and_one, ""));
}
