//! Who moves from one policy to another: what is said is so, and what is so is said.

//!
//! | file | what |
//! |---|---|
//! | `said` | two configs, and what is said of them in lines |
//! | `times` | ramps: the time at which the most move |
//! | `tokens` | whose signed pins count otherwise |
//! | `random` | random pairs of policies, and requests that look for what was not said |

mod random;
mod said;
mod times;
mod tokens;

use coalmine::Policy;
use coalmine_analysis::diff::{Kind, diff};
use said::{between, canaries, check, said};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

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
