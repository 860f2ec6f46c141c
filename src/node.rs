//! A document as a tree whose nodes know where they were written.
//!
//! Reading a config in two steps, text to tree and tree to types, is what makes it possible to
//! report every problem at once: `serde` derives stop at the first. JSON (in the filter) and YAML
//! (in tools, with spans) become the same tree, so both get the same reader and the same messages.

use core::fmt;
use core::marker::PhantomData;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// Where something stands in its source. Without the feature `yaml` nothing is read that tells, and no
/// place takes room.
#[cfg(not(feature = "yaml"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {}

/// Where something stands in its source.
#[cfg(feature = "yaml")]
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

// === impl Span ===

impl Span {
    /// Cut down to a point: a block is marked where it begins.
    pub(crate) fn first_line(self) -> Self {
        #[cfg(feature = "yaml")]
        let span = Self {
            end: self.start,
            ..self
        };
        #[cfg(not(feature = "yaml"))]
        let span = self;
        span
    }
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
        Ok(Value::Number(decimal(value)))
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

/// A number as people write it. What the standard library has for it brings 12 KB into the module, for
/// shares without a percent sign in messages.
fn decimal(value: f64) -> String {
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let size = value.abs();
    if !size.is_finite() {
        return format!("{sign}{}", if size.is_nan() { "NaN" } else { "inf" });
    }
    let (mut power, mut decimals) = (1u64, 0usize);
    loop {
        // Both are exact for whatever has no more digits than a number of 64 bits can tell apart.
        let digits = (size * power as f64 + 0.5) as u64;
        if digits < TOO_LONG && digits as f64 / power as f64 == size {
            let whole = digits.checked_div(power).unwrap_or_default();
            if decimals == 0 {
                return format!("{sign}{whole}");
            }
            let fraction = digits.checked_rem(power).unwrap_or_default();
            return format!("{sign}{whole}.{fraction:0decimals$}");
        }
        let Some(next) = power.checked_mul(10).filter(|_| digits < TOO_LONG) else {
            break;
        };
        power = next;
        decimals = decimals.saturating_add(1);
    }
    let (mut mantissa, mut exponent) = (size, 0i32);
    while mantissa >= 10.0 {
        mantissa /= 10.0;
        exponent = exponent.saturating_add(1);
    }
    while mantissa < 1.0 {
        mantissa *= 10.0;
        exponent = exponent.saturating_sub(1);
    }
    let rounded = (mantissa * 1e5 + 0.5) as u32;
    format!("{sign}{}e{exponent}", decimal(f64::from(rounded) / 1e5))
}

/// More digits than a number has; also a bound of what a number of 64 bits can hold.
const TOO_LONG: u64 = 1_000_000_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn numbers_are_as_people_write_them() {
        let check = |value: f64, expected: &str| assert_eq!(decimal(value), expected);
        check(0.0, "0");
        check(-0.0, "-0");
        check(5.0, "5");
        check(0.5, "0.5");
        check(-2.25, "-2.25");
        check(1e3, "1000");
        check(33.3333, "33.3333");
        check(0.05, "0.05");
        check(1e-7, "0.0000001");
        check(0.1 + 0.2, "0.30000000000000004");
        check(123_456_789_012_345_680.0, "123456789012345680");
        check(1e21, "1e21");
        check(1.5e300, "1.5e300");
        check(-2.5e-300, "-2.5e-300");
        check(f64::MAX, "1.79769e308");
        check(f64::INFINITY, "inf");
        check(f64::NEG_INFINITY, "-inf");
        check(f64::NAN, "NaN");
    }

    #[test]
    fn what_has_few_digits_is_as_the_standard_library_has_it() {
        for number in 0..20_000 {
            for power in [1.0, 10.0, 1e3, 1e4, 1e6] {
                let value = f64::from(number * 7) / power;
                assert_eq!(decimal(value), value.to_string());
            }
        }
    }
}
