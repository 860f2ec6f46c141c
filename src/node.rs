//! A document as a tree whose nodes know where they were written.
//!
//! Reading a config in two steps, text to tree and tree to types, is what makes it possible to
//! report every problem at once: `serde` derives stop at the first. JSON (in the filter) and YAML
//! (in tools, with spans) become the same tree, so both get the same reader and the same messages.

mod outline;

pub(crate) use outline::{Items, outline};

use core::fmt;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Where something stands in its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Byte offset of its start.
    pub start: usize,
    /// Byte offset just behind its end.
    pub end: usize,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// A value with its place; JSON brings no places.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it was written.
    pub span: Option<Span>,
    /// What was written.
    pub value: Value,
}

/// What can be written.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing at all, or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as text: no field of a canary is one, so only messages show it.
    Number(String),
    /// A text.
    String(String),
    /// A list.
    List(Vec<Node>),
    /// A map with its keys in the order written, repeated ones included.
    Map(Vec<(Key, Node)>),
}

/// A key of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Where it was written.
    pub span: Option<Span>,
    /// The key.
    pub name: String,
}

// === impl Value ===

impl Value {
    /// What it is, in words that follow "this is".
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "empty",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

// === impl Deserialize ===

/// JSON's way in. (YAML comes by `yaml.rs`, which knows spans.)
impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(ValueVisitor::<NoSpans>::new())?;
        Ok(Self { span: None, value })
    }
}

/// How a format tells where its nodes are; this is all that JSON and YAML differ in.
pub(crate) trait Spans {
    /// A node as the format's deserializer gives it.
    type Node<'de>: Deserialize<'de> + Into<Node>;
    /// A key as the format's deserializer gives it.
    type Key<'de>: Deserialize<'de> + Into<Key>;
}

/// Nothing is known of places.
struct NoSpans;

impl Spans for NoSpans {
    type Node<'de> = Node;
    type Key<'de> = String;
}

impl From<String> for Key {
    fn from(name: String) -> Self {
        Self { span: None, name }
    }
}

/// Builds a [`Value`] from whatever a self-describing format has.
pub(crate) struct ValueVisitor<S>(core::marker::PhantomData<S>);

impl<S> ValueVisitor<S> {
    pub(crate) fn new() -> Self {
        Self(core::marker::PhantomData)
    }
}

impl<'de, S: Spans> Visitor<'de> for ValueVisitor<S> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map, a list or a plain value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element::<S::Node<'de>>()? {
            nodes.push(node.into());
        }
        Ok(Value::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, node)) = map.next_entry::<S::Key<'de>, S::Node<'de>>()? {
            entries.push((key.into(), node.into()));
        }
        Ok(Value::Map(entries))
    }
}
