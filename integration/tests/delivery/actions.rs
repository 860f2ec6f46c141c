//! A runner of GitHub Actions: the steps of jobs and of the action, as far as `delivery/github` needs them.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Map, Value, json};

use crate::expression::{filled, holds};
use crate::setting::{Job, delivered};

/// How `shell: bash` runs a script.
pub(crate) const BASH: [&str; 6] = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail"];

pub(crate) fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

/// What there is to know where an expression stands.
#[derive(Clone)]
pub(crate) struct Contexts(pub(crate) Value);

impl Contexts {
    /// What a word of an expression is worth. An output that was not set is nothing; all else has to be there.
    pub(crate) fn worth(&self, word: &str) -> Value {
        if word == "always()" {
            return true.into();
        }
        let mut value = &self.0;
        for name in word.split('.') {
            value = match value.get(name) {
                Some(value) => value,
                None if word.contains(".outputs.") => return Value::Null,
                None => panic!("{word} is not there: {name}"),
            };
        }
        value.clone()
    }

    fn filled(&self, value: &Value) -> String {
        filled(&text(value), &|word| self.worth(word))
    }

    /// Outputs by what they are made of.
    pub(crate) fn outputs(&self, of: &Value) -> Value {
        let outputs = entries(of).into_iter();
        let outputs = outputs.map(|(name, value)| (name, self.filled(&value).into()));
        Value::Object(outputs.collect())
    }
}

pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

pub(crate) fn entries(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// What a job, or the steps of an action, came to.
pub(crate) struct Done {
    pub(crate) success: bool,
    /// By the ids of steps.
    pub(crate) steps: Value,
    pub(crate) log: String,
    /// How many steps ran.
    pub(crate) ran: usize,
}

/// A runner of steps.
pub(crate) struct Runner<'s> {
    pub(crate) job: &'s Job,
    /// The environment of every step, beside what GitHub itself sets.
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) actor: &'static str,
}

impl Runner<'_> {
    /// Runs steps one after the other; what `uses` an action runs the steps of that.
    pub(crate) fn steps(&self, steps: &Value, contexts: &Value) -> Done {
        let mut done = Done {
            success: true,
            steps: json!({}),
            log: String::new(),
            ran: 0,
        };
        for step in steps.as_array().unwrap() {
            let mut here = Contexts(contexts.clone());
            here.0["steps"] = done.steps.clone();
            let condition = step["if"].as_str();
            let wanted = condition.map(|condition| holds(condition, &|word| here.worth(word)));
            // A step without a condition of its own runs as long as nothing has failed.
            let always = condition.is_some_and(|condition| condition.contains("always()"));
            if !wanted.unwrap_or(true) || (!done.success && !always) {
                continue;
            }
            done.ran += 1;
            let (success, outputs, log) = match step["uses"].as_str() {
                Some(action) if action.starts_with("actions/checkout@") => {
                    (true, json!({}), String::new())
                }
                Some("./.github/actions/coalmine") => self.action(&step["with"], &here),
                Some(other) => panic!("{other} is not there"),
                None => self.shell(step, &here),
            };
            done.success &= success;
            done.log += &log;
            if let Some(id) = step["id"].as_str() {
                done.steps[id] = json!({ "outputs": outputs });
            }
        }
        done
    }

    fn action(&self, with: &Value, here: &Contexts) -> (bool, Value, String) {
        let action = yaml(&delivered("github/action.yml"));
        let mut inputs = json!({});
        let given = entries(with);
        for (name, input) in entries(&action["inputs"]) {
            inputs[&name] = match (given.get(&name), input.get("default")) {
                (Some(value), _) => here.filled(value).into(),
                (None, Some(default)) => text(default).into(),
                (None, None) => panic!("{name} is required"),
            };
        }
        let unknown = given.keys().find(|name| inputs.get(name).is_none());
        assert_eq!(unknown, None);
        assert_eq!(action["runs"]["using"], "composite");
        let done = self.steps(&action["runs"]["steps"], &json!({ "inputs": inputs }));
        let values = entries(&action["outputs"]).into_iter();
        let values = values.map(|(name, output)| (name, output["value"].clone()));
        let inside = Contexts(json!({ "steps": done.steps }));
        let outputs = inside.outputs(&values.collect::<Map<_, _>>().into());
        (done.success, outputs, done.log)
    }

    fn shell(&self, step: &Value, here: &Contexts) -> (bool, Value, String) {
        assert_eq!(step["shell"], "bash");
        let script = step["run"].as_str().unwrap();
        // What an input says must not become a part of the script.
        assert!(!script.contains("${{"), "{script}");
        let mut environment = self.environment.clone();
        for (name, value) in entries(&step["env"]) {
            environment.insert(name, here.filled(&value));
        }
        let output = self.job.kept().join("output");
        fs::write(&output, "").unwrap();
        environment.insert("GITHUB_OUTPUT".to_owned(), output.display().to_string());
        environment.insert("GITHUB_ACTOR".to_owned(), self.actor.to_owned());
        environment.insert(
            "GITHUB_STEP_SUMMARY".to_owned(),
            self.job.kept().join("summary").display().to_string(),
        );
        let folder = self.job.repository();
        let ran = self.job.script(&BASH, script, &folder, &environment);
        let mut outputs = json!({});
        for line in fs::read_to_string(&output).unwrap().lines() {
            let (name, value) = line.split_once('=').unwrap();
            outputs[name] = value.into();
        }
        (ran.code == 0, outputs, ran.stdout + &ran.stderr)
    }

    /// The summary so far.
    pub(crate) fn summary(&self) -> String {
        fs::read_to_string(self.job.kept().join("summary")).unwrap_or_default()
    }
}
