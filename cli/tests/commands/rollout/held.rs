//! What holds a rollout is told to whoever watches it run.

use super::folder::{AWAY, CANARY, Folder};
use std::fs;
use std::thread;
use std::time::Duration;

/// With readings often enough for a test.
fn folder() -> Folder {
    let (spec, _) = CANARY.split_once("  rollout:").unwrap();
    Folder::of(&format!(
        "{spec}  rollout: {{steps: [{{share: 10%, for: 1h}}], analysis: {{every: 100ms, delay: 100ms}}}}\n"
    ))
}

/// Each reason once, though the time in one of them goes on, and all of them at the end; where Prometheus was
/// looked for is told as well, and nothing of what may be secret in its address.
#[test]
fn a_run_says_once_what_holds_it() {
    let folder = folder();
    let ran = folder.run(
        "rollout run shop.yaml --config plugin.json --timeout 2 \
         --prometheus http://ada:secret@127.0.0.1:9/hidden?token=secret",
    );
    assert_eq!((ran.code, ran.stdout.as_str()), (4, ""), "{ran}");
    let unread = "evidence cannot be read: Prometheus at http://127.0.0.1:9: ";
    let lines: Vec<&str> = ran.stderr.lines().collect();
    let (last, lines) = lines.split_last().unwrap();
    for reason in ["of 1h have passed", unread] {
        let told = lines.iter().filter(|line| line.contains(reason)).count();
        assert_eq!(told, 1, "{reason}: {ran}");
        assert!(last.contains(reason), "{reason}: {ran}");
    }
    assert!(
        last.starts_with("not done yet; run it again, and it goes on; holding: "),
        "{ran}"
    );
    let kept = folder.read("shop.rollout.json");
    for text in [&ran.stderr, &kept] {
        assert!(text.contains(unread), "{text}");
        for secret in ["ada", "secret", "hidden", "token"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
}

/// What is in the way of a turn is a reason as well.
#[test]
fn a_run_that_lost_its_config_says_so_at_the_end() {
    let folder = folder();
    let run = format!("rollout run shop.yaml --config plugin.json --timeout 4 {AWAY}");
    let ran = thread::scope(|scope| {
        let running = scope.spawn(|| folder.run(&run));
        while !folder.read("plugin.json").contains("10%") && !running.is_finished() {
            thread::sleep(Duration::from_millis(20));
        }
        thread::sleep(Duration::from_millis(500));
        fs::remove_file(folder.path().join("plugin.json")).unwrap();
        running.join().unwrap()
    });
    assert_eq!(ran.code, 4, "{ran}");
    let last = ran.stderr.lines().last().unwrap();
    assert!(
        last.contains("it goes on; holding: cannot read plugin.json"),
        "{ran}"
    );
}

/// What a turn has put in force is not said to be still to come, neither by a run that has no time for another
/// turn, nor by a status.
#[test]
fn a_run_of_one_turn_says_what_holds_it_then() {
    let folder = folder();
    let ran = folder.run(&format!(
        "rollout run shop.yaml --config plugin.json --timeout 0 {AWAY}"
    ));
    assert_eq!(ran.code, 4, "{ran}");
    assert!(folder.read("plugin.json").contains("10%"), "{ran}");
    let status = folder.run("rollout status shop.yaml");
    for text in [ran.stderr, status.stdout] {
        assert!(text.contains("of 1h have passed"), "{text}");
        assert!(text.contains("there is no evidence yet"), "{text}");
        assert!(!text.contains("not in force"), "{text}");
    }
}
