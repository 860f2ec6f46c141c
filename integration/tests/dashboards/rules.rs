//! `promtool`: the rules are sound, and each alert fires when it should and at no other time.

use std::fs;
use std::process::Command;

use coalmine_integration::prometheus::{PROGRAM, PROMTOOL};
use coalmine_manifests::monitoring::{alerts, rules};
use serde_json::{Value, json};

use crate::{CANARY, read};

/// Series with their values, one a minute, in promtool's notation.
type Given<'a> = &'a [(&'a str, &'a str)];

/// All cases are looked at three hours after their beginning.
const END: &str = "3h";

fn promtool(words: &[&str], files: &[(&str, &str)]) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let ran = Command::new(PROMTOOL)
        .args(words)
        .current_dir(folder.path())
        .output()
        .unwrap_or_else(|error| {
            panic!("{PROMTOOL}: {error}; on Debian: apt-get install {PROGRAM}")
        });
    let both = [ran.stdout, ran.stderr].concat();
    (ran.status.success(), String::from_utf8(both).unwrap())
}

/// Runs a test of promtool's over the rules of [`CANARY`].
fn assert_test(what: &str, given: Given<'_>, mut test: Value) {
    let series = given.iter();
    let series: Vec<Value> = series
        .map(|(series, values)| json!({"series": series, "values": values}))
        .collect();
    test["interval"] = json!("1m");
    test["input_series"] = json!(series);
    let file = json!({
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "tests": [test],
    });
    let rules = alerts(&read(CANARY)).unwrap();
    let files = [
        ("rules.yaml", rules.as_str()),
        ("test.yaml", &file.to_string()),
    ];
    let (passed, said) = promtool(&["test", "rules", "test.yaml"], &files);
    assert!(passed, "{what}: {said}");
}

/// Whether an alert fires at any time of the last hour.
fn check(alert: &str, what: &str, given: Given<'_>, fires: bool) {
    let firing = format!("ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}");
    let test = json!({
        "promql_expr_test": [{
            "expr": format!("count(count_over_time({firing}[1h])) or vector(0)"),
            "eval_time": END,
            "exp_samples": [{"labels": "{}", "value": u8::from(fires)}],
        }],
    });
    assert_test(&format!("{alert}, {what}"), given, test);
}

/// All that an alert that fires at the end says: these labels and this summary.
fn check_words(alert: &str, given: Given<'_>, labels: Value, summary: &str) {
    let canaries = read(CANARY);
    let all = rules(&canaries.canaries[0]);
    let rule = all.iter().find(|rule| rule.alert == Some(alert)).unwrap();
    let description = &rule.annotations["description"];
    assert!(!description.contains("{{"), "{description}");
    assert!(description.contains('`'), "no command: {description}");
    let annotations = json!({"summary": summary, "description": description});
    let test = json!({
        "alert_rule_test": [{
            "alertname": alert,
            "eval_time": END,
            "exp_alerts": [{"exp_labels": labels, "exp_annotations": annotations}],
        }],
    });
    assert_test(alert, given, test);
}

#[test]
fn rules_are_sound() {
    let check = |text: &str| {
        let rules = alerts(&read(text)).unwrap();
        let (sound, said) = promtool(&["check", "rules", "rules.yaml"], &[("rules.yaml", &rules)]);
        assert!(sound, "{said}");
        assert!(said.contains("SUCCESS"), "{said}");
    };
    check(CANARY);
    // Several canaries in one file.
    let other = CANARY
        .replace("name: shop", "name: cart")
        .replace("hosts: [shop]", "hosts: [cart]");
    check(&format!("{CANARY}---\n{other}"));
    // Walked by a rollout, and by a ramp.
    let rollout = "rollout: {steps: [{share: 10%, for: 2s, minRequests: 200}]}";
    check(&CANARY.replace("shares: {canary: 30%}", rollout));
    let ramp = "ramp: [{at: 2026-11-24T09:00:00Z, canary: 1%}]";
    check(&CANARY.replace("shares: {canary: 30%}", ramp));
}

const CANARY_OK: &str = r#"coalmine_responses{canary="web/shop",arm="canary",class="ok"}"#;
const CANARY_5XX: &str = r#"coalmine_responses{canary="web/shop",arm="canary",class="5xx"}"#;
const CANARY_RESET: &str = r#"coalmine_responses{canary="web/shop",arm="canary",class="reset"}"#;
const CANARY_4XX: &str = r#"coalmine_responses{canary="web/shop",arm="canary",class="4xx"}"#;
const CONTROL_OK: &str = r#"coalmine_responses{canary="web/shop",arm="control",class="ok"}"#;
const CONTROL_5XX: &str = r#"coalmine_responses{canary="web/shop",arm="control",class="5xx"}"#;
const REST_5XX: &str = r#"coalmine_responses{canary="web/shop",arm="rest",class="5xx"}"#;
const OTHER_OK: &str = r#"coalmine_responses{canary="other",arm="control",class="ok"}"#;
const OTHER_5XX: &str = r#"coalmine_responses{canary="other",arm="canary",class="5xx"}"#;

#[test]
fn a_variant_that_fails_more_than_its_control_cohort() {
    let check = |what: &str, given: Given<'_>, fires: bool| {
        check("CoalmineVariantFails", what, given, fires)
    };
    let control = (CONTROL_OK, "0+100x180");
    check(
        "ten times as often",
        &[
            (CANARY_OK, "0+90x180"),
            (CANARY_5XX, "0+10x180"),
            (CONTROL_OK, "0+99x180"),
            (CONTROL_5XX, "0+1x180"),
        ],
        true,
    );
    check(
        "its control cohort never fails",
        &[(CANARY_OK, "0+90x180"), (CANARY_RESET, "0+10x180"), control],
        true,
    );
    check(
        "both as often",
        &[
            (CANARY_OK, "0+90x180"),
            (CANARY_5XX, "0+10x180"),
            (CONTROL_OK, "0+90x180"),
            (CONTROL_5XX, "0+10x180"),
        ],
        false,
    );
    check(
        "four times of little",
        &[
            (CANARY_OK, "0+980x180"),
            (CANARY_5XX, "0+20x180"),
            (CONTROL_OK, "0+995x180"),
            (CONTROL_5XX, "0+5x180"),
        ],
        false,
    );
    check(
        "what clients do wrong",
        &[(CANARY_OK, "0+50x180"), (CANARY_4XX, "0+50x180"), control],
        false,
    );
    check(
        "few requests",
        &[(CANARY_OK, "0+9x180"), (CANARY_5XX, "0+9x180"), control],
        false,
    );
    check(
        "for three minutes",
        &[
            (CANARY_OK, "0+100x180"),
            (CANARY_5XX, "0+0x150 0+50x3 150+0x30"),
            control,
        ],
        false,
    );
    check(
        "the rest of the default",
        &[(CANARY_OK, "0+100x180"), (REST_5XX, "0+100x180"), control],
        false,
    );
    check(
        "another canary, whose rules are in another file",
        &[(OTHER_OK, "0+100x180"), (OTHER_5XX, "0+100x180")],
        false,
    );
    check("nothing is known", &[], false);
    check_words(
        "CoalmineVariantFails",
        &[(CANARY_OK, "0+75x180"), (CANARY_5XX, "0+25x180"), control],
        json!({"canary": "web/shop", "arm": "canary", "severity": "critical"}),
        "Variant canary of web/shop fails 25% of its requests, clearly more than its control cohort",
    );
}

const OPEN: &str = r#"coalmine_guard_open{canary="web/shop",variant="canary",pod="a"}"#;
const OPEN_TOO: &str = r#"coalmine_guard_open{canary="web/shop",variant="canary",pod="b"}"#;
const OTHER_OPEN: &str = r#"coalmine_guard_open{canary="other",variant="canary"}"#;

#[test]
fn a_guard_that_is_open() {
    let check =
        |what: &str, given: Given<'_>, fires: bool| check("CoalmineGuardOpen", what, given, fires);
    check("all the time", &[(OPEN, "1+0x180")], true);
    check(
        "once, in one of two proxies",
        &[(OPEN, "0+0x150 1 0+0x30"), (OPEN_TOO, "0+0x180")],
        true,
    );
    check("closed", &[(OPEN, "0+0x180")], false);
    check("closed again, long ago", &[(OPEN, "1+0x100 0+0x80")], false);
    check("another canary's", &[(OTHER_OPEN, "1+0x180")], false);
    check("it never opened", &[], false);
    check_words(
        "CoalmineGuardOpen",
        &[(OPEN, "1+0x180"), (OPEN_TOO, "2+0x180")],
        json!({"canary": "web/shop", "variant": "canary", "severity": "critical"}),
        "The guard holds variant canary of web/shop back in 3 workers",
    );
}

const DRAWN: &str = r#"coalmine_decisions{canary="web/shop",variant="canary",reason="share"}"#;
const AT_RANDOM: &str = r#"coalmine_decisions{canary="web/shop",variant="canary",reason="random"}"#;
const PINNED: &str = r#"coalmine_decisions{canary="web/shop",variant="canary",reason="pin"}"#;
const STABLE: &str = r#"coalmine_decisions{canary="web/shop",variant="stable",reason="share"}"#;
const UNSHARED: &str = r#"coalmine_decisions{canary="web/shop",variant="stable",reason="default"}"#;
const OTHER_DRAWN: &str = r#"coalmine_decisions{canary="other",variant="canary",reason="share"}"#;

#[test]
fn a_share_that_nobody_is_drawn_for() {
    let check = |what: &str, given: Given<'_>, fires: bool| {
        check("CoalmineNobodyDrawn", what, given, fires)
    };
    check("no proxy has it", &[], true);
    check(
        "others are drawn",
        &[(STABLE, "0+10x180"), (OTHER_DRAWN, "0+1x180")],
        true,
    );
    check(
        "it is pinned alone",
        &[(STABLE, "0+10x180"), (PINNED, "0+1x180")],
        true,
    );
    check(
        "none since 20 minutes",
        &[(STABLE, "0+10x180"), (DRAWN, "0+1x160 160+0x20")],
        true,
    );
    check(
        "none for 12 minutes",
        &[(STABLE, "0+10x180"), (DRAWN, "0+1x150 150+0x12 150+1x18")],
        false,
    );
    check(
        "now and then",
        &[(STABLE, "0+10x180"), (DRAWN, "0+1x180")],
        false,
    );
    check("at random", &[(AT_RANDOM, "0+1x180")], false);
    check(
        "the ramp has not begun, or the rollout is over",
        &[(UNSHARED, "0+10x180")],
        false,
    );
    check(
        "the guard holds it back",
        &[(STABLE, "0+10x180"), (OPEN, "1+0x180")],
        false,
    );
    check_words(
        "CoalmineNobodyDrawn",
        &[(STABLE, "0+10x180")],
        json!({"canary": "web/shop", "variant": "canary", "severity": "warning"}),
        "Nobody has been drawn into variant canary of web/shop for 15 minutes",
    );
}

const EXPIRED: &str = r#"coalmine_pin_refusals{canary="web/shop",cause="expired"}"#;
const FORGED: &str = r#"coalmine_pin_refusals{canary="web/shop",cause="signature"}"#;

#[test]
fn refused_pins_that_spike() {
    let check = |what: &str, given: Given<'_>, fires: bool| {
        check("CoalminePinRefusals", what, given, fires)
    };
    check("after silence", &[(EXPIRED, "0+0x160 0+60x20")], true);
    check(
        "a new cause",
        &[(EXPIRED, "0+6x180"), (FORGED, "_x160 0+60x20")],
        true,
    );
    check("ten times as many", &[(EXPIRED, "0+6x160 960+60x20")], true);
    check("always as many", &[(EXPIRED, "0+60x180")], false);
    check(
        "three times as many",
        &[(EXPIRED, "0+20x160 3200+60x20")],
        false,
    );
    check("few", &[(EXPIRED, "0+0x160 0+3x20")], false);
    check("none", &[], false);
    check_words(
        "CoalminePinRefusals",
        &[(FORGED, "0+0x168 0+120x12")],
        json!({"canary": "web/shop", "cause": "signature", "severity": "warning"}),
        "2 pins a second are refused by web/shop: signature",
    );
}
