//! The help teaches: what there is, examples, exit codes.

use crate::run::{coalmine, command, data_folder, run};
use clap::CommandFactory;
use coalmine_cli::command::Cli;
use insta::assert_snapshot;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What `coalmine module push` may have printed.
const MODULE: &str = "oci://registry.example.com/coalmine@sha256:\
    0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Every command there is, the empty word for all of them together.
fn commands() -> Vec<String> {
    fn walk(command: &clap::Command, words: &str, found: &mut Vec<String>) {
        found.push(words.trim_start().to_owned());
        for below in command.get_subcommands() {
            walk(below, &format!("{words} {}", below.get_name()), found);
        }
    }
    let mut found = Vec::new();
    walk(&Cli::command(), "", &mut found);
    found
}

#[test]
fn every_command_explains_itself() {
    let commands = commands();
    assert!(commands.len() > 30, "{commands:?}");
    for command in commands {
        let ran = coalmine(&format!("{command} --help"));
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{command}");
        assert!(ran.stdout.contains("Exit codes:"), "{command}");
        let name = format!("help {command}").trim().replace(' ', "_");
        assert_snapshot!(name, ran.stdout);
    }
}

/// What a mesh would have for the canary of [`data_folder`].
fn manifests_for(canary: &Path) -> String {
    let module = format!(
        "oci://registry.example.com/coalmine@sha256:{}",
        "0".repeat(64)
    );
    let mut render = command();
    render
        .args(["render", "istio", "--module", &module])
        .arg(canary);
    run(&mut render, "").stdout
}

/// Every example that needs nothing but files does what it says, up to what other programs do with it.
#[test]
fn examples_work() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("canaries")).unwrap();
    let shop = data_folder().join("../../../examples/service-per-version.yaml");
    fs::copy(shop, folder.path().join("shop.yaml")).unwrap();
    for copy in ["reviews.yaml", "canaries/reviews.yaml"] {
        fs::copy(data_folder().join("sound.yaml"), folder.path().join(copy)).unwrap();
    }
    for (file, copy) in [
        ("routes.yaml", "their-routes.yaml"),
        ("gateway-routes.yaml", "their-shop.yaml"),
    ] {
        fs::copy(data_folder().join(file), folder.path().join(copy)).unwrap();
    }
    let log = r#"{"authority": "reviews", "uid": "alice"}"#;
    fs::write(folder.path().join("access.log"), log).unwrap();
    let log = "{\"authority\": \"reviews\", \"user\": \"ada\"}\n";
    fs::write(folder.path().join("access.jsonl"), log).unwrap();
    let manifests = manifests_for(&folder.path().join("canaries/reviews.yaml"));
    fs::create_dir(folder.path().join("manifests")).unwrap();
    for file in ["cluster.yaml", "manifests/all.yaml"] {
        fs::write(folder.path().join(file), &manifests).unwrap();
    }
    let mut tried = 0;
    // These want a cluster, a Prometheus, a registry or a key.
    let elsewhere = ["envoy", "module", "pin", "rollout", "status"];
    let here = |command: &String| !elsewhere.iter().any(|first| command.starts_with(first));
    for command in commands().into_iter().filter(here) {
        let help = coalmine(&format!("{command} --help")).stdout;
        let (_, examples) = help.split_once("Examples:\n").unwrap();
        for line in examples
            .lines()
            .take_while(|line| !line.starts_with("Exit codes"))
        {
            // What follows is a remark, or another program's.
            let line = line.trim().split("    ").next().unwrap();
            let line = line.split(" | jq").next().unwrap();
            let line = line.split(" | kubectl").next().unwrap();
            if !line.contains("coalmine ") {
                continue;
            }
            let program = format!("{} ", env!("CARGO_BIN_EXE_coalmine"));
            let mut shell = Command::new("sh");
            shell
                .args(["-c", &line.replace("coalmine ", &program)])
                .env("MODULE", MODULE)
                .current_dir(folder.path());
            let ran = run(&mut shell, "");
            assert_eq!(ran.code, 0, "{line}: {ran}");
            tried += 1;
        }
    }
    assert_eq!(tried, 65);
}

#[test]
fn refused_arguments() {
    let check = |arguments: &str, needed: &str| {
        let ran = coalmine(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments}");
        assert!(ran.stderr.contains(needed), "{arguments}: {}", ran.stderr);
    };
    check("", "Usage: coalmine <COMMAND>");
    check("validat x.yaml", "'validate'");
    check("validate", "<FILE|FOLDER>");
    check("render envoy sound.yaml", "--output <FOLDER>");
    check("explain sound.yaml --header nothing", "'x-user-id: alice'");
    check("explain sound.yaml --header ': x'", "it has no name");
    check("explain sound.yaml --header 'host: x'", "--host");
    check("explain sound.yaml --cookie nothing", "session=abc");
    check("explain sound.yaml --at noon", "RFC 3339");
    for draw in [
        "xyz",
        "+8",
        "-8",
        "''",
        "8_0",
        "111111111111111111111111111111111",
    ] {
        check(&format!("explain sound.yaml --draw={draw}"), "hexadecimal");
    }
    // In our words, and with what to write.
    for (arguments, needed) in [
        ("rollout run x.yaml --timeout 5s", "of seconds, like 7200"),
        (
            "rollout plan x.yaml --requests-per-minute many",
            "like 1000",
        ),
        ("rollout plan x.yaml --design-effect many", "write a number"),
        ("simulate x.yaml --units 2000000000", "from 1 to 1000000000"),
        ("simulate x.yaml --points many", "from 2 to 1000"),
        ("simulate x.yaml --seed many", "write a whole number"),
        ("render envoy x.yaml --trusted-hops 1.5", "a whole number"),
        (
            "render envoy x.yaml --max-request-headers 1k",
            "from 1 to 8192",
        ),
        ("render envoy x.yaml --listen 19111", "like 127.0.0.1:10000"),
        ("envoy run -f x.yaml --admin :19111", "like 127.0.0.1:10000"),
    ] {
        check(arguments, needed);
    }
    check(
        "explain sound.yaml -o xml",
        "[possible values: table, json, yaml]",
    );
}

/// A program that asked for JSON gets it for its own slips, too.
#[test]
fn refused_arguments_for_programs() {
    let check = |arguments: &str, needed: &str| {
        let ran = coalmine(arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (2, ""), "{arguments}");
        let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(report["ok"], false, "{arguments}");
        let message = report["diagnostics"][0]["message"].as_str().unwrap();
        assert!(message.contains(needed), "{arguments}: {message}");
        assert!(!message.contains("Usage") && !message.starts_with("error"));
    };
    check("explain sound.yaml --at noon -o json", "RFC 3339");
    check("explain -o json", "<FILE|FOLDER>");
    check("validate --output=json sound.yaml --no", "'--no'");
    check(
        "simulate sound.yaml -ojson --units 0",
        "write a whole number from 1 to",
    );
    let ran = coalmine("explain sound.yaml --at noon -o yaml");
    assert!(ran.stdout.starts_with("ok: false\n"), "{ran}");
    // What stands behind -- is a curl line, and -o there is curl's.
    let ran = coalmine("explain sound.yaml --at noon -- curl x -o json");
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran}");
}
