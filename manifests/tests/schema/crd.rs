//! The CustomResourceDefinition: what an API server takes, and what it then takes and refuses.

use crate::canaries::{Bad, bad, check_golden, documents, examples};
use crate::schemas::Schemas;
use coalmine_manifests::schema;
use serde_json::Value;
use std::collections::BTreeSet;

/// The folder in which it is checked in, seen from the other definitions.
const CHECKED_IN: &str = "../../../docs";

fn crd() -> Value {
    serde_saphyr::from_str(&schema::crd().unwrap()).unwrap()
}

fn structural(crd: &Value) -> &Value {
    &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
}

/// The problems of every document of a text.
fn problems(schemas: &Schemas, text: &str) -> Vec<String> {
    documents(text)
        .iter()
        .flat_map(|document| schemas.problems(&document.to_string()))
        .collect()
}

#[test]
fn it_is_as_checked_in() {
    check_golden("docs/canaries.coalmine.dev.yaml", &schema::crd().unwrap());
}

#[test]
fn examples_are_accepted() {
    let schemas = Schemas::read(CHECKED_IN);
    for (name, text) in examples() {
        let problems = problems(&schemas, &text);
        assert!(problems.is_empty(), "{name}: {problems:?}");
    }
}

/// Each rule in CEL refuses one of the bad files, so none of them is idle or mistyped.
#[test]
fn every_rule_refuses_something() {
    fn collect(schema: &Value, rules: &mut BTreeSet<String>) {
        match schema {
            Value::Object(fields) => {
                for rule in schema["x-kubernetes-validations"]
                    .as_array()
                    .into_iter()
                    .flatten()
                {
                    rules.insert(rule["message"].as_str().unwrap().to_owned());
                }
                fields.values().for_each(|below| collect(below, rules));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, rules)),
            _ => {}
        }
    }
    let mut rules = BTreeSet::new();
    collect(structural(&crd()), &mut rules);
    assert!(rules.len() >= 10, "{rules:?}");
    let schemas = Schemas::read(CHECKED_IN);
    for Bad { text, codes, .. } in bad() {
        if codes.iter().any(|code| code == "not-yaml") {
            continue;
        }
        for problem in problems(&schemas, &text) {
            rules.retain(|message| !problem.ends_with(message.as_str()));
        }
    }
    assert!(rules.is_empty(), "no bad file breaks {rules:?}");
}

/// What kubernetes.io says of structural schemas: a type everywhere but below `not` and `oneOf`,
/// which only restrict; keys that are known or free, not both; nothing that is not looked at.
#[test]
fn it_is_structural() {
    fn check(path: &str, schema: &Value, restricts: bool) -> usize {
        let fields = schema.as_object().unwrap();
        let known = [
            "additionalProperties",
            "description",
            "enum",
            "items",
            "maxItems",
            "maxLength",
            "maxProperties",
            "maximum",
            "minItems",
            "minLength",
            "minProperties",
            "minimum",
            "not",
            "oneOf",
            "pattern",
            "properties",
            "required",
            "type",
            "x-kubernetes-preserve-unknown-fields",
            "x-kubernetes-validations",
        ];
        for name in fields.keys() {
            assert!(known.contains(&name.as_str()), "{path}: {name}");
        }
        assert_eq!(fields.contains_key("type"), !restricts, "{path}");
        for of_structure in ["description", "additionalProperties"] {
            assert!(
                !(restricts && fields.contains_key(of_structure)),
                "{path}: {of_structure}"
            );
        }
        assert!(
            !(fields.contains_key("properties") && fields.contains_key("additionalProperties")),
            "{path}"
        );
        let mut checked = 1;
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            checked += check(&format!("{path}.{name}"), field, restricts);
        }
        for (below, restricts) in [
            ("items", restricts),
            ("additionalProperties", restricts),
            ("not", true),
        ] {
            if let Some(schema) = fields.get(below) {
                checked += check(&format!("{path}.{below}"), schema, restricts);
            }
        }
        for (index, one) in schema["oneOf"].as_array().into_iter().flatten().enumerate() {
            checked += check(&format!("{path}.oneOf[{index}]"), one, true);
        }
        checked
    }
    let crd = crd();
    assert!(check("", structural(&crd), false) > 100);
    // The API server looks at these itself.
    for name in ["apiVersion", "kind", "metadata"] {
        let field = structural(&crd)["properties"][name].as_object().unwrap();
        assert_eq!(field.keys().collect::<Vec<_>>(), ["type"], "{name}");
    }
    // kubectl keeps what was applied in an annotation, and annotations have an end.
    assert!(crd.to_string().len() < 200_000);
}
