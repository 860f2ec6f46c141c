//! `coalmine explain`

use crate::run::{coalmine, coalmine_with, command, data_folder, run};
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
    for (number, listed) in [
        (5, "(h0, h1, h2, h3, h4)"),
        (13, "(h0, h1, h2, h3, h4, and 8 more)"),
    ] {
        let canary = |host| {
            format!(
                "apiVersion: coalmine.dev/v1alpha1\nkind: Canary\nmetadata: {{name: c{host}}}\n\
                 spec: {{hosts: [h{host}], variants: {{a: {{}}, b: {{}}}}, default: a}}\n"
            )
        };
        let canaries: Vec<String> = (0..number).map(canary).collect();
        let ran = coalmine_with("explain -", &canaries.join("---\n"));
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{number}");
        assert!(ran.stderr.contains(listed), "{}", ran.stderr);
    }
}

#[test]
fn the_line_fits_the_terminal() {
    let check = |columns: &str, cells: usize| {
        let mut command = command();
        command
            .args(["explain", "sound.yaml", "--header", "x-user-id: user-3"])
            .current_dir(data_folder())
            .env("COLUMNS", columns);
        let ran = run(&mut command, "");
        let line = ran.stdout.lines().find(|line| line.starts_with("line "));
        // The indent, and the ends.
        assert_eq!(line.unwrap().len(), cells + 12, "{columns}: {ran}");
    };
    check("200", 64);
    check("76", 64);
    check("75", 63);
    check("40", 28);
    check("10", 20);
    check("wide", 64);
}

#[test]
fn programs_are_told_what_is_wrong() {
    let ran = coalmine("explain ten-mistakes.yaml -o json");
    assert_eq!((ran.code, ran.stderr.as_str()), (2, ""));
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["ok"], false);
    assert_eq!(report["diagnostics"].as_array().unwrap().len(), 10);
    let ran = coalmine("explain missing.yaml -o yaml");
    assert_eq!((ran.code, ran.stderr.as_str()), (3, ""));
    assert!(ran.stdout.starts_with("ok: false\n"), "{ran}");
}
