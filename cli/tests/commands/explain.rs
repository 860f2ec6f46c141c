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

/// A rule of every kind, and what was found instead.
#[test]
fn what_was_found_instead() {
    let check = |name: &str, arguments: &str| {
        let ran = coalmine(&format!("explain conditions.yaml {BEFORE} {arguments}"));
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{name}");
        assert_snapshot!(name, ran.stdout);
    };
    check("found_nothing", "");
    check(
        "found_other_values",
        "--header 'x-user-group: guest' --header 'x-user-group: partner' --header 'x-tier: gold' \
         --path /beta/x --cookie plan=enterprise --header 'x-user-id:' --cookie session=s1",
    );
    check(
        "found_some_parts",
        "--path /beta/ --header 'x-tier: gold' --header 'x-region: eu'",
    );
    check(
        "found_nothing_harmful",
        &format!("--header 'x-user-group: \u{1b}[31m{}'", "long".repeat(100)),
    );
}

/// The moment that is named is the very one: a millisecond earlier it is still as it was.
#[test]
fn when_the_ramp_changes_the_answer() {
    let explain = |time: &str, user: &str| -> Value {
        let ran = coalmine(&format!(
            "explain sound.yaml -o json --at {time} --header 'x-user-id: {user}'"
        ));
        serde_json::from_str(&ran.stdout).unwrap()
    };
    let mut changes = 0;
    for number in 0..40 {
        let user = format!("user-{number}");
        let before = explain("2026-11-24T08:00:00Z", &user);
        let Some(at) = before["next"]["at"].as_str() else {
            let after = explain("2026-12-24T08:00:00Z", &user);
            assert_eq!(
                before["decision"]["variant"], after["decision"]["variant"],
                "{user}"
            );
            continue;
        };
        let then = explain(at, &user);
        assert_eq!(
            then["decision"]["variant"], before["next"]["variant"],
            "{user}"
        );
        let earlier = coalmine::Timestamp::parse(at).unwrap().unix_millis() - 1;
        let earlier = coalmine::Timestamp::from_unix_millis(earlier).to_string();
        let earlier = explain(&earlier, &user);
        assert_eq!(
            earlier["decision"]["variant"], before["decision"]["variant"],
            "{user}"
        );
        changes += 1;
    }
    assert!((3..20).contains(&changes), "{changes} of 40 users move");
}

/// The share that is named is the very one.
#[test]
fn from_which_share_on() {
    let explain = |share: &str, user: &str| -> Value {
        let sound = std::fs::read_to_string(data_folder().join("sound.yaml")).unwrap();
        let (canary, _) = sound.split_once("  ramp:").unwrap();
        let canary = canary.replace("canary: 5%, green: 0.5%", share);
        let ran = coalmine_with(
            &format!("explain - -o json --header 'x-user-id: {user}'"),
            &canary,
        );
        assert_eq!(ran.code, 0, "{share}: {ran}");
        serde_json::from_str(&ran.stdout).unwrap()
    };
    for user in ["u", "user-3", "alice"] {
        for (part, variant) in ["canary", "green"].into_iter().enumerate() {
            let answer = explain("canary: 1%, green: 1%", user);
            let least = answer["parts"][part]["ownsUnitFrom"].as_str().unwrap();
            let with = |share: &str| explain(&format!("{variant}: {share}"), user);
            assert_eq!(
                with(least)["decision"]["variant"],
                variant,
                "{user} {least}"
            );
            let millionths = coalmine::bucket::Share::parse(least).unwrap().millionths() - 1;
            let less = coalmine::bucket::Share::from_millionths(millionths).unwrap();
            assert_eq!(
                with(&less.to_string())["decision"]["variant"],
                "stable",
                "{user} {less}"
            );
        }
    }
}

#[test]
fn a_curl_line_is_a_request() {
    let with_flags = coalmine(&format!(
        "explain sound.yaml {BEFORE} --host reviews --tls --path /beta/ --cookie 'session=s1; plan=pro' \
         --header 'user-agent: curl' --header 'accept: */*' --header 'x-user-id: alice'"
    ));
    assert_eq!(with_flags.code, 0, "{with_flags}");
    for arguments in [
        r#"--curl "curl -b 'session=s1; plan=pro' -H 'x-user-id: alice' https://reviews/beta/ | jq .""#,
        "-- curl -sS -b 'session=s1; plan=pro' -H 'x-user-id: alice' https://reviews/beta/",
        r#"-- "curl -b 'session=s1; plan=pro' -H 'x-user-id: alice' https://reviews/beta/""#,
        "-- -b 'session=s1; plan=pro' -H 'x-user-id: alice' https://reviews/beta/",
    ] {
        let ran = coalmine(&format!("explain sound.yaml {BEFORE} {arguments}"));
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{arguments}");
        assert_eq!(ran.stdout, with_flags.stdout, "{arguments}");
    }
    let check = |arguments: &str, needed: &str| {
        let ran = coalmine(&format!("explain sound.yaml {arguments}"));
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments}");
        assert!(ran.stderr.contains(needed), "{arguments}: {}", ran.stderr);
    };
    check(
        "--curl 'curl --frobnicate x'",
        "error: `--frobnicate` is no option of curl",
    );
    check("--curl 'curl \"x'", "error: a quote is not closed");
    check("--curl 'curl x' --path /y", "cannot be used with");
    check("--path /y -- curl x", "cannot be used with");
}

const LOG: &str = r#"[info] some other line of the proxy
{"authority":"reviews:9080","method":"GET","path":"/beta/x","start_time":"2026-11-24T10:30:00Z","user_agent":"curl/8.5.0","x_user_id":"user-3","upstream_cluster":"outbound|9080|v2|reviews.bookinfo.svc.cluster.local","x_user_group":null,"x_canary":"-","cookie":null}

{"authority":"reviews:9080","method":"GET","path":"/","start_time":"2026-11-24T10:30:01Z","upstream_cluster":"bookinfo/reviews/stable"}
{"authority":"elsewhere","method":"GET","path":"/","start_time":"2026-11-24T10:30:02Z"}
"#;

#[test]
fn lines_of_an_access_log() {
    let line = |number: usize| LOG.lines().nth(number).unwrap();
    let one = |name: &str, line: &str, more: &str| {
        let arguments = format!("explain sound.yaml {more} --access-log");
        let mut arguments = shlex::split(&arguments).unwrap();
        arguments.push(line.to_owned());
        let ran = run(command().args(arguments).current_dir(data_folder()), "");
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{name}");
        assert_snapshot!(name, ran.stdout);
    };
    one("log_line", line(1), "");
    one("log_line_that_lacks_much", line(3), "--draw 1");
    one("log_line_out_of_scope", line(4), "");
    // The header that the filter wrote, as Envoy routed by it.
    let told = line(1).replace("\"cookie\"", "\"x_coalmine_variant\":\"canary\",\"cookie\"");
    one("log_line_with_the_variant_header", &told, "");
    let ran = coalmine_with("explain sound.yaml --draw 1 --access-log -", LOG);
    assert_snapshot!("log_of_many_lines", ran);
    let ran = coalmine_with("explain sound.yaml --draw 1 --access-log - -o json", LOG);
    let list: Value = serde_json::from_str(&ran.stdout).unwrap();
    let numbers: Vec<u64> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["line"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [2, 4, 5]);
    // What the log lacks can be added, and fields can be said to be something.
    let ran = coalmine_with(
        "explain sound.yaml -o json --access-log - --map who=header:x-user-id --cookie session=1 --header 'x-canary: canary'",
        r#"{"authority":"reviews","who":"alice","path":"/","method":"GET"}"#,
    );
    let list: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(list[0]["decision"]["reason"], "pin", "{ran}");
    assert_eq!(list[0]["unknown"], serde_json::json!(["cookie canary"]));
}

#[test]
fn access_logs_that_cannot_be_read() {
    let check = |arguments: &str, stdin: &str, code: i32, needed: &str| {
        let ran = coalmine_with(&format!("explain {arguments}"), stdin);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (code, ""),
            "{arguments}: {ran}"
        );
        assert!(ran.stderr.contains(needed), "{arguments}: {}", ran.stderr);
    };
    check(
        "sound.yaml --access-log -",
        "",
        2,
        "the access log is empty",
    );
    check(
        "sound.yaml --access-log -",
        "[x] \"GET\"\n",
        2,
        "line 1: it is no JSON",
    );
    check(
        "sound.yaml --access-log '{}'",
        "",
        2,
        "none of its fields is known",
    );
    check(
        "sound.yaml --access-log nowhere.log",
        "",
        3,
        "cannot read nowhere.log",
    );
    check(
        "- --access-log -",
        "",
        2,
        "cannot both come from standard input",
    );
    check("sound.yaml --access-log - --map x=y", "", 2, "header:NAME");
    check("sound.yaml --map x=host", "", 2, "--access-log");
}

#[test]
fn colours_only_where_they_are_wanted() {
    let ran = |wanted: Option<&str>| {
        let mut command = command();
        command
            .args([
                "explain",
                "sound.yaml",
                "--header",
                "x-user-id: u",
                "--at",
                "2026-11-24T08:00:00Z",
            ])
            .current_dir(data_folder());
        if let Some(wanted) = wanted {
            command.env("CLICOLOR_FORCE", wanted);
        }
        run(&mut command, "").stdout
    };
    let (plain, coloured) = (ran(None), ran(Some("1")));
    assert!(
        !plain.contains('\u{1b}') && coloured.contains("\u{1b}[1mstable\u{1b}[0m"),
        "{coloured}"
    );
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
}
