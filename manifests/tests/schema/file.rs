//! The schema against the reader, which decides, and against itself.

use crate::canaries::{Bad, bad, check_golden, documents, examples, json, sound_configs};
use crate::changes::{changed, changes};
use coalmine::config;
use coalmine::diagnostic::any_error;
use coalmine_manifests::schema::json_schema;
use jsonschema::Validator;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::BTreeSet;

pub(crate) fn schema() -> Value {
    serde_json::from_str(&json_schema().unwrap()).unwrap()
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&schema()).unwrap()
}

/// Whether the reader takes a document by itself.
fn reads(document: &Value) -> bool {
    let node = serde_json::from_value(document.clone()).unwrap();
    !any_error(&config::read([(0, &node)]).1)
}

#[test]
fn it_is_as_checked_in() {
    check_golden("docs/canary.schema.json", &json_schema().unwrap());
}

#[test]
fn it_is_a_schema() {
    assert!(jsonschema::draft202012::meta::is_valid(&schema()));
}

/// Every object and every field says something to whoever points at it.
#[test]
fn every_field_is_described() {
    fn check(path: &str, schema: &Value) -> usize {
        let mut described = 0;
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            assert!(field["description"].is_string(), "{path}");
            described += 1 + check(&path, field);
        }
        for inner in ["items", "additionalProperties"] {
            if schema[inner].is_object() {
                described += check(path, &schema[inner]);
            }
        }
        described
    }
    let schema = schema();
    assert!(check("", &schema) + check("", &schema["$defs"]["condition"]) > 100);
}

#[test]
fn sound_configs_are_sound() {
    let validator = validator();
    let mut checked = 0;
    for (name, text) in examples() {
        for document in documents(&text) {
            let errors: Vec<_> = validator.iter_errors(&document).collect();
            assert!(errors.is_empty(), "{name}: {errors:?}");
            checked += 1;
        }
    }
    for (name, canary) in sound_configs() {
        assert!(reads(&canary), "{name}");
        let errors: Vec<_> = validator.iter_errors(&canary).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
        checked += 1;
    }
    assert!(checked > 30, "{checked}");
}

/// Bad files are refused, but for those that say themselves that a schema cannot.
#[test]
fn bad_files_are_bad() {
    let validator = validator();
    let mut refused = 0;
    for Bad { name, text, codes } in bad() {
        // These never become a document that a schema could look at.
        if codes
            .iter()
            .any(|code| code == "not-yaml" || code == "repeated-field")
        {
            continue;
        }
        let cannot = text.contains("\n# schema: cannot say it\n")
            || text.starts_with("# schema: cannot say it\n");
        let sound = documents(&text)
            .iter()
            .all(|document| validator.is_valid(document));
        assert_eq!(sound, cannot, "{name}");
        refused += usize::from(!sound);
    }
    assert!(refused > 60, "{refused}");
}

/// The reader proposes all fields that it knows where one is unknown: those of the schema, and no
/// others.
#[test]
fn fields_are_those_of_the_reader() {
    // Each place once, with what stands at its path in the schema.
    let canary = json!({
        "apiVersion": "coalmine.dev/v1alpha1", "kind": "Canary",
        "metadata": {"name": "a"},
        "spec": {
            "hosts": ["a"], "default": "stable",
            "variants": {"stable": {}, "canary": {}},
            "pins": {}, "unit": [{"header": "x"}],
            "whenNoUnit": "issue-cookie", "issueCookie": {}, "propagate": {}, "inherit": {},
            "guard": {}, "evidence": {},
            "rules": [
                {"name": "a", "route": "canary", "when": {"header": {"name": "a", "exact": "b"}}},
                {"name": "b", "route": "canary", "when": {"path": {"exact": "b"}}}
            ]
        }
    });
    let spec = "/properties/spec";
    let at = |path: &str| format!("{spec}/properties/{path}");
    let condition = "/$defs/condition".to_owned();
    let mut checked = 0;
    let mut check = |place: &str, schema_path: &str, besides: &[&str], of_others: &[&str]| {
        let mut document = canary.clone();
        let map = document.pointer_mut(place).unwrap();
        map["q"] = json!(0);
        let node = serde_json::from_value(document).unwrap();
        let (_, found) = config::read([(0, &node)]);
        let unknown = found
            .iter()
            .find(|found| found.message == "unknown field `q`");
        let help = unknown.unwrap().help.clone().unwrap();
        let proposed: BTreeSet<&str> = help.split('`').skip(1).step_by(2).collect();
        let schema = schema();
        let known = schema.pointer(schema_path).unwrap()["properties"].as_object();
        let mut known: BTreeSet<&str> = known.unwrap().keys().map(String::as_str).collect();
        known.extend(besides);
        for name in of_others {
            assert!(known.remove(name), "{place}: {name}");
        }
        assert_eq!(proposed, known, "{place}");
        checked += 1;
    };
    check("", "", &[], &["status"]);
    let kubernetes = [
        "annotations",
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "labels",
        "managedFields",
        "ownerReferences",
        "finalizers",
        "resourceVersion",
        "selfLink",
        "uid",
    ];
    check("/metadata", "/properties/metadata", &[], &kubernetes);
    check("/spec", spec, &[], &[]);
    check(
        "/spec/variants/stable",
        &at("variants/additionalProperties"),
        &[],
        &[],
    );
    check("/spec/pins", &at("pins"), &[], &[]);
    check("/spec/unit/0", &at("unit/items"), &[], &[]);
    check("/spec/propagate", &at("propagate"), &[], &[]);
    check("/spec/inherit", &at("inherit"), &[], &[]);
    check("/spec/issueCookie", &at("issueCookie"), &[], &[]);
    check("/spec/guard", &at("guard"), &[], &[]);
    check("/spec/evidence", &at("evidence"), &[], &[]);
    check("/spec/rules/0", &at("rules/items"), &[], &[]);
    check("/spec/rules/0/when", &condition, &[], &[]);
    check(
        "/spec/rules/0/when/header",
        &format!("{condition}/properties/header"),
        &[],
        &[],
    );
    // `present` is known there, to be refused with a word of its own.
    check(
        "/spec/rules/1/when/path",
        &format!("{condition}/properties/path"),
        &["present"],
        &[],
    );
    assert_eq!(checked, 15);
}

/// An editor raises no false alarm: what the schema refuses, the reader refuses.
#[test]
fn the_schema_is_never_stricter_than_the_reader() {
    let validator = validator();
    let mut sound: Vec<Value> = examples()
        .iter()
        .flat_map(|(_, text)| documents(text))
        .collect();
    sound.push(json(include_str!("../data/every-field.json")));
    assert!(reads(sound.last().unwrap()));
    let (taken, refused) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new_with_rng(
        Config {
            cases: 8000,
            failure_persistence: None,
            ..Config::default()
        },
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let strategy = (
        proptest::sample::select(sound),
        proptest::collection::vec(changes(), 1..3),
    );
    runner
        .run(&strategy, |(document, changes)| {
            let document = changes.into_iter().fold(document, changed);
            if reads(&document) {
                taken.set(taken.get() + 1);
                let errors: Vec<String> = validator
                    .iter_errors(&document)
                    .map(|error| format!("{}: {error}", error.instance_path()))
                    .collect();
                prop_assert!(errors.is_empty(), "{errors:?}");
            } else {
                refused.set(refused.get() + usize::from(!validator.is_valid(&document)));
            }
            Ok(())
        })
        .unwrap();
    // Both happen often enough to mean something.
    assert!(
        taken.get() > 500 && refused.get() > 2000,
        "{taken:?} {refused:?}"
    );
}
