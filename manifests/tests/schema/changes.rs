//! Documents that are changed somewhere, by words that mean something.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;
use std::collections::BTreeSet;

use crate::file::schema;

/// One change somewhere in a document.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Replace(Index, Value),
    Remove(Index),
    /// A key gets the name of another.
    Rename(Index, String),
    Add(Index, String, Value),
}

/// Words that mean something somewhere: names of fields, words, examples.
fn vocabulary() -> Vec<String> {
    fn collect(schema: &Value, words: &mut BTreeSet<String>) {
        match schema {
            Value::Object(fields) => {
                for (name, inner) in fields {
                    words.insert(name.clone());
                    collect(inner, words);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, words)),
            Value::String(text) if text.len() < 40 => {
                words.insert(text.clone());
            }
            _ => {}
        }
    }
    let mut words = BTreeSet::new();
    collect(&schema(), &mut words);
    let more = [
        "",
        " ",
        "stable",
        "canary",
        "never",
        "x-user-id",
        "Host",
        "host",
        "a.b:80",
        "[::1]:80",
        "::1",
        "*",
        "007.5 %",
        " 5% ",
        "100.0000%",
        "100.00001%",
        "0%",
        "1e2%",
        "90s",
        "00d",
        "007d",
        "/a?b",
        "/A b",
        "a_b.c.",
        "a..b",
        "A.B:0",
        "reviews.:80",
        "1.2.3.4",
        "a.1",
        "2026-11-24 09:00:00.5+01:00",
        "2026-11-24t09:00:00z",
        "é",
        "a;b",
        "^(a|b)+$",
        "\u{a0}5%",
        "5\u{a0}%",
        "a\n",
        "5%\n",
        "-a",
        "a-",
    ];
    words.extend(more.map(str::to_owned));
    words.into_iter().collect()
}

fn values() -> impl Strategy<Value = Value> {
    let word = proptest::sample::select(vocabulary()).boxed();
    let leaf = prop_oneof![
        6 => word.clone().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => (0..200i64).prop_map(Value::from),
        2 => "[ -~]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map(word.clone(), inner, 0..3)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Changes of all kinds, anywhere.
pub(crate) fn changes() -> impl Strategy<Value = Change> {
    let word = || proptest::sample::select(vocabulary());
    prop_oneof![
        4 => (any::<Index>(), values()).prop_map(|(at, value)| Change::Replace(at, value)),
        1 => any::<Index>().prop_map(Change::Remove),
        2 => (any::<Index>(), word()).prop_map(|(at, name)| Change::Rename(at, name)),
        2 => (any::<Index>(), word(), values()).prop_map(|(at, name, value)| Change::Add(at, name, value)),
    ]
}

/// The paths of everything in a document but itself.
fn pointers(document: &Value, here: &str, found: &mut Vec<(String, String)>) {
    let inner: Vec<(String, &Value)> = match document {
        Value::Object(fields) => fields.iter().map(|(k, v)| (k.clone(), v)).collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(k, v)| (k.to_string(), v))
            .collect(),
        _ => Vec::new(),
    };
    for (key, value) in inner {
        let escaped = key.replace('~', "~0").replace('/', "~1");
        pointers(value, &format!("{here}/{escaped}"), found);
        found.push((here.to_owned(), key));
    }
}

/// A document with a change.
pub(crate) fn changed(mut document: Value, change: Change) -> Value {
    let mut places = Vec::new();
    pointers(&document, "", &mut places);
    let at = match &change {
        Change::Replace(at, _)
        | Change::Remove(at)
        | Change::Rename(at, _)
        | Change::Add(at, ..) => at,
    };
    let (parent, key) = at.get(&places);
    match document.pointer_mut(parent) {
        Some(Value::Object(fields)) => match change {
            Change::Replace(_, value) => {
                fields.insert(key.clone(), value);
            }
            Change::Remove(_) => {
                fields.remove(key);
            }
            Change::Rename(_, name) => {
                let value = fields.remove(key).unwrap_or_default();
                fields.insert(name, value);
            }
            Change::Add(_, name, value) => {
                fields.insert(name, value);
            }
        },
        Some(Value::Array(items)) => {
            let index: usize = key.parse().unwrap();
            match change {
                Change::Replace(_, value) => items[index] = value,
                Change::Remove(_) | Change::Rename(..) => drop(items.remove(index)),
                Change::Add(_, _, value) => items.push(value),
            }
        }
        _ => {}
    }
    document
}
