//! What an API server says of a manifest, by the custom resource definitions in `tests/fixtures/`.
//!
//! | step | as in Kubernetes |
//! |---|---|
//! | the OpenAPI schema | structural schemas; `nullable` and `x-kubernetes-int-or-string` as they are meant |
//! | nulls | of fields that may not be null they count as nothing said, before all else |
//! | defaults | filled in then |
//! | unknown fields | refused, as `kubectl apply --validate=strict` does |
//! | keys of lists | `x-kubernetes-list-type: map` and `set` |
//! | CEL rules | `x-kubernetes-validations`; rules about a change (`oldSelf`) do not hold for what is new |

mod rules;

use jsonschema::Validator;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What a schema says of itself where fields are free.
const FREE: &str = "x-kubernetes-preserve-unknown-fields";

/// The definitions of a folder.
pub(crate) struct Schemas {
    kinds: BTreeMap<(String, String), Schema>,
}

struct Schema {
    validator: Validator,
    /// As it was written, for rules and keys.
    written: Value,
}

impl Schemas {
    /// Reads every definition of a folder below `tests/fixtures/`.
    pub(crate) fn read(folder: &str) -> Self {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let mut kinds = BTreeMap::new();
        for entry in fs::read_dir(fixtures.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|ending| ending != "yaml") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let definitions: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
            for definition in definitions {
                let spec = &definition["spec"];
                for version in spec["versions"].as_array().unwrap() {
                    let name = |value: &Value| value.as_str().unwrap().to_owned();
                    let group = name(&spec["group"]);
                    let api_version = format!("{group}/{}", name(&version["name"]));
                    let kind = name(&spec["names"]["kind"]);
                    let schema = Schema::new(&version["schema"]["openAPIV3Schema"]);
                    kinds.insert((api_version, kind), schema);
                }
            }
        }
        assert!(!kinds.is_empty(), "there is no definition in {folder}");
        Self { kinds }
    }

    /// Every problem of a stream of manifests, each with its path; none if all are accepted.
    pub(crate) fn problems(&self, manifests: &str) -> Vec<String> {
        let manifests: Vec<Value> = serde_saphyr::from_multiple(manifests).unwrap();
        assert!(!manifests.is_empty(), "there is no manifest");
        manifests
            .iter()
            .flat_map(|manifest| self.problems_of_one(manifest))
            .collect()
    }

    fn problems_of_one(&self, manifest: &Value) -> Vec<String> {
        let name = |name: &str| manifest[name].as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (name("apiVersion"), name("kind"));
        let Some(schema) = self.kinds.get(&(api_version.clone(), kind.clone())) else {
            return vec![format!("no definition of {api_version} {kind}")];
        };
        let mut manifest = manifest.clone();
        fill(&schema.written, &mut manifest);
        let mut problems: Vec<String> = schema
            .validator
            .iter_errors(&manifest)
            .map(|error| format!("{kind}{}: {error}", error.instance_path()))
            .collect();
        rules::check(&schema.written, &manifest, &kind, &mut problems);
        problems
    }
}

impl Schema {
    fn new(written: &Value) -> Self {
        let mut written = written.clone();
        let root = written.as_object_mut().unwrap();
        root.insert("required".to_owned(), json!(["metadata", "spec"]));
        let properties = root["properties"].as_object_mut().unwrap();
        let text = json!({"type": "string"});
        let texts = json!({"type": "object", "additionalProperties": text});
        properties.insert("apiVersion".to_owned(), text.clone());
        properties.insert("kind".to_owned(), text.clone());
        let metadata = json!({
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {
                    "type": "string",
                    "maxLength": 253,
                    "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
                },
                "namespace": {
                    "type": "string",
                    "maxLength": 63,
                    "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
                },
                "labels": {
                    "type": "object",
                    "additionalProperties": {
                        "type": "string",
                        "maxLength": 63,
                        "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$",
                    },
                },
                "annotations": texts,
            },
        });
        properties.insert("metadata".to_owned(), metadata);
        let mut strict = written.clone();
        tighten(&mut strict);
        let validator = jsonschema::draft4::new(&strict).unwrap();
        Self { validator, written }
    }
}

/// Puts defaults where nothing is said, from the outside in.
fn fill(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, field| {
                let known = schema["properties"].get(name);
                let known = known.or_else(|| schema.get("additionalProperties"));
                let nullable = known.is_none_or(|below| below["nullable"] == true);
                nullable || !field.is_null()
            });
            for (name, below) in schema["properties"].as_object().into_iter().flatten() {
                if let Some(default) = below.get("default") {
                    fields.entry(name).or_insert_with(|| default.clone());
                }
            }
            for (name, field) in fields {
                let known = schema["properties"].get(name);
                if let Some(below) = known.or_else(|| schema.get("additionalProperties")) {
                    fill(below, field);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                fill(&schema["items"], item);
            }
        }
        _ => {}
    }
}

/// Makes JSON Schema of an OpenAPI schema, and refuses fields that it does not name. What stands
/// below `anyOf` and its like says only what must hold in addition, and names no fields.
fn tighten(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else {
        return;
    };
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(tighten);
    }
    for below in ["items", "additionalProperties"] {
        schema.get_mut(below).map(tighten);
    }
    let is_object = schema.get("type").is_some_and(|kind| kind == "object");
    let free = schema.get(FREE).is_some_and(|free| free == true);
    if is_object && !free && !schema.contains_key("additionalProperties") {
        schema.insert("additionalProperties".to_owned(), json!(false));
    }
    if schema
        .get("nullable")
        .is_some_and(|nullable| nullable == true)
    {
        let kind = schema["type"].clone();
        schema.insert("type".to_owned(), json!([kind, "null"]));
    }
    bound(schema);
}

/// Numbers within what their format holds.
fn bound(schema: &mut Map<String, Value>) {
    let format = schema.get("format").and_then(Value::as_str);
    let (low, high) = match format {
        Some("int32") => (json!(i32::MIN), json!(i32::MAX)),
        Some("uint32") => (json!(0), json!(u32::MAX)),
        _ => return,
    };
    schema.entry("minimum").or_insert(low);
    schema.entry("maximum").or_insert(high);
}
