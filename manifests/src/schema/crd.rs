//! The description as Kubernetes takes it: a CustomResourceDefinition with a structural schema.
//!
//! What a structural schema is: kubernetes.io, "Extend the Kubernetes API with
//! CustomResourceDefinitions", "Specifying a structural schema". It has a type everywhere, no
//! references, and either known keys or free ones; fields that it does not know are refused by
//! `kubectl` and dropped by the API server. What it cannot say is said in CEL.

use super::types::{Kind, Needs, Others, Rule, Schema};
use crate::kubernetes::{Manifest, Metadata};
use serde::Serialize;
use std::collections::BTreeMap;

/// Conditions within conditions that are described one by one; those deeper down are taken as they
/// are, and looked at by the reader alone.
const DEPTH: usize = 2;

/// The longest value in a map with known and free keys, where each key has another pattern.
const LONGEST_VALUE: u32 = 64;

#[derive(Serialize)]
pub(super) struct Spec {
    group: &'static str,
    names: Names,
    scope: &'static str,
    versions: [Version; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Names {
    kind: &'static str,
    list_kind: &'static str,
    plural: &'static str,
    singular: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    name: &'static str,
    served: bool,
    storage: bool,
    additional_printer_columns: [Column; 3],
    schema: Validation,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Column {
    name: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    json_path: &'static str,
}

#[derive(Serialize)]
struct Validation {
    #[serde(rename = "openAPIV3Schema")]
    schema: Structural,
}

/// A structural schema.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Structural {
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<Kind>,
    #[serde(rename = "enum", skip_serializing_if = "<[_]>::is_empty")]
    words: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_length: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_length: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_items: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_items: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<Box<Structural>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    required: Vec<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    properties: BTreeMap<&'static str, Structural>,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_properties: Option<Box<Structural>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_properties: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_properties: Option<u32>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    one_of: Vec<Needs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not: Option<Box<Structural>>,
    #[serde(
        rename = "x-kubernetes-validations",
        skip_serializing_if = "<[_]>::is_empty"
    )]
    rules: Vec<Rule>,
    #[serde(
        rename = "x-kubernetes-preserve-unknown-fields",
        skip_serializing_if = "core::ops::Not::not"
    )]
    anything: bool,
}

/// The definition of the kind that `file` describes.
pub(super) fn definition(file: &Schema) -> Manifest<Spec> {
    let column = |name, kind, json_path| Column {
        name,
        kind,
        json_path,
    };
    let spec = Spec {
        group: "coalmine.dev",
        names: Names {
            kind: "Canary",
            list_kind: "CanaryList",
            plural: "canaries",
            singular: "canary",
        },
        scope: "Namespaced",
        versions: [Version {
            name: "v1alpha1",
            served: true,
            storage: true,
            additional_printer_columns: [
                column("Hosts", "string", ".spec.hosts"),
                column("Default", "string", ".spec.default"),
                column("Age", "date", ".metadata.creationTimestamp"),
            ],
            schema: Validation { schema: root(file) },
        }],
    };
    Manifest {
        api_version: "apiextensions.k8s.io/v1",
        kind: "CustomResourceDefinition",
        metadata: Metadata::new("canaries.coalmine.dev", None, BTreeMap::new()),
        spec,
    }
}

/// The API server checks the envelope and `metadata` itself, and wants no word of ours on them.
fn root(file: &Schema) -> Structural {
    let mut root = structural(file, file, 0);
    for name in ["apiVersion", "kind", "metadata"] {
        if let Some(field) = root.properties.get_mut(name) {
            *field = Structural {
                kind: field.kind,
                ..Structural::default()
            };
        }
    }
    root.properties.remove("status");
    root.required.retain(|name| *name == "spec");
    root
}

fn structural(schema: &Schema, file: &Schema, depth: usize) -> Structural {
    if let Some(reference) = schema.reference {
        let name = reference.rsplit('/').next().unwrap_or_default();
        let defined = file.definitions.0.iter().find(|(known, _)| *known == name);
        let mut meant = match defined {
            Some((_, defined)) if depth < DEPTH => structural(defined, file, depth + 1),
            _ => Structural {
                kind: Some(Kind::Object),
                anything: true,
                ..Structural::default()
            },
        };
        meant.description.clone_from(&schema.description);
        return meant;
    }
    let inner = |schema: &Schema| Box::new(structural(schema, file, depth));
    let mut made = Structural {
        description: schema.description.clone(),
        // A schema that takes anything is there in `metadata` alone, which `root` clears.
        kind: schema.kind,
        words: schema.words,
        pattern: schema.pattern,
        min_length: schema.min_length,
        max_length: schema.max_length.or(schema.kubernetes.longest),
        minimum: schema.minimum,
        maximum: schema.maximum,
        min_items: schema.min_items,
        items: schema.items.as_deref().map(inner),
        required: schema.required.clone(),
        min_properties: schema.min_properties,
        max_properties: schema.max_properties,
        one_of: schema.one_of.clone(),
        not: schema.not.as_deref().map(inner),
        rules: schema.kubernetes.rules.clone(),
        ..Structural::default()
    };
    match schema.kind {
        Some(Kind::Array) => made.max_items = schema.max_items.or(schema.kubernetes.most),
        Some(Kind::Object) => made.max_properties = made.max_properties.or(schema.kubernetes.most),
        _ => {}
    }
    match &schema.additional_properties {
        // Known keys beside free ones: all are free, and the required ones are asked for by `required`.
        Some(Others::Like(others)) => {
            let mut others = structural(others, file, depth);
            if !schema.properties.0.is_empty() {
                others.pattern = None;
                others.max_length = Some(LONGEST_VALUE);
            }
            made.additional_properties = Some(Box::new(others));
        }
        _ => {
            made.properties = schema
                .properties
                .0
                .iter()
                .map(|(name, schema)| (*name, structural(schema, file, depth)))
                .collect();
        }
    }
    made
}
