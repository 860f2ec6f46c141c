//! Spinnaker, as far as `delivery/spinnaker` needs it: stages one after the other, the container of a Run Job, and
//! the properties that are read from its log.

use std::collections::BTreeMap;

use coalmine_integration::command::coalmine;
use serde_json::{Map, Value, json};

use crate::expression::holds;
use crate::setting::{Setting, delivered};

/// How stages end, as expressions see it.
const SUCCEEDED: &str = "SUCCEEDED";
const SKIPPED: &str = "SKIPPED";
const TERMINAL: &str = "TERMINAL";
const FAILED_CONTINUE: &str = "FAILED_CONTINUE";

/// The properties in a log, as clouddriver's `PropertyParser` finds them: a line with one `=` and no empty side
/// gives a text, whose name is in lower case, and a line that begins so gives the fields of an object.
fn properties(log: &str) -> Map<String, Value> {
    let mut found = Map::new();
    for line in log.lines().map(str::trim) {
        if line.contains("SPINNAKER_PROPERTY_") {
            let parts: Vec<&str> = line.split('=').filter(|part| !part.is_empty()).collect();
            if let [name, value] = parts.as_slice() {
                let name = name.replacen("SPINNAKER_PROPERTY_", "", 1).to_lowercase();
                found.insert(name, (*value).into());
            }
        }
        if let Some(object) = line.strip_prefix("SPINNAKER_CONFIG_JSON=") {
            let object: Map<String, Value> = serde_json::from_str(object).unwrap();
            found.extend(object);
        }
    }
    found
}

/// An execution of a pipeline: what became of each stage, by its name.
struct Execution<'s> {
    setting: &'s Setting,
    stages: BTreeMap<String, Value>,
    /// What the judge says, if somebody is asked.
    judgment: Option<&'static str>,
    /// What happens before the judge says it.
    meanwhile: &'s dyn Fn(),
}

impl<'s> Execution<'s> {
    fn of(setting: &'s Setting, file: &str, judgment: Option<&'static str>) -> Self {
        Self::with(setting, file, judgment, &|| {})
    }

    fn with(
        setting: &'s Setting,
        file: &str,
        judgment: Option<&'static str>,
        meanwhile: &'s dyn Fn(),
    ) -> Self {
        let pipeline: Value = serde_json::from_str(&delivered(file)).unwrap();
        let mut execution = Self {
            setting,
            stages: BTreeMap::new(),
            judgment,
            meanwhile,
        };
        let mut done: Vec<&Value> = Vec::new();
        for stage in pipeline["stages"].as_array().unwrap() {
            let needs = stage["requisiteStageRefIds"].as_array().unwrap();
            assert!(needs.iter().all(|need| done.contains(&need)), "{stage}");
            // Behind a stage that has failed the pipeline there is nothing.
            if execution.failed() {
                break;
            }
            let ended = execution.stage(stage);
            let name = stage["name"].as_str().unwrap();
            execution.stages.insert(name.to_owned(), ended);
            done.push(&stage["refId"]);
        }
        execution
    }

    fn failed(&self) -> bool {
        self.stages
            .values()
            .any(|stage| stage["status"] == TERMINAL)
    }

    /// The names of the stages that were not skipped.
    fn ran(&self) -> Vec<&str> {
        let ran = self.stages.iter();
        let ran = ran.filter(|(_, stage)| stage["status"] != SKIPPED);
        ran.map(|(name, _)| name.as_str()).collect()
    }

    fn holds(&self, expression: &str) -> bool {
        holds(expression, &|word| self.worth(word))
    }

    /// `#stage('Walk')['context']['rollout']['phase']`, `#stage('Walk')['status'].toString()`, `#judgment('Approve')`.
    fn worth(&self, word: &str) -> Value {
        let (function, rest) = word.split_once("('").unwrap();
        let (name, path) = rest.split_once("')").unwrap();
        let mut value = self.stages[name].clone();
        if function == "#judgment" {
            return value["context"]["judgmentInput"].take();
        }
        assert_eq!(function, "#stage");
        for part in path.trim_end_matches(".toString()").split_terminator("']") {
            assert!(
                value.is_object(),
                "{word}: cannot look for {part} in {value}"
            );
            value = value[part.strip_prefix("['").unwrap()].take();
        }
        value
    }

    /// A value that is one expression, which has to say what it is where there is nothing.
    fn filled(&self, value: &str) -> String {
        let word = value.strip_prefix("${").unwrap();
        let word = word.strip_suffix(" ?: ''}").unwrap();
        self.worth(word).as_str().unwrap_or_default().to_owned()
    }

    fn stage(&self, stage: &Value) -> Value {
        let enabled = &stage["stageEnabled"];
        if !enabled.is_null() {
            assert_eq!(enabled["type"], "expression");
            if !self.holds(enabled["expression"].as_str().unwrap()) {
                return json!({"status": SKIPPED, "context": {}});
            }
        }
        let (succeeded, context) = match stage["type"].as_str().unwrap() {
            "runJobManifest" => self.job(stage),
            "manualJudgment" => {
                let judgment = self.judgment.unwrap();
                (self.meanwhile)();
                let inputs = stage["judgmentInputs"].as_array().unwrap();
                assert!(inputs.contains(&json!({"value": judgment})));
                (true, json!({"judgmentInput": judgment}))
            }
            "checkPreconditions" => {
                let preconditions = stage["preconditions"].as_array().unwrap().iter();
                let mut expressions = preconditions.map(|precondition| {
                    assert_eq!(precondition["type"], "expression");
                    precondition["context"]["expression"].as_str().unwrap()
                });
                (
                    expressions.all(|expression| self.holds(expression)),
                    json!({}),
                )
            }
            other => panic!("{other} is no stage of delivery/"),
        };
        let status = match (succeeded, stage["continuePipeline"] == true) {
            (true, _) => SUCCEEDED,
            (false, true) => FAILED_CONTINUE,
            (false, false) => TERMINAL,
        };
        json!({"status": status, "context": context})
    }

    /// Runs the container of a Job, with the canaries where it has mounted them.
    fn job(&self, stage: &Value) -> (bool, Value) {
        let pod = &stage["manifest"]["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        assert_eq!(
            container["volumeMounts"][0]["mountPath"],
            container["workingDir"]
        );
        let mut environment = BTreeMap::new();
        for variable in container["env"].as_array().into_iter().flatten() {
            let value = match variable["name"].as_str().unwrap() {
                "COALMINE_PROMETHEUS" => self.setting.prometheus(),
                _ => self.filled(variable["value"].as_str().unwrap()),
            };
            environment.insert(variable["name"].as_str().unwrap().to_owned(), value);
        }
        let command = container["command"].as_array().unwrap().iter();
        let command: Vec<&str> = command.map(|word| word.as_str().unwrap()).collect();
        // Spinnaker would take these for expressions of its own.
        assert!(!command.concat().contains("${"), "{command:?}");
        let folder = self.setting.job.repository().join("canaries");
        let ran = self.setting.job.run(&command, &folder, &environment);
        let Some(of) = stage["propertyFile"].as_str() else {
            return (ran.code == 0, json!({}));
        };
        assert_eq!(container["name"], of);
        let found = properties(&(ran.stdout + &ran.stderr));
        // A job that ends well without properties where some are wanted has failed.
        (ran.code == 0 && !found.is_empty(), found.into())
    }
}

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

#[test]
fn logs_have_properties() {
    let check = |log: &str, expected: Value| assert_eq!(Value::Object(properties(log)), expected);
    check("SPINNAKER_PROPERTY_A=b", json!({"a": "b"}));
    check(
        "Spinnaker_Property_a=b\nSPINNAKER_PROPERTY_C=\nSPINNAKER_PROPERTY_D=e=f",
        json!({}),
    );
    check(
        "one\n SPINNAKER_CONFIG_JSON={\"a\": {\"b\": 1}}\ntwo",
        json!({"a": {"b": 1}}),
    );
}
