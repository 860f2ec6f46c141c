//! What the inputs of the action become: arguments that `coalmine` takes, whatever is in them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use clap::Parser;
use coalmine_cli::command::Cli;
use serde_json::{Value, json};

use crate::actions::{Done, Runner, yaml};
use crate::setting::{Job, delivered};

/// A `coalmine` that writes down what it is called with and what it is told by the environment, and ends with
/// $CODE, but for who only looks.
const RECORDER: &str = r#"#!/bin/bash
here=${0%/bin/coalmine}
printf '%s\0' "$@" "header=$COALMINE_PROMETHEUS_HEADER" "prometheus=$COALMINE_PROMETHEUS" >> "$here/called"
printf '\n' >> "$here/called"
case "$*" in
  *' -o env'*) printf 'ROLLOUT_PHASE=%s\nROLLOUT_SHARE=10%%\nROLLOUT_AWAITS=%s\nROLLOUT_LAST=\n' "$PHASE" "$AWAITS" ;;
  *) exit "$CODE" ;;
esac
"#;

/// The action with these inputs, where `coalmine` ends with a code and its status has a phase and what it awaits.
fn action(inputs: &Value, (code, phase, awaits): (i32, &str, &str)) -> (Done, Vec<Vec<String>>) {
    let job = Job::new();
    let recorder = job.kept().join("bin/coalmine");
    fs::write(&recorder, RECORDER).unwrap();
    fs::set_permissions(&recorder, Permissions::from_mode(0o755)).unwrap();
    let environment = [
        ("CODE", code.to_string()),
        ("PHASE", phase.to_owned()),
        ("AWAITS", awaits.to_owned()),
        (
            "COALMINE_PROMETHEUS",
            "http://of.the.environment".to_owned(),
        ),
    ];
    let runner = Runner {
        job: &job,
        environment: environment
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
        actor: "ada",
    };
    let steps = json!([{"id": "it", "uses": "./.github/actions/coalmine", "with": inputs}]);
    let done = runner.steps(&steps, &json!({}));
    let called = fs::read_to_string(job.kept().join("called")).unwrap_or_default();
    let calls = called.split_terminator("\0\n");
    let words = |call: &str| call.split('\0').map(str::to_owned).collect();
    (done, calls.map(words).collect())
}

/// Checks the first call: its arguments, and the header and address of Prometheus in its environment.
fn check(inputs: Value, expected: &[&str]) {
    let (_, calls) = action(&inputs, (0, "promoted", ""));
    assert_eq!(calls[0], expected, "{inputs}");
    // Whoever looks afterwards says where, and the real command takes all of it.
    for call in &calls {
        let words = &call[..call.len() - 2];
        let (before, files) = words.split_at(words.iter().position(|word| word == "--").unwrap());
        let drives = ["run", "step"].contains(&words[1].as_str());
        let prometheus = drives.then_some("--prometheus=http://a".to_owned());
        let words = [&["coalmine".to_owned()], before].concat().into_iter();
        let read = Cli::try_parse_from(words.chain(prometheus).chain(files.to_vec()));
        assert!(read.is_ok(), "{call:?}: {}", read.unwrap_err());
    }
}

#[test]
fn inputs_become_arguments() {
    let (no_header, prometheus) = ("header=", "prometheus=http://of.the.environment");
    check(
        json!({"files": "a.yaml", "config": "c.json", "state": "/kept/s.json"}),
        &[
            "rollout",
            "run",
            "--timeout=20000",
            "--until-approval",
            "--config=c.json",
            "--state=/kept/s.json",
            "--",
            "a.yaml",
            no_header,
            prometheus,
        ],
    );
    check(
        json!({
            "files": "a.yaml\n\nb c.yaml\n", "canary": "n/a", "timeout": "60", "until-approval": "false",
            "git": "a.yaml", "git-push": "origin", "state": "/kept/s.json", "journal": "/kept/j",
            "prometheus": "http://p", "prometheus-header": "authorization: Bearer x",
        }),
        &[
            "rollout",
            "run",
            "--timeout=60",
            "--canary=n/a",
            "--git=a.yaml",
            "--git-push=origin",
            "--state=/kept/s.json",
            "--journal=/kept/j",
            "--",
            "a.yaml",
            "b c.yaml",
            "header=authorization: Bearer x",
            "prometheus=http://p",
        ],
    );
    check(
        json!({
            "command": "step", "files": "a.yaml", "revision": "v 1", "wasm-plugin": "n/p", "kubeconfig": "k",
            "context": "c",
        }),
        &[
            "rollout",
            "step",
            "--revision=v 1",
            "--wasm-plugin=n/p",
            "--kubeconfig=k",
            "--context=c",
            "--",
            "a.yaml",
            no_header,
            prometheus,
        ],
    );
    check(
        json!({"command": "abort", "files": "a.yaml", "traffic-extension": "n/p"}),
        &[
            "rollout",
            "abort",
            "--by=ada",
            "--traffic-extension=n/p",
            "--",
            "a.yaml",
            no_header,
            prometheus,
        ],
    );
    check(
        json!({"command": "approve", "files": "a.yaml", "wasm-plugin": "n/p", "by": "bob"}),
        &[
            "rollout",
            "approve",
            "--by=bob",
            "--wasm-plugin=n/p",
            "--",
            "a.yaml",
            no_header,
            prometheus,
        ],
    );
    check(
        json!({"command": "status", "files": "a.yaml", "wasm-plugin": "n/p", "revision": "v2"}),
        &[
            "rollout",
            "status",
            "--wasm-plugin=n/p",
            "--",
            "a.yaml",
            no_header,
            prometheus,
        ],
    );
}

/// Whatever is in an input is one argument, and no part of the script.
#[test]
fn inputs_are_no_script() {
    let declared = yaml(&delivered("github/action.yml"))["inputs"].clone();
    let names: Vec<&String> = declared.as_object().unwrap().keys().collect();
    for hostile in [
        "$(exit 7)",
        "`exit 7`",
        "\"; exit 7; \"",
        "'; exit 7; '",
        "--help",
        "${IFS}* %0A",
    ] {
        for name in &names {
            // These two choose what is run.
            if ["command", "coalmine"].contains(&name.as_str()) {
                continue;
            }
            let mut inputs = json!({"files": "a.yaml", "until-approval": "false"});
            inputs[name.as_str()] = hostile.into();
            if *name == "by" {
                inputs["command"] = "pause".into();
            }
            let (done, calls) = action(&inputs, (0, "promoted", ""));
            assert!(done.success, "{name}: {hostile}: {}", done.log);
            let told = if *name == "prometheus-header" {
                "header"
            } else {
                name
            };
            let expected = match name.as_str() {
                "files" => hostile.to_owned(),
                "prometheus" | "prometheus-header" => format!("{told}={hostile}"),
                _ => format!("--{name}={hostile}"),
            };
            let times = calls[0].iter().filter(|word| **word == expected).count();
            let wanted = usize::from(*name != "until-approval");
            assert_eq!(times, wanted, "{name}: {hostile}: {:?}", calls[0]);
        }
    }
    let (done, calls) = action(
        &json!({"command": "status; exit 0", "files": "a"}),
        (0, "", ""),
    );
    assert!(!done.success && calls.is_empty(), "{}", done.log);
}

#[test]
fn codes_become_outcomes() {
    let check =
        |command: &str, ends: (i32, &str, &str), success: bool, outcome: &str, says: &str| {
            let inputs = json!({"command": command, "files": "a.yaml", "config": "c.json"});
            let (done, _) = action(&inputs, ends);
            let outputs = &done.steps["it"]["outputs"];
            assert_eq!(
                (done.success, &outputs["outcome"]),
                (success, &outcome.into()),
                "{command} {ends:?}"
            );
            assert_eq!(outputs["exit-code"], ends.0.to_string());
            assert!(done.log.contains(says), "{command} {ends:?}: {}", done.log);
        };
    for drive in ["run", "step"] {
        check(drive, (0, "promoted", ""), true, "promoted", "::notice ");
        check(
            drive,
            (1, "rolled-back", ""),
            false,
            "rolled-back",
            "::error ",
        );
        check(drive, (1, "aborted", ""), false, "aborted", "::error ");
        check(drive, (1, "walking", ""), false, "superseded", "::error ");
        check(drive, (2, "", ""), false, "refused", "::error ");
        check(drive, (3, "walking", ""), false, "failed", "::error ");
        check(drive, (127, "", ""), false, "failed", "::error ");
        check(drive, (4, "walking", ""), true, "underway", "::notice ");
        check(
            drive,
            (4, "waiting", "50%"),
            true,
            "awaiting-approval",
            "::notice ",
        );
    }
    check("approve", (0, "waiting", ""), true, "heard", "::notice ");
    check(
        "approve",
        (1, "walking", ""),
        true,
        "not-heard",
        "::warning ",
    );
    check("abort", (3, "walking", ""), false, "failed", "::error ");
    // A patch that nobody has committed yet.
    check("abort", (4, "aborted", ""), true, "underway", "::notice ");
    check("status", (0, "promoted", ""), true, "promoted", "::notice ");
    check("status", (1, "rolled-back", ""), true, "rolled-back", "");
    check("status", (2, "", ""), false, "refused", "::error ");
}
