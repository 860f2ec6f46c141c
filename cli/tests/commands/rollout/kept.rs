//! What a rollout keeps and hands on: its state, its journal, and lines for the next job.

use super::folder::{AWAY, Folder};
use crate::run::{command, run};
use serde_json::Value;

/// Wherever it is run, the state is beside the canary's file.
#[test]
fn the_state_is_where_the_canary_is() {
    let folder = Folder::new();
    let step = format!("step shop.yaml --config plugin.json {AWAY}");
    folder.check(&step, 4, "waiting");
    let elsewhere = tempfile::tempdir().unwrap();
    let path = folder.path().display();
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

/// The source file has no share that a rollout gave: whoever renders it again takes that away.
#[test]
fn a_file_that_is_rendered_again_takes_the_share_back() {
    let folder = Folder::new();
    let config = "run/xds/coalmine.json";
    let shares = |share: &str| {
        let config = folder.read(config).replace('\\', "");
        let expected = format!("\"shares\":{{\"canary\":\"{share}\"}}");
        assert!(config.contains(&expected), "{config}");
    };
    let step = format!("step shop.yaml --config {config} {AWAY}");
    folder.check(&step, 4, "waiting");
    folder.check(&format!("approve shop.yaml --config {config}"), 0, "10%");
    shares("10%");
    assert_eq!(folder.run("render envoy shop.yaml -o run").code, 0);
    assert!(!folder.read(config).contains("shares"));
    folder.check(
        &step,
        4,
        "drifted: 0% is in force, where 10% was: somebody has lowered it, so it is paused",
    );
    folder.check(&step, 4, "whoever lowered the share has paused it");
    assert!(!folder.read(config).contains("shares"));
    folder.check(
        &format!("resume shop.yaml --config {config}"),
        0,
        "lets it go on",
    );
    shares("10%");
}
