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
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("shop.yaml", CANARY);
        let ran = folder.run("render envoy shop.yaml -o run");
        assert_eq!(ran.code, 0, "{ran}");
        let ran = folder.run("render plugin shop.yaml");
        assert_eq!(ran.code, 0, "{ran}");
        folder.write("plugin.json", &ran.stdout);
        folder
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    pub(crate) fn run(&self, words: &str) -> Ran {
        let words = shlex::split(words).unwrap();
        run(command().args(words).current_dir(self.0.path()), "")
    }

    pub(crate) fn check(&self, words: &str, code: i32, says: &str) {
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
        "step shop.yaml --config nowhere.json --prometheus http://127.0.0.1:9",
        3,
        "make it with `coalmine render envoy`",
    );
    folder.check(
        "step shop.yaml --config broken.json --prometheus http://127.0.0.1:9",
        2,
        "broken.json",
    );
    folder.check(
        "step other.yaml --config plugin.json --prometheus http://127.0.0.1:9",
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
    folder.check(
        &format!("step shop.yaml --config plugin.json --journal /dev/null {AWAY}"),
        2,
        "a journal is a file, and /dev/null is none",
    );
    folder.check("status shop.yaml", 4, "phase     none");
    folder.check("report shop.yaml", 0, "It has not begun.");
}

/// Nobody answers there.
pub(crate) const AWAY: &str = "--prometheus http://127.0.0.1:9";

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
        say(
            "approve",
            2,
            "no rollout has begun that shop.rollout.json knows of",
        );
        folder.check(
            &format!("step shop.yaml --journal log --config {config} {AWAY}"),
            4,
            "waiting, step 1 of 2",
        );
        say("resume", 1, "nothing to resume: it is not paused");
        say("approve", 0, "ada has approved 10%");
        shared("10%");
        say("approve", 1, "nothing to approve: no step waits for it");
        say("pause", 0, "ada has paused it");
        shared("10%");
        say("promote", 0, "promoted by ada: 100%");
        shared("100%");
        folder.check("status shop.yaml", 0, "promoted");
        say("abort", 0, "aborted by ada");
        shared("0%");
        folder.check("status shop.yaml", 1, "aborted");
        say("abort", 1, "nothing to abort: it has ended");
        say("retry", 0, "ada tries it again");
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

/// What people say is about the rollout that there is; another revision draws others, and what was
/// aborted or lost its place does not come back by itself.
#[test]
fn revisions_have_their_own_users() {
    let folder = Folder::new();
    let step = |revision: &str, code, says: &str| {
        let words = format!("step shop.yaml --revision {revision} --config plugin.json {AWAY}");
        folder.check(&words, code, says);
    };
    let say = |words: &str, code, says: &str| {
        folder.check(&format!("{words} --config plugin.json"), code, says);
    };
    step("v2", 4, "waiting");
    say("approve shop.yaml", 0, "has approved 10%");
    assert!(folder.read("plugin.json").contains("\"salt\":\"shop@v2\""));
    say(
        "abort shop.yaml --revision v3",
        2,
        "revision v2 is rolled out, not v3",
    );
    say("abort shop.yaml", 0, "aborted");
    step("v2", 1, "it has ended before");
    step("v3", 4, "waiting");
    say("approve shop.yaml", 0, "has approved 10%");
    assert!(folder.read("plugin.json").contains("\"salt\":\"shop@v3\""));
    step("v4", 4, "v4 takes the place of v3");
    step("v3", 1, "v4 has taken its place");
    step("v2", 1, "v4 has taken its place");
    say("promote shop.yaml", 0, "promoted");
    step("v3", 1, "v4 has taken its place");
    assert!(folder.read("plugin.json").contains("\"canary\":\"100%\""));
    say("abort shop.yaml", 0, "aborted");
    step("v3", 1, "refused: this revision failed at");
    assert!(folder.read("plugin.json").contains("\"canary\":\"0%\""));
    say("retry shop.yaml --revision v2", 0, "tries it again");
}

/// What was said of one revision is not heard for another that has taken its place meanwhile; what stops it
/// is, whichever it is.
#[test]
fn words_are_for_the_revision_in_the_file() {
    let folder = Folder::new();
    let of = |revision: &str| CANARY.replace("rollout: {", &format!("rollout: {{{revision}"));
    for (name, revision) in [("a", "revision: v-a, "), ("b", "revision: v-b, ")] {
        folder.write(&format!("{name}.yaml"), &of(revision));
    }
    let say = |words: &str, code, says: &str| {
        let at = "--config plugin.json --state kept.json";
        folder.check(&format!("{words} {at}"), code, says);
    };
    let phase = |expected: &str| {
        let ran = folder.run("rollout status a.yaml -o env --state kept.json");
        assert!(ran.stdout.contains(expected), "{expected}: {ran}");
    };
    say(&format!("step a.yaml {AWAY}"), 4, "waiting");
    say(&format!("step b.yaml {AWAY}"), 4, "waiting");
    for word in ["approve", "resume", "promote"] {
        say(
            &format!("{word} a.yaml"),
            2,
            "revision v-b is rolled out, not v-a: if it is meant, name it with --revision",
        );
        phase(
            "ROLLOUT_PHASE=waiting\nROLLOUT_SHARE=0%\nROLLOUT_AWAITS=10%\nROLLOUT_REVISION=v-b\n",
        );
    }
    say("pause a.yaml", 0, "has paused it");
    say("resume a.yaml", 2, "not v-a");
    say("resume b.yaml", 0, "lets it go on");
    say("approve a.yaml --revision v-b", 0, "has approved 10%");
    phase("ROLLOUT_SHARE=10%");
    say("promote b.yaml --revision v-a", 2, "not v-a");
    say("abort a.yaml", 0, "aborted");
    phase("ROLLOUT_PHASE=aborted\nROLLOUT_SHARE=0%");

    // One that has no revision is stopped by a file that has one meanwhile.
    let say = |words: &str, code, says: &str| {
        let at = "--config plugin.json --state plain.json";
        folder.check(&format!("{words} {at}"), code, says);
    };
    say(&format!("step shop.yaml {AWAY}"), 4, "waiting");
    say(
        "approve a.yaml",
        2,
        "what is rolled out has no revision, so it is not v-a",
    );
    say("approve shop.yaml", 0, "has approved 10%");
    say("abort a.yaml", 0, "aborted");
}

/// An old success is not taken for a new one.
#[test]
fn what_was_promoted_before_says_so() {
    let folder = Folder::new();
    let step = format!("step shop.yaml --config plugin.json {AWAY}");
    folder.check(&step, 4, "waiting");
    folder.check("promote shop.yaml --config plugin.json", 0, "promoted");
    folder.check(&step, 0, "it has ended before");
    let config = folder.read("plugin.json").replace("100%", "0%");
    folder.write("plugin.json", &config);
    folder.check(&step, 2, "name what is new with --revision");
}

/// Wherever it is run, the state is beside the canary's file.
#[test]
fn the_state_is_where_the_canary_is() {
    let folder = Folder::new();
    let step = format!("step shop.yaml --config plugin.json {AWAY}");
    folder.check(&step, 4, "waiting");
    let elsewhere = tempfile::tempdir().unwrap();
    let path = folder.0.path().display();
    let words = [
        "rollout",
        "approve",
        &format!("{path}/shop.yaml"),
        "--config",
        &format!("{path}/plugin.json"),
    ]
    .map(str::to_owned);
    let ran = run(command().args(words).current_dir(elsewhere.path()), "");
    assert_eq!(ran.code, 0, "{ran}");
}

/// The config that proxies read may be of an older file.
#[test]
fn a_config_of_another_file_is_refused() {
    let folder = Folder::new();
    folder.write(
        "shop.yaml",
        &CANARY.replace("evidence: {}", "evidence: {slowerThan: [1s]}"),
    );
    folder.check(
        &format!("step shop.yaml --config plugin.json {AWAY}"),
        2,
        "has other bounds for slow responses in the config that proxies read than in its file: render it again",
    );
}

/// A journal that a death has cut short goes on with whole lines.
#[test]
fn a_journal_that_was_cut_is_mended() {
    let folder = Folder::new();
    folder.check(
        &format!("step shop.yaml --config plugin.json --journal log {AWAY}"),
        4,
        "waiting",
    );
    folder.check(
        "approve shop.yaml --config plugin.json --journal log",
        0,
        "approved",
    );
    let text = folder.read("log");
    folder.write("log", &text[..text.len() - 20]);
    folder.check(
        "pause shop.yaml --config plugin.json --journal log",
        0,
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

/// A job that may not wait for days ends where somebody has to say something, and another one goes on.
#[test]
fn a_run_ends_where_an_approval_is_wanted() {
    let folder = Folder::new();
    let run = format!("run shop.yaml --until-approval --timeout 0 --config plugin.json {AWAY}");
    folder.check(
        &run,
        4,
        "10% waits for an approval: `approve` it and run it again",
    );
    let status = folder.run("rollout status shop.yaml -o json");
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(status["awaits"], "10%");
    folder.check("approve shop.yaml --config plugin.json", 0, "approved");
    folder.check(&run, 4, "not done yet");
    let status = folder.run("rollout status shop.yaml -o json");
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(status["awaits"], Value::Null);
}

/// What a job hands on to the next: whatever is in a message, a line is one value. `status` and
/// `report` take the words that say where the others act.
#[test]
fn a_status_is_lines_for_the_next_job() {
    let folder = Folder::new();
    let at = "--config plugin.json --journal log --state kept.json --notify http://127.0.0.1:9";
    let check = |code: i32, expected: &str| {
        let ran = folder.run(&format!("rollout status shop.yaml -o env {at}"));
        assert_eq!((ran.code, ran.stdout.as_str()), (code, expected), "{ran}");
    };
    check(
        4,
        "ROLLOUT_PHASE=none\nROLLOUT_SHARE=0%\nROLLOUT_AWAITS=\nROLLOUT_REVISION=\nROLLOUT_LAST=\n",
    );
    folder.check(
        &format!("step shop.yaml --revision v2 {at} {AWAY}"),
        4,
        "waiting",
    );
    check(
        4,
        "ROLLOUT_PHASE=waiting\nROLLOUT_SHARE=0%\nROLLOUT_AWAITS=10%\nROLLOUT_REVISION=v2\n\
         ROLLOUT_LAST=waiting: waits for an approval before it has 10%\n",
    );
    let by = "--by 'ada\nROLLOUT_PHASE=promoted'";
    folder.check(&format!("abort shop.yaml {by} {at}"), 0, "aborted");
    check(
        1,
        "ROLLOUT_PHASE=aborted\nROLLOUT_SHARE=0%\nROLLOUT_AWAITS=\nROLLOUT_REVISION=v2\n\
         ROLLOUT_LAST=aborted: aborted by ada ROLLOUT_PHASE=promoted\n",
    );
    folder.check(
        &format!("report shop.yaml {at}"),
        0,
        "| aborted | 0% | aborted by ada",
    );
}
