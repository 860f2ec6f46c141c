//! What becomes of versions under Spinnaker's pipelines.

use coalmine_integration::command::coalmine;

use crate::pipeline::{Execution, FAILED_CONTINUE, SKIPPED, SUCCEEDED, TERMINAL};
use crate::setting::Setting;

const ROLLOUT: &str = "spinnaker/rollout.json";
const JUDGE: &str = "spinnaker/judge.json";

#[test]
fn a_good_version_is_promoted_when_it_is_approved() {
    let setting = Setting::of_failing(5);
    let done = Execution::of(&setting, ROLLOUT, Some("continue"));
    assert_eq!(
        done.ran(),
        ["Approve", "Continue", "Judge", "Promoted", "Walk"]
    );
    assert!(!done.failed());
    assert_eq!(done.stages["Walk"]["context"]["rollout"]["awaits"], "50%");
    assert_eq!(
        done.stages["Judge"]["context"]["rollout"]["phase"],
        "promoted"
    );
    assert_eq!(setting.cluster.share(), "100%");
    // Again, because the one before was lost: nobody is asked.
    let again = Execution::of(&setting, ROLLOUT, None);
    assert_eq!(
        (again.ran(), again.failed()),
        (vec!["Judge", "Promoted", "Walk"], false)
    );
}

#[test]
fn a_bad_version_is_rolled_back_and_fails_the_pipeline() {
    let setting = Setting::of_failing(400);
    let done = Execution::of(&setting, ROLLOUT, None);
    assert_eq!(done.ran(), ["Judge", "Promoted", "Walk"]);
    assert_eq!(done.stages["Walk"]["status"], FAILED_CONTINUE);
    assert_eq!(done.stages["Promoted"]["status"], TERMINAL);
    assert_eq!(
        done.stages["Judge"]["context"]["rollout"]["phase"],
        "rolled-back"
    );
    assert_eq!(setting.cluster.share(), "0%");
    // What has failed once does not fail the pipeline of turns again and again.
    let turn = Execution::of(&setting, JUDGE, None);
    assert_eq!(turn.stages["Turn"]["context"]["turn"], "none");
    assert!(!turn.failed());
}

#[test]
fn the_judgment_takes_it_back() {
    let setting = Setting::of_failing(5);
    // Nothing begins by turns alone.
    let turn = Execution::of(&setting, JUDGE, None);
    assert_eq!(turn.stages["Turn"]["context"]["rollout"]["phase"], "none");
    let done = Execution::of(&setting, ROLLOUT, Some("abort"));
    assert_eq!(
        done.ran(),
        ["Abort", "Approve", "Judge", "Promoted", "Walk"]
    );
    assert!(done.failed());
    assert_eq!(
        done.stages["Judge"]["context"]["rollout"]["phase"],
        "aborted"
    );
    assert_eq!(setting.cluster.share(), "0%");
}

/// Turns watch over a rollout that no other pipeline is at, and tell once that it was rolled back.
#[test]
fn turns_roll_back_as_well() {
    let setting = Setting::of_failing(400);
    let begin = [
        "coalmine",
        "rollout",
        "step",
        "reviews.yaml",
        "--wasm-plugin",
        "istio-system/coalmine",
    ];
    let environment = [("COALMINE_PROMETHEUS".to_owned(), setting.prometheus())];
    let folder = setting.job.repository().join("canaries");
    assert_eq!(
        setting.job.run(&begin, &folder, &environment.into()).code,
        4
    );
    let mut turns = Vec::new();
    while turns.len() < 30 && turns.last().is_none_or(|turn| turn == "4") {
        std::thread::sleep(std::time::Duration::from_millis(600));
        let turn = Execution::of(&setting, JUDGE, None);
        turns.push(
            turn.stages["Turn"]["context"]["turn"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
        assert_eq!(turn.failed(), turns.last().unwrap() == "1");
    }
    assert_eq!(turns.last().unwrap(), "1", "{turns:?}");
    assert_eq!(setting.cluster.share(), "0%");
    assert!(!Execution::of(&setting, JUDGE, None).failed());
}

/// What becomes of a Job says nothing of the canary: whatever was there stays, and turns go on with it.
#[test]
fn a_job_that_fails_takes_nothing_back() {
    let setting = Setting::of_failing(5);
    setting.job.dies_when(setting.cluster.has("20%"));
    let check = |share: &str| {
        let done = Execution::of(&setting, ROLLOUT, Some("continue"));
        assert_eq!(done.ran(), ["Judge", "Promoted", "Walk"]);
        assert_eq!(done.stages["Walk"]["status"], FAILED_CONTINUE);
        assert_eq!(done.stages["Promoted"]["status"], TERMINAL);
        assert_eq!(setting.cluster.share(), share);
    };
    check("20%");
    let turn = Execution::of(&setting, JUDGE, None);
    assert_eq!(turn.stages["Turn"]["context"]["turn"], "4");
    assert!(!Execution::of(&setting, ROLLOUT, Some("continue")).failed());
    // Before its first turn, when what was there is promoted: that is no success of what is new.
    setting.job.checkout("v3");
    let real = coalmine().unwrap();
    let real = real.display();
    setting.job.replace_coalmine(&format!(
        r#"case "$*" in *' run '*) exit 3 ;; esac; exec {real} "$@""#
    ));
    check("100%");
}

/// Meanwhile another revision waits, or somebody has promoted it: the judge was asked about neither.
#[test]
fn a_judgment_is_of_what_was_walked() {
    let setting = Setting::of_failing(5);
    let rollout = |words: &str| {
        let words =
            format!("coalmine rollout {words} reviews.yaml --wasm-plugin istio-system/coalmine");
        let words: Vec<&str> = words.split(' ').collect();
        let environment = [("COALMINE_PROMETHEUS".to_owned(), setting.prometheus())];
        let folder = setting.job.repository().join("canaries");
        setting.job.run(&words, &folder, &environment.into())
    };
    let check = |judgment, meanwhile: &dyn Fn(), (stage, status): (&str, &str), share: &str| {
        let done = Execution::with(&setting, ROLLOUT, Some(judgment), meanwhile);
        let other = ["Abort", "Continue"]
            .into_iter()
            .find(|name| *name != stage);
        assert_eq!(done.stages[stage]["status"], status, "{judgment}");
        assert_eq!(done.stages[other.unwrap()]["status"], SKIPPED, "{judgment}");
        assert_eq!(setting.cluster.share(), share, "{judgment}");
        done.failed()
    };
    let newer = |revision: &'static str| {
        let setting = &setting;
        move || {
            setting.job.checkout(revision);
            assert_eq!(rollout("run --until-approval").code, 4);
        }
    };
    assert!(check(
        "continue",
        &newer("v3"),
        ("Continue", FAILED_CONTINUE),
        "20%"
    ));
    assert!(check("abort", &newer("v4"), ("Abort", SUCCEEDED), "20%"));
    let promote = || assert_eq!(rollout("promote").code, 0);
    assert!(!check("abort", &promote, ("Abort", SUCCEEDED), "100%"));
}

/// Turns go by what `status` ends with: one that fails begins nothing, and what is not in force yet goes on.
#[test]
fn turns_go_by_code_and_phase() {
    let setting = Setting::of_failing(5);
    let check = |code: i32, phase: &str, turn: Option<&str>| {
        let says = format!("echo ROLLOUT_PHASE={phase}; echo ROLLOUT_REVISION=v1; exit {code}");
        let steps = r#"[ "$*" = "rollout step reviews.yaml --wasm-plugin istio-system/coalmine --revision v1" ]; exit $((4 * ! $?))"#;
        setting.job.replace_coalmine(&format!(
            r#"case "$*" in *env) {says} ;; *json) echo '{{}}' ;; *step*) {steps} ;; esac"#
        ));
        let done = Execution::of(&setting, JUDGE, None);
        let stage = &done.stages["Turn"];
        assert_eq!(
            stage["status"] == SUCCEEDED,
            turn.is_some(),
            "{code} {phase}"
        );
        if let Some(turn) = turn {
            assert_eq!(stage["context"]["turn"], turn, "{code} {phase}");
        }
    };
    check(0, "promoted", Some("none"));
    check(1, "rolled-back", Some("none"));
    check(4, "none", Some("none"));
    check(4, "walking", Some("4"));
    check(4, "rolled-back", Some("4"));
    check(3, "", None);
    check(2, "", None);
}
