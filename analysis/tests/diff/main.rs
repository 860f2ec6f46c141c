//! Who moves from one policy to another: what is said is so, and what is so is said.

#[path = "diff/random.rs"]
mod random;

use coalmine::config::{Canaries, read_json};
use coalmine::{Policy, Timestamp};
use coalmine_analysis::diff::{Diff, Kind, diff};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// A plugin's config of canaries whose specs have what is usual unless they say otherwise.
fn canaries(specs: &[(&str, Value)]) -> Canaries {
    readable(specs).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The same, where a spec may be refused.
fn readable(specs: &[(&str, Value)]) -> Result<Canaries, String> {
    let canaries = specs.iter().map(|(name, spec)| {
        let mut spec = spec.clone();
        let usual = json!({
            "hosts": [name],
            "variants": {"stable": {}, "canary": {}},
            "default": "stable",
            "unit": [{"header": "x-user-id"}],
        });
        for (name, value) in usual.as_object().unwrap() {
            let spec = spec.as_object_mut().unwrap();
            spec.entry(name.clone()).or_insert(value.clone());
        }
        json!({"apiVersion": "coalmine.dev/v1alpha1", "kind": "Canary",
            "metadata": {"name": name}, "spec": spec})
    });
    let plugin = json!({"apiVersion": "coalmine.dev/v1alpha1", "kind": "Plugin",
        "canaries": canaries.collect::<Vec<_>>()});
    read_json(plugin.to_string().as_bytes()).map_err(|problems| format!("{problems:?}"))
}

fn shop(spec: Value) -> Canaries {
    canaries(&[("shop", spec)])
}

fn between(old: Value, new: Value) -> Diff {
    diff(&shop(old), &shop(new), &[])
}

/// Everything that is said, in lines.
fn said(diff: &Diff) -> Vec<String> {
    let mut lines = Vec::new();
    for canary in &diff.canaries {
        for users in &canary.users {
            let about = if users.exact { "exactly" } else { "expected" };
            let brings = users.brings.join(", ");
            lines.push(format!("{} {about} of {brings}", users.moved));
            for flow in &users.flows {
                assert!(flow.example.is_some(), "{flow:?}");
                lines.push(format!("{} -> {} {}", flow.from, flow.to, flow.part));
            }
        }
        for change in &canary.changes {
            let (old, new) = (&change.old, &change.new);
            let part = change
                .part
                .map(|part| format!(" {part}"))
                .unwrap_or_default();
            lines.push(format!(
                "{} {} -> {} {}{part}",
                old.reason, old.variant, new.reason, new.variant
            ));
        }
        for retarget in &canary.retargeted {
            lines.push(format!("{} leads elsewhere", retarget.variant));
        }
        for tokens in &canary.tokens {
            let whose = tokens.key.iter().chain(&tokens.subject);
            let whose: Vec<&str> = whose.map(String::as_str).collect();
            lines.push(format!(
                "tokens of {} count: {}",
                whose.join(" "),
                tokens.count
            ));
        }
    }
    lines
}

fn check(old: Value, new: Value, expected: &[&str]) -> Diff {
    let diff = between(old, new);
    assert_eq!(said(&diff), expected);
    diff
}

#[test]
fn shares() {
    let share = |share: &str| json!({"shares": {"canary": share}});
    check(share("5%"), share("5%"), &[]);
    check(
        share("5%"),
        share("20%"),
        &["15% exactly of header x-user-id", "stable -> canary 15%"],
    );
    check(
        share("20%"),
        share("0%"),
        &["20% exactly of header x-user-id", "canary -> stable 20%"],
    );
    check(
        share("0%"),
        share("0.0001%"),
        &[
            "0.0001% exactly of header x-user-id",
            "stable -> canary 0.0001%",
        ],
    );
    // Another salt draws others, and what is expected of that is said.
    let mut salted = share("5%");
    salted["salt"] = json!("another");
    check(
        share("5%"),
        salted,
        &[
            "9.5% expected of header x-user-id",
            "canary -> stable 4.75%",
            "stable -> canary 4.75%",
        ],
    );
    // From the two ends of the line.
    let two = |blue: &str, green: &str| {
        json!({"variants": {"stable": {}, "blue": {}, "green": {}},
            "shares": {"blue": blue, "green": green}})
    };
    check(
        two("60%", "10%"),
        two("30%", "50%"),
        &[
            "60% exactly of header x-user-id",
            "stable -> green 30%",
            "blue -> stable 20%",
            "blue -> green 10%",
        ],
    );
}

#[test]
fn units() {
    let unit = |unit: Value| json!({"shares": {"canary": "50%"}, "unit": unit});
    check(
        unit(json!([{"header": "a"}])),
        unit(json!([{"header": "a"}, {"cookie": "b"}])),
        &["50% exactly of cookie b", "stable -> canary 50%"],
    );
    check(
        unit(json!([{"header": "a"}])),
        unit(json!([{"cookie": "b"}, {"header": "a"}])),
        &[
            "50% exactly of cookie b",
            "stable -> canary 50%",
            "50% expected of header a and cookie b",
            "canary -> stable 25%",
            "stable -> canary 25%",
        ],
    );
    // Who brings one unit stays, and so does who brings all: the first is the first on both sides.
    check(
        unit(json!([{"header": "a"}, {"header": "b"}, {"header": "c"}])),
        unit(json!([{"header": "a"}, {"header": "c"}, {"header": "b"}])),
        &[
            "50% expected of header b and header c",
            "canary -> stable 25%",
            "stable -> canary 25%",
        ],
    );
    let without = |when: &str| json!({"shares": {"canary": "10%"}, "unit": [], "whenNoUnit": when});
    check(
        without("default"),
        without("source-address"),
        &["10% exactly of no unit", "stable -> canary 10%"],
    );
    check(
        without("issue-cookie"),
        without("random"),
        &[
            "18% expected of cookie coalmine-unit, no unit",
            "canary -> stable 9%",
            "stable -> canary 9%",
        ],
    );
}

#[test]
fn pins_and_rules() {
    let staff = json!({"name": "staff", "route": "canary",
        "when": {"header": {"name": "x-group", "in": ["staff", "beta"]}}});
    let rules = |rules: Value| json!({"rules": rules, "shares": {"canary": "5%"}});
    let diff = check(
        rules(json!([staff])),
        rules(json!([])),
        &["rule:staff canary -> share stable 95%"],
    );
    let example = &diff.canaries[0].changes[0].example;
    assert_eq!(
        example.headers[0],
        ("x-group".to_owned(), "beta".to_owned())
    );
    // One word of a list.
    let mut fewer = staff.clone();
    fewer["when"]["header"]["in"] = json!(["beta"]);
    let diff = check(
        rules(json!([staff])),
        rules(json!([fewer])),
        &["rule:staff canary -> share stable 95%"],
    );
    let example = &diff.canaries[0].changes[0].example;
    assert_eq!(
        example.headers[0],
        ("x-group".to_owned(), "staff".to_owned())
    );
    assert!(diff.exhaustive);
    // The order of rules.
    let bots = json!({"name": "bots", "route": "stable",
        "when": {"header": {"name": "user-agent", "contains": "bot"}}});
    let diff = check(
        rules(json!([staff, bots])),
        rules(json!([bots, staff])),
        &["rule:staff canary -> rule:bots stable"],
    );
    assert_eq!(diff.canaries[0].changes[0].example.headers.len(), 2);
    // A regex, which only a string that is made for it passes.
    let version = |regex: &str| {
        rules(json!([{"name": "apps", "route": "canary",
            "when": {"header": {"name": "x-version", "regex": regex}}}]))
    };
    check(
        version(r"2\.[0-9]+"),
        version(r"[23]\.[0-9]+"),
        &["share stable -> rule:apps canary 95%"],
    );
    // Shares of a rule.
    let beta = |share: &str| {
        rules(json!([{"name": "beta", "shares": {"canary": share},
            "when": {"path": {"prefix": "/beta/"}}}]))
    };
    check(
        beta("50%"),
        beta("20%"),
        &["rule:beta canary -> rule:beta stable 30%"],
    );
    // Shares of a rule that looks at the unit: who passes it is drawn by that same unit.
    for (test, value) in [
        ("prefix", "p"),
        ("suffix", "@example.com"),
        ("contains", "-test-"),
        ("regex", "[a-z]{2}-[0-9]{6}"),
    ] {
        let beta = |share: &str| {
            rules(json!([{"name": "beta", "shares": {"canary": share},
                "when": {"header": {"name": "x-user-id", test: value}}}]))
        };
        check(
            beta("50%"),
            beta("20%"),
            &["rule:beta canary -> rule:beta stable 30%"],
        );
    }
    // Pins.
    let pin = |name: &str| json!({"pins": {"header": name}, "shares": {"canary": "5%"}});
    let diff = check(
        pin("x-canary"),
        pin("x-version"),
        &[
            "pin canary -> never stable",
            "pin canary -> pin stable",
            "pin canary -> share stable 95%",
            "share canary -> never stable 5%",
            "share canary -> pin stable 5%",
            "never stable -> pin canary",
            "never stable -> share canary 5%",
            "pin stable -> pin canary",
            "pin stable -> share canary 5%",
            "share stable -> pin canary 95%",
        ],
    );
    assert!(
        diff.canaries[0]
            .changes
            .iter()
            .all(|change| change.kind == Kind::Pins)
    );
}

#[test]
fn canaries_that_come_and_go() {
    let share = || json!({"shares": {"canary": "5%"}, "hosts": ["shop"], "salt": "s"});
    let none = || canaries(&[("other", json!({"hosts": ["elsewhere"]}))]);
    let with = |name: &str, spec: Value| {
        canaries(&[("other", json!({"hosts": ["elsewhere"]})), (name, spec)])
    };
    let added = diff(&none(), &with("shop", share()), &[]);
    assert_eq!(
        said(&added),
        ["5% exactly of header x-user-id", "stable -> canary 5%"]
    );
    assert_eq!(added.canaries[0].old, None);
    let removed = diff(&with("shop", share()), &none(), &[]);
    assert_eq!(
        said(&removed),
        ["5% exactly of header x-user-id", "canary -> stable 5%"]
    );
    // A new name moves nobody while the salt stays; another salt does.
    let renamed = diff(&with("shop", share()), &with("store", share()), &[]);
    assert!(renamed.is_empty(), "{renamed:?}");
    let unsalted = json!({"shares": {"canary": "5%"}, "hosts": ["shop"]});
    let renamed = diff(
        &with("shop", unsalted.clone()),
        &with("store", unsalted),
        &[],
    );
    assert!(!renamed.canaries[0].users[0].exact);
    // A host more.
    let mut more = share();
    more["hosts"] = json!(["shop", "*.shop.example"]);
    let hosts = diff(&with("shop", share()), &with("shop", more), &[]);
    assert_eq!(hosts.canaries.len(), 1);
    assert_eq!(hosts.canaries[0].hosts, ["any.shop.example"]);
}

#[test]
fn variants_that_lead_elsewhere() {
    let labels = |version: &str| json!({"variants": {"stable": {}, "canary": {"labels": {"version": version}}}});
    check(labels("v2"), labels("v3"), &["canary leads elsewhere"]);
    // The canary becomes the default.
    let default = |name: &str| json!({"default": name});
    let diff = between(default("stable"), default("canary"));
    assert_eq!(diff.moved.to_string(), "100%");
}

#[test]
fn ramps() {
    let ramp = |share: &str| {
        json!({"ramp": [
            {"at": "2026-11-24T09:00:00Z", "canary": "1%"},
            {"at": "2026-11-24T12:00:00Z", "canary": share, "shape": "linear"},
            {"at": "2026-11-24T18:00:00Z", "canary": "60%"},
        ]})
    };
    let time = |text: &str| Timestamp::parse(text).unwrap();
    let found = between(ramp("50%"), ramp("20%"));
    let users = &found.canaries[0].users[0];
    assert_eq!(users.moved.to_string(), "30%");
    assert_eq!(users.at, Some(time("2026-11-24T12:00:00Z")));
    let at = [time("2026-11-24T10:30:00Z")];
    let found = diff(&shop(ramp("50%")), &shop(ramp("20%")), &at);
    assert_eq!(found.moved.to_string(), "15%");
    let at = [time("2026-11-24T19:00:00Z")];
    assert!(diff(&shop(ramp("50%")), &shop(ramp("20%")), &at).is_empty());
}

/// At no time of a ramp do more users move than the most that is said.
#[test]
fn the_most_over_all_times_is_the_most() {
    let mut sequence = coalmine_analysis::sequence::Sequence::new(3);
    for round in 0..60 {
        let mut ramp = |salt: &str| {
            let mut point = |hour: u32, shape: &str| {
                let mut share = || format!("{}%", sequence.next_number() % 51);
                let (blue, green) = (share(), share());
                json!({"at": format!("2026-11-24T{hour:02}:00:00Z"), "shape": shape,
                    "blue": blue, "green": green})
            };
            json!({"variants": {"stable": {}, "blue": {}, "green": {}}, "salt": salt,
                "ramp": [point(9, "step"), point(10, "linear"), point(11, "linear")]})
        };
        let (old, new) = (
            ramp("one"),
            ramp(if round % 4 == 0 { "two" } else { "one" }),
        );
        let (old, new) = (shop(old), shop(new));
        let most = diff(&old, &new, &[]).moved.share();
        for minute in 0..=130 {
            let at = time_of(minute);
            let now = diff(&old, &new, &[at]).moved.share();
            // The product of four lines is no parabola, but nearly one.
            let more = if round % 4 == 0 { 0.02 } else { 3e-6 };
            assert!(now <= most + more, "{round} {at}: {now} over {most}");
        }
    }
}

fn time_of(minute: i64) -> Timestamp {
    let start = Timestamp::parse("2026-11-24T08:55:00Z").unwrap();
    Timestamp::from_unix_millis(start.unix_millis() + minute * 60_000)
}

/// Every example is the same as itself, and sampled users move as often as is said.
#[test]
fn examples_against_themselves() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut tried = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "yaml") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let name = path.display().to_string();
        let (canaries, _) = coalmine::yaml::read(&[coalmine::yaml::Source { name, text }]);
        let same = diff(&canaries, &canaries, &[]);
        assert!(same.is_empty(), "{}: {same:?}", path.display());
        let policy = Policy::compile(&canaries);
        assert!(!policy.canaries().is_empty());
        tried += 1;
    }
    assert!(tried >= 12);
}

#[test]
fn signed_pins_count_otherwise() {
    const ONE: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const TWO: &str = "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w";
    let pins = |signed: Value| json!({"pins": {"header": "x-canary", "signed": signed}});
    let words = || json!({"pins": {"header": "x-canary"}});
    let plain = || pins(json!({"keys": {"ops": ONE}}));
    let required = || pins(json!({"keys": {"ops": ONE}, "required": true}));
    check(plain(), plain(), &[]);
    // A word counts for nothing without a signature.
    let refused = ["pin canary -> default stable"];
    check(plain(), required(), &refused);
    check(required(), plain(), &["default stable -> pin canary"]);
    check(
        words(),
        required(),
        &["pin canary -> default stable", "tokens of ops count: true"],
    );
    check(plain(), words(), &["tokens of ops count: false"]);
    check(
        plain(),
        pins(json!({"keys": {"ops": ONE, "new": TWO}})),
        &["tokens of new count: true"],
    );
    // Another key of the same id.
    check(
        plain(),
        pins(json!({"keys": {"ops": TWO}})),
        &["tokens of ops count: false", "tokens of ops count: true"],
    );
    check(
        plain(),
        pins(json!({"keys": {"ops": ONE}, "revoked": {"keys": ["ops"]}})),
        &["tokens of ops count: false"],
    );
    check(
        pins(json!({"keys": {"ops": ONE}, "revoked": {"subjects": ["bob"]}})),
        pins(json!({"keys": {"ops": ONE}, "revoked": {"subjects": ["mallory"]}})),
        &[
            "tokens of mallory count: false",
            "tokens of bob count: true",
        ],
    );
    // A token is for a canary of one name.
    let spec = |name: &str| {
        let mut spec = plain();
        spec["hosts"] = json!(["shop"]);
        spec["salt"] = json!("s");
        canaries(&[(name, spec)])
    };
    let renamed = diff(&spec("shop"), &spec("store"), &[]);
    assert_eq!(
        said(&renamed),
        ["tokens of ops count: false", "tokens of ops count: true"]
    );
}
