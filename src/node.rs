//! A document as a tree whose nodes know where they were written.
//!
//! Reading a config in two steps, text to tree and tree to types, is what makes it possible to
//! report every problem at once: `serde` derives stop at the first. JSON (in the filter) and YAML
//! (in tools, with spans) become the same tree, so both get the same reader and the same messages.

use core::fmt;
use core::marker::PhantomData;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

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
pub(crate) struct ValueVisitor<'o, S> {
    outline: Option<Outline<'o>>,
    spans: PhantomData<S>,
}

/// What is not kept of a document.
struct Outline<'o> {
    /// The lists at its root; in such a list there are none.
    lists: &'o [&'o str],
    take: &'o mut dyn FnMut(usize, &Node),
}

/// Reads JSON but for the first list at its root that has one of these names, which comes out empty: its
/// items are handed on, each with its number, and each is gone before the next is read.
///
/// # Errors
/// It is not JSON.
pub(crate) fn outline(
    json: &[u8],
    lists: &[&str],
    take: &mut dyn FnMut(usize, &Node),
) -> serde_json::Result<Node> {
    let mut json = serde_json::Deserializer::from_slice(json);
    let value = ValueVisitor::<NoSpans>::of(Outline { lists, take }).deserialize(&mut json)?;
    json.end()?;
    Ok(Node { span: None, value })
}

impl<'o, S> ValueVisitor<'o, S> {
    pub(crate) fn new() -> Self {
        Self {
            outline: None,
            spans: PhantomData,
        }
    }

    fn of(outline: Outline<'o>) -> Self {
        Self {
            outline: Some(outline),
            ..Self::new()
        }
    }
}

impl<'de, S: Spans> DeserializeSeed<'de> for ValueVisitor<'_, S> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, S: Spans> Visitor<'de> for ValueVisitor<'_, S> {
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
        let mut outline = self.outline;
        let mut index = 0usize;
        while let Some(node) = list.next_element::<S::Node<'de>>()? {
            match &mut outline {
                Some(Outline { lists: [], take }) => take(index, &node.into()),
                _ => nodes.push(node.into()),
            }
            index = index.saturating_add(1);
        }
        Ok(Value::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut outline = self.outline;
        while let Some(key) = map.next_key::<S::Key<'de>>()? {
            let key: Key = key.into();
            let list = outline.take_if(|outline| outline.lists.contains(&key.name.as_str()));
            let node = match list {
                Some(Outline { take, .. }) => {
                    let list = ValueVisitor::<S>::of(Outline { lists: &[], take });
                    let value = map.next_value_seed(list)?;
                    Node { span: None, value }
                }
                None => map.next_value::<S::Node<'de>>()?.into(),
            };
            entries.push((key, node));
        }
        Ok(Value::Map(entries))
    }
}
