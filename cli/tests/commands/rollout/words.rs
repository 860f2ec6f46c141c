//! What people say to a rollout, and for which revision it counts.

use super::folder::{AWAY, CANARY, Folder};
use serde_json::Value;

/// Says one line after the other, each with `more` behind it, a turn by a machine and all else by ada. A line is
/// what is said, the exit code, a part of the answer, and a part of the config afterwards if that is looked at.
fn check(folder: &Folder, config: &str, more: &str, lines: &str) {
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut cells = line.split('|').map(str::trim);
        let mut cell = || cells.next().unwrap_or_default();
        let (words, code, says, after) = (cell(), cell().parse().unwrap(), cell(), cell());
        let by = match words.starts_with("step") {
            true => AWAY,
            false => "--by ada",
        };
        folder.check(
            &format!("{words} {more} --config {config} {by}"),
            code,
            says,
        );
        // In one of its forms it is a text in JSON.
        let config = folder.read(config).replace('\\', "");
        assert!(config.contains(after), "{line}: {config}");
    }
}

#[test]
fn people_have_the_last_word_in_either_form() {
    for config in ["run/xds/coalmine.json", "plugin.json"] {
        let folder = Folder::new();
        let check = |lines: &str| check(&folder, config, "shop.yaml --journal log", lines);
        check(
            r#"
            approve | 2 | no rollout has begun that shop.rollout.json knows of
            step    | 4 | waiting, step 1 of 2
            resume  | 1 | nothing to resume: it is not paused
            approve | 0 | ada has approved 10%                      | "shares":{"canary":"10%"}
            approve | 1 | nothing to approve: no step waits for it
            pause   | 0 | ada has paused it                         | "shares":{"canary":"10%"}
            promote | 0 | promoted by ada: 100%                     | "shares":{"canary":"100%"}
            "#,
        );
        folder.check("status shop.yaml", 0, "promoted");
        check(r#"abort | 0 | aborted by ada | "shares":{"canary":"0%"}"#);
        folder.check("status shop.yaml", 1, "aborted");
        check(
            "
            abort | 1 | nothing to abort: it has ended
            retry | 0 | ada tries it again
            ",
        );
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
    check(
        &folder,
        "plugin.json",
        "",
        r#"
        step shop.yaml --revision v2  | 4 | waiting
        approve shop.yaml             | 0 | has approved 10%                    | "salt":"shop@v2"
        abort shop.yaml --revision v3 | 2 | revision v2 is rolled out, not v3
        abort shop.yaml               | 0 | aborted
        step shop.yaml --revision v2  | 1 | it has ended before
        step shop.yaml --revision v3  | 4 | waiting
        approve shop.yaml             | 0 | has approved 10%                    | "salt":"shop@v3"
        step shop.yaml --revision v4  | 4 | v4 takes the place of v3
        step shop.yaml --revision v3  | 1 | v4 has taken its place
        step shop.yaml --revision v2  | 1 | v4 has taken its place
        promote shop.yaml             | 0 | promoted
        step shop.yaml --revision v3  | 1 | v4 has taken its place              | "canary":"100%"
        abort shop.yaml               | 0 | aborted
        step shop.yaml --revision v3  | 1 | refused: this revision failed at    | "canary":"0%"
        retry shop.yaml --revision v2 | 0 | tries it again
        "#,
    );
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
    let check = |state: &str, lines: &str| {
        check(&folder, "plugin.json", &format!("--state {state}"), lines);
    };
    let phase = |expected: &str| {
        let ran = folder.run("rollout status a.yaml -o env --state kept.json");
        assert!(ran.stdout.contains(expected), "{expected}: {ran}");
    };
    check(
        "kept.json",
        "
        step a.yaml | 4 | waiting
        step b.yaml | 4 | waiting
        ",
    );
    for word in ["approve", "resume", "promote"] {
        let refused =
            "revision v-b is rolled out, not v-a: if it is meant, name it with --revision";
        check("kept.json", &format!("{word} a.yaml | 2 | {refused}"));
        phase(
            "ROLLOUT_PHASE=waiting\nROLLOUT_SHARE=0%\nROLLOUT_AWAITS=10%\nROLLOUT_REVISION=v-b\n",
        );
    }
    check(
        "kept.json",
        "
        pause a.yaml                  | 0 | has paused it
        resume a.yaml                 | 2 | not v-a
        resume b.yaml                 | 0 | lets it go on
        approve a.yaml --revision v-b | 0 | has approved 10%
        ",
    );
    phase("ROLLOUT_SHARE=10%");
    check(
        "kept.json",
        "
        promote b.yaml --revision v-a | 2 | not v-a
        abort a.yaml                  | 0 | aborted
        ",
    );
    phase("ROLLOUT_PHASE=aborted\nROLLOUT_SHARE=0%");

    // One that has no revision is stopped by a file that has one meanwhile.
    check(
        "plain.json",
        "
        step shop.yaml    | 4 | waiting
        approve a.yaml    | 2 | what is rolled out has no revision, so it is not v-a
        approve shop.yaml | 0 | has approved 10%
        abort a.yaml      | 0 | aborted
        ",
    );
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
    let awaits = |expected: Value| {
        let status = folder.run("rollout status shop.yaml -o json");
        let status: Value = serde_json::from_str(&status.stdout).unwrap();
        assert_eq!(status["awaits"], expected);
    };
    awaits("10%".into());
    folder.check("approve shop.yaml --config plugin.json", 0, "approved");
    folder.check(&run, 4, "not done yet");
    awaits(Value::Null);
}
