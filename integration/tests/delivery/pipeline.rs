//! Spinnaker, as far as `delivery/spinnaker` needs it: stages one after the other, the container of a Run Job, and
//! the properties that are read from its log.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::expression::holds;
use crate::setting::{Setting, delivered};

/// How stages end, as expressions see it.
pub(crate) const SUCCEEDED: &str = "SUCCEEDED";
pub(crate) const SKIPPED: &str = "SKIPPED";
pub(crate) const TERMINAL: &str = "TERMINAL";
pub(crate) const FAILED_CONTINUE: &str = "FAILED_CONTINUE";

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
pub(crate) struct Execution<'s> {
    setting: &'s Setting,
    pub(crate) stages: BTreeMap<String, Value>,
    /// What the judge says, if somebody is asked.
    judgment: Option<&'static str>,
    /// What happens before the judge says it.
    meanwhile: &'s dyn Fn(),
}

impl<'s> Execution<'s> {
    /// A pipeline from its beginning to its end.
    pub(crate) fn of(setting: &'s Setting, file: &str, judgment: Option<&'static str>) -> Self {
        Self::with(setting, file, judgment, &|| {})
    }

    /// The same, where something happens before the judgment.
    pub(crate) fn with(
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

    pub(crate) fn failed(&self) -> bool {
        self.stages
            .values()
            .any(|stage| stage["status"] == TERMINAL)
    }

    /// The names of the stages that were not skipped.
    pub(crate) fn ran(&self) -> Vec<&str> {
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
