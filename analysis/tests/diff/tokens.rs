//! Whose signed pins count otherwise.

use crate::said::{canaries, check, said};
use coalmine_analysis::diff::diff;
use serde_json::{Value, json};

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
