//! A document of which one long list is not kept: its items come one by one.

use super::{Key, Node, Value};
use core::fmt;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What is done with lists at the root of a document that have one of these names.
pub(crate) enum Items<'t> {
    /// Their items are counted, whatever they are.
    Counted(&'t [&'t str], &'t mut usize),
    /// The items of the first of this name are handed on, each with its number.
    HandedOn(&'t str, &'t mut dyn FnMut(usize, &Node)),
}

/// Reads a map of JSON, with its long lists empty; where items are handed on, the map is too.
///
/// # Errors
/// It is not JSON or no map, or what should be a list is none.
pub(crate) fn outline(bytes: &[u8], items: Items<'_>) -> serde_json::Result<Node> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = json.deserialize_map(items)?;
    json.end()?;
    Ok(Node { span: None, value })
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value, A::Error> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut handed_on = false;
        while let Some(name) = map.next_key::<String>()? {
            match &mut self {
                Self::Counted(lists, count) if lists.contains(&name.as_str()) => {
                    map.next_value_seed(List(&mut Item::Counted(count)))?;
                    let span = None;
                    let value = Value::List(Vec::new());
                    entries.push((name.into(), Node { span, value }));
                }
                Self::Counted(..) => entries.push((name.into(), map.next_value()?)),
                Self::HandedOn(list, take) if *list == name && !handed_on => {
                    map.next_value_seed(List(&mut Item::HandedOn(*take)))?;
                    handed_on = true;
                }
                Self::HandedOn(..) => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Value::Map(entries))
    }
}

/// What is done with the items of one list.
enum Item<'t> {
    Counted(&'t mut usize),
    HandedOn(&'t mut dyn FnMut(usize, &Node)),
}

struct List<'i, 't>(&'i mut Item<'t>);

impl<'de> DeserializeSeed<'de> for List<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        match self.0 {
            Item::Counted(count) => {
                while list.next_element::<IgnoredAny>()?.is_some() {
                    **count = count.saturating_add(1);
                }
            }
            Item::HandedOn(take) => {
                let mut index = 0usize;
                while let Some(node) = list.next_element::<Node>()? {
                    take(index, &node);
                    index = index.saturating_add(1);
                }
            }
        }
        Ok(())
    }
}
