//! What a description is made of. Written out it is JSON Schema, draft 2020-12
//! (json-schema.org/draft/2020-12/json-schema-validation); `crd` makes of it what Kubernetes takes.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// What may stand in one place.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Schema {
    #[serde(rename = "$schema", skip_serializing_if = "Option::is_none")]
    pub(super) dialect: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<&'static str>,
    /// What an editor shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(rename = "$ref", skip_serializing_if = "Option::is_none")]
    pub(super) reference: Option<&'static str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<Kind>,
    #[serde(rename = "enum", skip_serializing_if = "<[_]>::is_empty")]
    pub(super) words: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pattern: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min_length: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_length: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) minimum: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) maximum: Option<u32>,
    /// What it is if it is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) default: Option<Word>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) examples: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min_items: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_items: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) items: Option<Box<Schema>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) required: Vec<&'static str>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    pub(super) properties: Pairs,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) property_names: Option<Box<Schema>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) additional_properties: Option<Others>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min_properties: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_properties: Option<u32>,
    /// One of these fields, or of these groups of fields, and no other of them.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) one_of: Vec<Needs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) not: Option<Box<Schema>>,
    #[serde(rename = "$defs", skip_serializing_if = "Pairs::is_empty")]
    pub(super) definitions: Pairs,
    /// What Kubernetes alone can say, and the bounds that it needs to say it at a known cost.
    #[serde(skip)]
    pub(super) kubernetes: Kubernetes,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    String,
    Boolean,
    Integer,
    Array,
    Object,
}

/// A value that is said to be the usual one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum Word {
    Text(&'static str),
    Flag(bool),
    Number(u32),
}

/// Fields by name, in the order of the docs.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairs(pub(super) Vec<(&'static str, Schema)>);

/// What is not among the properties.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Others {
    /// `false`: nothing.
    Refused(False),
    /// Anything like this.
    Like(Box<Schema>),
}

/// `false`.
#[derive(Clone, Copy, Debug)]
pub(super) struct False;

/// Fields that must be there.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Needs {
    pub(super) required: Vec<&'static str>,
}

/// What goes into the CustomResourceDefinition alone.
#[derive(Clone, Debug, Default)]
pub(super) struct Kubernetes {
    /// The most items or properties.
    pub(super) most: Option<u32>,
    /// The most characters.
    pub(super) longest: Option<u32>,
    pub(super) rules: Vec<Rule>,
}

/// A condition in CEL (kubernetes.io, "Validation rules").
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Rule {
    pub(super) rule: &'static str,
    pub(super) message: &'static str,
}

impl Pairs {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Pairs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, schema) in &self.0 {
            map.serialize_entry(name, schema)?;
        }
        map.end()
    }
}

impl Serialize for False {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(false)
    }
}

// === impl Schema ===

impl Schema {
    fn of(kind: Kind) -> Self {
        Self {
            kind: Some(kind),
            ..Self::default()
        }
    }

    /// Any text.
    pub(super) fn text() -> Self {
        Self::of(Kind::String)
    }

    /// A text with something in it.
    pub(super) fn filled() -> Self {
        Self {
            min_length: Some(1),
            ..Self::text()
        }
    }

    /// A text like this.
    pub(super) fn pattern(pattern: &'static str) -> Self {
        Self {
            pattern: Some(pattern),
            ..Self::text()
        }
    }

    /// One of a few words.
    pub(super) fn words(words: &'static [&'static str]) -> Self {
        Self {
            words,
            ..Self::text()
        }
    }

    pub(super) fn flag() -> Self {
        Self::of(Kind::Boolean)
    }

    /// A whole number from `least` to `most`.
    pub(super) fn whole(least: u32, most: u32) -> Self {
        Self {
            minimum: Some(least),
            maximum: Some(most),
            ..Self::of(Kind::Integer)
        }
    }

    pub(super) fn list(items: Self) -> Self {
        Self {
            items: Some(Box::new(items)),
            ..Self::of(Kind::Array)
        }
    }

    /// A list with something in it.
    pub(super) fn filled_list(items: Self) -> Self {
        Self {
            min_items: Some(1),
            ..Self::list(items)
        }
    }

    /// A map whose keys are known.
    pub(super) fn fields(fields: Vec<(&'static str, Self)>) -> Self {
        Self {
            properties: Pairs(fields),
            additional_properties: Some(Others::Refused(False)),
            ..Self::of(Kind::Object)
        }
    }

    /// A map whose keys are free.
    pub(super) fn map(values: Self) -> Self {
        Self {
            additional_properties: Some(Others::Like(Box::new(values))),
            ..Self::of(Kind::Object)
        }
    }

    /// Anything that is defined under this name.
    pub(super) fn reference(name: &'static str) -> Self {
        Self {
            reference: Some(name),
            ..Self::default()
        }
    }

    pub(super) fn about(mut self, description: &str) -> Self {
        self.description = Some(description.to_owned());
        self
    }

    pub(super) fn needs(mut self, required: &[&'static str]) -> Self {
        self.required = required.to_vec();
        self
    }

    pub(super) fn one_of(self, choices: &[&'static str]) -> Self {
        let alone: Vec<&[&'static str]> = choices.chunks(1).collect();
        self.one_group_of(&alone)
    }

    pub(super) fn one_group_of(mut self, choices: &[&[&'static str]]) -> Self {
        let needs = |choice: &&[&'static str]| Needs {
            required: choice.to_vec(),
        };
        self.one_of = choices.iter().map(needs).collect();
        self
    }

    pub(super) fn but_not(mut self, not: Self) -> Self {
        self.not = Some(Box::new(not));
        self
    }

    pub(super) fn usually(mut self, text: &'static str) -> Self {
        self.default = Some(Word::Text(text));
        self
    }

    pub(super) fn usually_number(mut self, number: u32) -> Self {
        self.default = Some(Word::Number(number));
        self
    }

    pub(super) fn usually_set(mut self) -> Self {
        self.default = Some(Word::Flag(true));
        self
    }

    pub(super) fn like(mut self, examples: &'static [&'static str]) -> Self {
        self.examples = examples;
        self
    }

    /// The most items, properties or characters, in Kubernetes alone.
    pub(super) fn most(mut self, most: u32) -> Self {
        match self.kind {
            Some(Kind::String) => self.kubernetes.longest = Some(most),
            _ => self.kubernetes.most = Some(most),
        }
        self
    }

    /// In Kubernetes alone.
    pub(super) fn rule(mut self, rule: &'static str, message: &'static str) -> Self {
        self.kubernetes.rules.push(Rule { rule, message });
        self
    }
}
