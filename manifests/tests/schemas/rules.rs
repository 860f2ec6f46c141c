//! What a schema says beyond JSON Schema: keys of lists, and rules in CEL.

use cel::extractors::This;
use cel::{Context, Program};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Checks a value against a schema as it was written, and everything below it.
pub(super) fn check(schema: &Value, value: &Value, path: &str, problems: &mut Vec<String>) {
    if value.is_null() {
        return;
    }
    check_keys(schema, value, path, problems);
    for rule in list(&schema["x-kubernetes-validations"]) {
        let text = rule["rule"].as_str().unwrap();
        if text.contains("oldSelf") {
            continue;
        }
        let message = rule["message"].as_str().unwrap_or(text);
        match holds(text, value) {
            Ok(true) => {}
            Ok(false) => problems.push(format!("{path}: {message}")),
            Err(error) => problems.push(format!("{path}: the rule `{text}` fails: {error}")),
        }
    }
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let known = schema["properties"].get(name);
                if let Some(below) = known.or_else(|| schema.get("additionalProperties")) {
                    check(below, field, &format!("{path}.{name}"), problems);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                check(
                    &schema["items"],
                    item,
                    &format!("{path}[{index}]"),
                    problems,
                );
            }
        }
        _ => {}
    }
}

/// Items of a list that must be told apart.
fn check_keys(schema: &Value, value: &Value, path: &str, problems: &mut Vec<String>) {
    let keys = list(&schema["x-kubernetes-list-map-keys"]);
    let key = |item: &Value| match schema["x-kubernetes-list-type"].as_str() {
        Some("map") => {
            let parts = keys
                .iter()
                .map(|key| item[key.as_str().unwrap()].to_string());
            Some(parts.collect::<Vec<_>>().join(", "))
        }
        Some("set") => Some(item.to_string()),
        _ => None,
    };
    let mut seen = BTreeSet::new();
    for key in list(value).iter().filter_map(key) {
        if !seen.insert(key.clone()) {
            problems.push(format!("{path}: {key} is there twice"));
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn holds(rule: &str, value: &Value) -> Result<bool, String> {
    let program = Program::compile(rule).map_err(|error| error.to_string())?;
    let mut context = Context::default();
    context.add_variable_from_value("self", in_cel(value));
    // Of Kubernetes' own library what the definitions use: addresses, here no more than their text.
    context.add_function("isURL", is_url).unwrap();
    context
        .add_function("url", |text: Arc<String>| text)
        .unwrap();
    context.add_function("getScheme", scheme).unwrap();
    match program.execute(&context) {
        Ok(cel::Value::Bool(holds)) => Ok(holds),
        other => Err(format!("{other:?}")),
    }
}

/// An address with a scheme and what stands behind it, or an absolute path.
fn is_url(text: Arc<String>) -> bool {
    match text.split_once("://") {
        Some((scheme, rest)) => {
            let good = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
            !scheme.is_empty() && scheme.bytes().all(good) && !rest.is_empty()
        }
        None => text.starts_with('/'),
    }
}

fn scheme(This(url): This<Arc<String>>) -> Arc<String> {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    Arc::new(scheme.unwrap_or_default().to_owned())
}

/// A field's name as rules write it: of what CEL keeps for itself only this one is a field here.
fn escaped(name: &str) -> String {
    match name {
        "namespace" => "__namespace__".to_owned(),
        name => name.to_owned(),
    }
}

/// A value as Kubernetes gives it to a rule: whole numbers are `int`.
fn in_cel(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(value) => cel::Value::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(number) => cel::Value::Int(number),
            None => cel::Value::Float(number.as_f64().unwrap()),
        },
        Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        Value::Array(items) => cel::Value::List(Arc::new(items.iter().map(in_cel).collect())),
        Value::Object(fields) => {
            let fields: BTreeMap<String, cel::Value> = fields
                .iter()
                .map(|(name, value)| (escaped(name), in_cel(value)))
                .collect();
            cel::Value::Map(
                fields
                    .into_iter()
                    .collect::<std::collections::HashMap<_, _>>()
                    .into(),
            )
        }
    }
}
