//! The files against the schemas that the tools' makers publish (`schemas/`), and a Job against what Kubernetes
//! takes; Spinnaker publishes no schema of a pipeline.

use std::fs;
use std::path::Path;

use jsonschema::Validator;
use k8s_openapi::api::batch::v1::Job;
use serde_json::Value;

use crate::actions::yaml;
use crate::gitlab;
use crate::setting::delivered;

fn schema(name: &str) -> Validator {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/delivery/schemas");
    let text = fs::read_to_string(folder.join(name)).unwrap();
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

fn problems(schema: &Validator, document: &Value) -> Vec<String> {
    let errors = schema.iter_errors(document);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// It fits, and does not where something is put into it that does not belong there.
fn check(schema: &str, document: &Value, pointer: &str, wrong: Value) {
    let validator = self::schema(schema);
    let found = problems(&validator, document);
    assert!(found.is_empty(), "{schema}: {found:?}");
    let mut other = document.clone();
    *other.pointer_mut(pointer).unwrap() = wrong;
    let found = problems(&validator, &other);
    assert!(!found.is_empty(), "{schema}: {pointer}");
}

#[test]
fn files_fit_the_schemas_of_their_tools() {
    let action = yaml(&delivered("github/action.yml"));
    check("github-action.json", &action, "/runs/using", "rust".into());
    check(
        "github-action.json",
        &action,
        "/runs/steps/0/shell",
        7.into(),
    );
    let workflow = yaml(&delivered("github/rollout.yml"));
    check(
        "github-workflow.json",
        &workflow,
        "/jobs/approve/needs",
        Value::Null,
    );
    let (header, jobs) = gitlab::template();
    check(
        "gitlab-ci.json",
        &header,
        "/spec/inputs/timeout/default",
        Value::from(vec![vec![1]]),
    );
    // What is hidden fits any shape, so jobs are looked at with what they extend.
    let names = jobs.as_object().unwrap().keys();
    let names = names.filter(|name| !name.starts_with('.'));
    let jobs = names.map(|name| (name.clone(), gitlab::extended(&jobs, name).into()));
    let jobs = Value::Object(jobs.collect());
    check("gitlab-ci.json", &jobs, "/step reviews/script", 7.into());
    check(
        "gitlab-ci.json",
        &jobs,
        "/approve reviews/allow_failure/exit_codes",
        "4".into(),
    );
    let example = yaml(&delivered("gitlab/example.gitlab-ci.yml"));
    check("gitlab-ci.json", &example, "/stages", "deploy".into());
}

/// A field that Kubernetes does not know would be lost on the way through its types.
#[test]
fn jobs_are_what_kubernetes_takes() {
    let mut checked = 0;
    for file in ["spinnaker/rollout.json", "spinnaker/judge.json"] {
        let pipeline: Value = serde_json::from_str(&delivered(file)).unwrap();
        for stage in pipeline["stages"].as_array().unwrap() {
            let manifest = &stage["manifest"];
            if manifest.is_null() {
                continue;
            }
            let job: Job = serde_json::from_value(manifest.clone()).unwrap();
            assert_eq!(serde_json::to_value(job).unwrap(), *manifest, "{file}");
            checked += 1;
        }
    }
    assert_eq!(checked, 5);
}
