//! `coalmine rollout` without a Prometheus: what it refuses, what people can say, and what is kept.

use crate::run::{Ran, command, run};
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

const CANARY: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: shop}
spec:
  hosts: [shop]
  variants: {stable: {endpoints: ['127.0.0.1:1']}, canary: {endpoints: ['127.0.0.1:2']}}
  default: stable
  unit: [{header: x-user-id}]
  evidence: {}
  rollout: {steps: [{share: 10%, for: 1m, approve: true}, {share: 50%, for: 1m}]}
";

/// A folder with a canary and the config that proxies read, in either of its forms.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("shop.yaml", CANARY);
        let ran = folder.run("render envoy shop.yaml -o run");
        assert_eq!(ran.code, 0, "{ran}");
        let ran = folder.run("render plugin shop.yaml");
        assert_eq!(ran.code, 0, "{ran}");
        folder.write("plugin.json", &ran.stdout);
        folder
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    fn run(&self, words: &str) -> Ran {
        let words = shlex::split(words).unwrap();
        run(command().args(words).current_dir(self.0.path()), "")
    }

    fn check(&self, words: &str, code: i32, says: &str) {
        let ran = self.run(&format!("rollout {words}"));
        assert_eq!(ran.code, code, "{words}: {ran}");
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains(says), "{words}: {ran}");
    }
}

#[test]
fn what_cannot_be_is_told_with_what_to_do() {
    let folder = Folder::new();
    folder.write("plain.yaml", &CANARY.replace("  rollout:", "  # rollout:"));
    let other = CANARY
        .replace("name: shop", "name: carts")
        .replace("[shop]", "[carts]");
    folder.write("other.yaml", &other);
    folder.write("broken.json", "{}");
    folder.write("state.json", "{\"version\":7}");
    folder.check(
        "plan plain.yaml",
        2,
        "no canary has a rollout: write `rollout:",
    );
    folder.check(
        "plan plain.yaml --canary shop",
        2,
        "canary shop has no rollout",
    );
    folder.check(
        "plan plain.yaml --canary cart",
        2,
        "there is no canary cart: there is shop",
    );
    folder.check(
        "plan shop.yaml other.yaml",
        2,
        "name one of shop, carts with --canary",
    );
    folder.check(
        "plan shop.yaml --requests-per-minute 0",
        2,
        "without requests a rollout holds",
    );
    folder.check(
        "approve shop.yaml --config nowhere.json",
        3,
        "make it with `coalmine render envoy`",
    );
    folder.check("approve shop.yaml --config broken.json", 2, "broken.json");
    folder.check(
        "approve other.yaml --config plugin.json",
        2,
        "canary carts is not in the config",
    );
    folder.check(
        "status shop.yaml --state state.json",
        2,
        "is of version 7, and this is for version 1",
    );
    folder.check("step shop.yaml --config plugin.json", 2, "--prometheus");
    folder.check(
        "step shop.yaml --config plugin.json --prometheus localhost:9090",
        2,
        "begins with http://",
    );
    folder.check("status shop.yaml", 4, "phase     none");
    folder.check("report shop.yaml", 0, "It has not begun.");
}

#[test]
fn people_have_the_last_word_in_either_form() {
    for config in ["run/xds/coalmine.json", "plugin.json"] {
        let folder = Folder::new();
        let say = |word: &str, code, says: &str| {
            folder.check(
                &format!("{word} shop.yaml --by ada --journal log --config {config}"),
                code,
                says,
            );
        };
        let shared = |share: &str| {
            let config = folder.read(config).replace('\\', "");
            let shares = format!("\"shares\":{{\"canary\":\"{share}\"}}");
            assert!(config.contains(&shares), "{share}: {config}");
        };
        say("resume", 4, "nothing to resume: it is not paused");
        say("approve", 4, "ada has approved 10%");
        shared("10%");
        say("approve", 4, "nothing to approve: no step waits for it");
        say("pause", 4, "ada has paused it");
        say("promote", 0, "promoted by ada: 100%");
        shared("100%");
        say("abort", 1, "aborted by ada");
        shared("0%");
        say("abort", 1, "nothing to abort: it has ended");
        say("retry", 4, "ada tries it again");
        let numbers: Vec<u64> = folder
            .read("log")
            .lines()
            .map(|line| {
                serde_json::from_str::<Value>(line).unwrap()["number"]
                    .as_u64()
                    .unwrap()
            })
            .collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
        let status = folder.run("rollout status shop.yaml -o json");
        let status: Value = serde_json::from_str(&status.stdout).unwrap();
        assert_eq!(
            (&status["phase"], &status["step"]),
            (&"waiting".into(), &1.into())
        );
    }
}

/// Another revision draws others, and one that was aborted is not tried again by itself.
#[test]
fn revisions_have_their_own_users() {
    let folder = Folder::new();
    let say = |words: &str, code, says: &str| {
        folder.check(&format!("{words} --config plugin.json"), code, says);
    };
    say("approve shop.yaml --revision v2", 4, "has approved 10%");
    assert!(folder.read("plugin.json").contains("\"salt\":\"shop@v2\""));
    say("abort shop.yaml --revision v2", 1, "aborted");
    say("approve shop.yaml --revision v3", 4, "has approved 10%");
    assert!(folder.read("plugin.json").contains("\"salt\":\"shop@v3\""));
    say(
        "approve shop.yaml --revision v2",
        1,
        "refused: this revision failed at",
    );
    assert!(folder.read("plugin.json").contains("\"canary\":\"0%\""));
}

/// A journal that a death has cut short goes on with whole lines.
#[test]
fn a_journal_that_was_cut_is_mended() {
    let folder = Folder::new();
    folder.check(
        "approve shop.yaml --config plugin.json --journal log",
        4,
        "approved",
    );
    let text = folder.read("log");
    folder.write("log", &text[..text.len() - 20]);
    folder.check(
        "pause shop.yaml --config plugin.json --journal log",
        4,
        "paused",
    );
    let text = folder.read("log");
    let whole = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let numbers: Vec<u64> = whole
        .map(|entry| entry["number"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}
