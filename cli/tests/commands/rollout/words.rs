//! What people say to a rollout, and for which revision it counts.

use super::folder::{AWAY, CANARY, Folder};
use serde_json::Value;

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
