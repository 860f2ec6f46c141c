//! `coalmine explain`

use crate::run::coalmine;
use insta::assert_snapshot;
use serde_json::Value;

/// Before the ramp begins, unless a case says otherwise.
const BEFORE: &str = "--at 2026-11-24T08:00:00Z";

#[test]
fn the_way_in_words() {
    let check = |name: &str, arguments: &str| {
        let ran = coalmine(&format!("explain sound.yaml {arguments}"));
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{name}");
        assert_snapshot!(name, ran.stdout);
    };
    check("out_of_scope", &format!("{BEFORE} --host elsewhere:8080"));
    check("pin", &format!("{BEFORE} --header 'x-canary: canary'"));
    check(
        "never",
        &format!("{BEFORE} --cookie canary=canary --path '/?canary=never'"),
    );
    check(
        "unknown_pin",
        &format!("{BEFORE} --header 'x-canary: blue' --header 'x-user-id: u'"),
    );
    check("rule", &format!("{BEFORE} --header 'x-user-group: staff'"));
    check(
        "rule_shares",
        &format!("{BEFORE} --path /beta/x --cookie session=s1"),
    );
    check("share", &format!("{BEFORE} --header 'x-user-id: user-3'"));
    check(
        "ramp",
        "--at 2026-11-24T10:30:00Z --header 'x-user-id: user-3'",
    );
    check("issued", &format!("{BEFORE} --draw 1 --tls"));
    check(
        "forged",
        &format!("{BEFORE} --header 'x-coalmine-variant: canary' --header 'x-user-id: u'"),
    );
    check(
        "said_already",
        &format!("{BEFORE} --header 'x-coalmine-variant: canary' --header 'x-canary: canary'"),
    );
}

#[test]
fn the_way_for_programs() {
    let ran = coalmine(&format!(
        "explain sound.yaml -o json {BEFORE} --header 'x-user-id: user-3'"
    ));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_snapshot!(ran.stdout);
}

#[test]
fn a_draw_that_is_shown_can_be_had_again() {
    let explain = |arguments: &str| -> Value {
        let ran = coalmine(&format!("explain sound.yaml -o json {BEFORE} {arguments}"));
        serde_json::from_str(&ran.stdout).unwrap()
    };
    let first = explain("");
    let draw = first["draw"].as_str().unwrap();
    assert_eq!(explain(&format!("--draw {draw}")), first);
    assert_ne!(explain("")["draw"], first["draw"]);
    // Without a need there is none.
    assert_eq!(explain("--header 'x-user-id: u'").get("draw"), None);
}

#[test]
fn the_clock_is_asked_where_no_time_is_given() {
    let ran = coalmine("explain sound.yaml -o json --header 'x-user-id: u'");
    let explanation: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(explanation["at"].as_str().unwrap() > "2026-01-01");
}

#[test]
fn which_host() {
    let check = |arguments: &str, needed: &str| {
        let ran = coalmine(&format!("explain {arguments}"));
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments}");
        assert!(ran.stderr.contains(needed), "{}", ran.stderr);
    };
    check(
        "../../../examples/two-canaries.yaml",
        "--host (cart, checkout)",
    );
    check("ten-mistakes.yaml", "unknown variant `canry`");
}
