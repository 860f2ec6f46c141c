//! `coalmine simulate`

use crate::docs::{blocks, root};
use crate::run::{coalmine, coalmine_with, command, run};
use insta::assert_snapshot;
use serde_json::Value;
use std::fs;

const AT: &str = "--at 2026-11-24T10:30:00Z --units 20000";

fn simulated(arguments: &str, stdin: &str) -> Value {
    let ran = coalmine_with(&format!("simulate {arguments} -o json"), stdin);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{arguments}");
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn the_report_for_people() {
    let ran = coalmine(&format!(
        "simulate sound.yaml {AT} --header 'user-agent: curl'"
    ));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_snapshot!(ran.stdout);
}

/// Every example does what it asks for, and what the other commands say of it.
#[test]
fn every_example_is_as_asked() {
    let mut drawn = 0;
    let examples = root().join("examples");
    for entry in fs::read_dir(&examples).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "yaml") {
            continue;
        }
        let simulated = simulated(&format!("{} {AT}", path.display()), "");
        for canary in simulated["canaries"].as_array().unwrap() {
            assert_eq!(canary["requests"], 20_000, "{canary}");
            for draw in canary["draws"].as_array().unwrap() {
                for variant in draw["variants"].as_array().unwrap() {
                    let asked = variant["asked"].as_f64().unwrap();
                    let seen = variant["requests"]["share"].as_f64().unwrap();
                    // Five standard deviations.
                    let most = 5.0 * (asked * (1.0 - asked) / 20_000.0).sqrt();
                    assert!(
                        (seen - asked).abs() <= most,
                        "{}: {variant}",
                        path.display()
                    );
                    drawn += 1;
                }
            }
        }
        assert_eq!(simulated["asAsked"], true);
    }
    assert!(drawn >= 16, "{drawn}");
}

#[test]
fn a_log_in_two_formats() {
    let csv = "\
authority,path,user,group,start_time
reviews,/,ada,staff,2026-11-24T08:00:00Z
reviews:9080,/?canary=never,ada,-,2026-11-24T08:00:00Z
reviews,/,user-3,,2026-11-24T08:00:00Z
elsewhere,/,user-3,,2026-11-24T08:00:00Z
reviews,/,user-3,,whenever
reviews,/
";
    let json = r#"{"authority":"reviews","path":"/","user":{"id":"ada","group":"staff"},"start_time":"2026-11-24T08:00:00Z"}
{"authority":"reviews:9080","path":"/?canary=never","user":{"id":"ada"},"start_time":"2026-11-24T08:00:00Z"}

{"authority":"reviews","path":"/","user":{"id":"user-3"},"start_time":"2026-11-24T08:00:00Z"}
{"authority":"elsewhere","path":"/","user":{"id":"user-3"},"start_time":"2026-11-24T08:00:00Z"}
{"authority":"reviews","path":"/","user":{"id":"user-3"},"start_time":"whenever"}
[1]
{"authority":
"#;
    let check = |log: &str, map: &str, bad: &[u64]| {
        let simulated = simulated(&format!("sound.yaml --log - {map}"), log);
        let read = &simulated["log"];
        assert_eq!(
            (&read["requests"], &read["untouched"]),
            (&4.into(), &1.into())
        );
        let lines: Vec<u64> = read["firstBad"]
            .as_array()
            .unwrap()
            .iter()
            .map(|bad| bad["line"].as_u64().unwrap())
            .collect();
        assert_eq!(lines, bad, "{read}");
        let outcomes = simulated["canaries"][0]["outcomes"].as_array().unwrap();
        let reasons: Vec<&str> = outcomes
            .iter()
            .map(|outcome| outcome["reason"].as_str().unwrap())
            .collect();
        assert_eq!(reasons, ["rule:staff", "never", "share"]);
    };
    let map = "--map user=header:x-user-id --map group=header:x-user-group";
    check(csv, map, &[6, 7]);
    let map = "--map user.id=header:x-user-id --map user.group=header:x-user-group";
    check(json, map, &[6, 7, 8]);
    let ran = coalmine_with(&format!("simulate sound.yaml --log - {map}"), json);
    assert_snapshot!(ran.to_string());
}

#[test]
fn what_is_refused() {
    let check = |arguments: &str, stdin: &str, code: i32, needed: &str| {
        let ran = coalmine_with(&format!("simulate {arguments}"), stdin);
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{arguments}");
        assert!(ran.stderr.contains(needed), "{arguments}: {}", ran.stderr);
    };
    check("sound.yaml --draw 1", "", 2, "--seed");
    check(
        "sound.yaml --header 'x-user-id: ada'",
        "",
        2,
        "leave it out",
    );
    check(
        "sound.yaml --host elsewhere",
        "",
        2,
        "no canary governs elsewhere",
    );
    check("sound.yaml --units 0", "", 2, "from 1 to 1000000000");
    check("sound.yaml --map y=header:x", "", 2, "--log");
    check("sound.yaml --log - --map x=y", "", 2, "header:NAME");
    check("sound.yaml --log nothing.csv", "", 3, "check the path");
    check("sound.yaml --log -", "", 2, "it is empty");
    let long = "0".repeat(1_100_000);
    check("sound.yaml --log -", &long, 2, "line 1: it is longer than");
    let long = format!("{{{long}");
    check("sound.yaml --log -", &long, 2, "line 1: it is longer than");
    check(
        "sound.yaml --log -",
        "a,b\n1,2\n",
        2,
        "line 2: none of its fields is known; say which is what with --map; the fields that mean nothing here are \"a\", \"b\"",
    );
    let who = "- does not say who is who: bookinfo/reviews tells users apart by header:x-user-id or cookie:session or \
               cookie:coalmine-unit, and no field is that; say which field it is, like --map user=header:x-user-id";
    let columns = "path,user\n/,ada\n";
    check(
        "sound.yaml --log -",
        columns,
        2,
        &format!("{who}; the fields that mean nothing here are \"user\""),
    );
    check("sound.yaml --log -", "path\n/\n", 2, &format!("{who}\n"));
    check("sound.yaml --log -", "{\"path\": \"/\"}", 2, who);
    let many: Vec<String> = (10..30).map(|number| format!("c{number}")).collect();
    let many = format!("path,{}\n{}", many.join(","), ",".repeat(20));
    check("sound.yaml --log -", &many, 2, "\"c21\", and 8 more");
    check("sound.yaml --log - --map p=path", "path\n/\n", 2, "`p`");
    check("- --log -", "", 2, "both");
    check("nobody-drawn.yaml --svg x.svg", "", 2, "--from and --to");
    check(
        "nobody-drawn.yaml --from 2026-11-24T10:30:00Z",
        "",
        2,
        "both",
    );
    check(
        "sound.yaml --from 2026-11-24T10:30:00Z --to 2026-11-24T10:00:00Z",
        "",
        2,
        "other way round",
    );
}

/// Where a log says of some canaries who is who, those of which it does not are named.
#[test]
fn a_log_without_the_users_of_one_canary() {
    let other = "apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: cart}
spec:
  hosts: [cart]
  variants: {stable: {}, canary: {}}
  default: stable
  shares: {canary: 50%}
  unit: [{cookie: cart}]
";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cart.yaml");
    fs::write(&file, other).unwrap();
    let check = |more: &str, log: &str, named: bool| {
        let arguments = format!("simulate sound.yaml {} --log - {more}", file.display());
        let ran = coalmine_with(&arguments, log);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{log}");
        let line = "the log does not say who is who: cart tells users apart by cookie:cart, and no field is that\n";
        assert_eq!(ran.stdout.contains(line), named, "{log}: {ran}");
    };
    let both = "authority,x-user-id\nreviews,ada\ncart,ada\n";
    check("", both, true);
    check(
        "--map x-user-id=cookie:cart --map y=header:x-user-id",
        "authority,x-user-id,y\nreviews,a,a\ncart,a,a\n",
        false,
    );
    // Nothing is asked of one that had no request, or that is not meant.
    check("", "authority,x-user-id\nreviews,ada\n", false);
    check("--host reviews", both, false);
}

#[test]
fn a_log_that_is_no_text() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.csv");
    fs::write(&file, b"path,x-user-id\n/,ada\n/,\xff\xfe\n/,bob\n").unwrap();
    let ran = coalmine(&format!("simulate sound.yaml --log {}", file.display()));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(
        ran.stdout.contains("line 3: it is not UTF-8"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.starts_with("2 of 3 lines are requests"),
        "{}",
        ran.stdout
    );
}

#[test]
fn the_commands_of_the_docs_run() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root().join("examples"), folder.path().join("examples")).unwrap();
    let log = "{\"authority\": \"reviews\", \"user\": \"ada\"}\n";
    fs::write(folder.path().join("access.jsonl"), log).unwrap();
    let page = fs::read_to_string(root().join("docs/simulate.md")).unwrap();
    let lines = blocks(&page, "console");
    let mut tried = 0;
    for line in lines.iter().flat_map(|block| block.lines()) {
        let arguments = line.strip_prefix("$ coalmine ").expect(line);
        let arguments = shlex::split(arguments).unwrap();
        let ran = run(command().args(arguments).current_dir(folder.path()), "");
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{line}");
        if tried == 0 {
            // The page shows what comes out.
            assert!(
                blocks(&page, "text").contains(&ran.stdout.as_str()),
                "{}",
                ran.stdout
            );
        }
        tried += 1;
    }
    assert_eq!(tried, 9);
    let svg = fs::read_to_string(folder.path().join("ramp.svg")).unwrap();
    assert!(svg.contains("<polyline"), "{svg}");
}
