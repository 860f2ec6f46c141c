//! A change of a value, and the same change made in the text that says it.
//!
//! Both are made from one [`Change`], so that the text can be read again afterwards and held
//! against the value.

use super::document::{Entry, Kind, Node, Text, line_end};
use super::value::Value;
use super::{Found, layout};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// What becomes of a value; whatever it does not speak of stays.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// It becomes another.
    Set(Value),
    /// It goes.
    Remove,
    /// Entries of a map change; one that is not there yet is put first or last.
    Map(Vec<(&'static str, Where, Change)>),
    /// As `Map`, for a key that is not of the API.
    Key(String, Value),
    /// A list gets new items at its front, and others change.
    List {
        first: Vec<Value>,
        items: BTreeMap<usize, Change>,
    },
}

/// Where an entry is put that is not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    First,
    Last,
}

impl Change {
    /// The value that comes of it.
    pub(super) fn apply(&self, value: Option<&Value>) -> Option<Value> {
        let value = value.filter(|value| !value.is_null());
        match self {
            Self::Set(value) => Some(value.clone()),
            Self::Remove => None,
            Self::Key(key, entry) => {
                let mut map = value.cloned().map(Value::into_entries).unwrap_or_default();
                map.insert(key.clone(), entry.clone());
                Some(Value::Map(map))
            }
            Self::Map(changes) => {
                let mut map = value.cloned().map(Value::into_entries).unwrap_or_default();
                for (key, _, change) in changes {
                    match change.apply(map.get(*key)) {
                        Some(value) => map.insert((*key).to_owned(), value),
                        None => map.remove(*key),
                    };
                }
                Some(Value::Map(map))
            }
            Self::List { first, items } => {
                let mut list = first.clone();
                if let Some(Value::List(there)) = value {
                    list.extend(there.iter().enumerate().filter_map(|(index, item)| {
                        match items.get(&index) {
                            Some(change) => change.apply(Some(item)),
                            None => Some(item.clone()),
                        }
                    }));
                }
                Some(Value::List(list))
            }
        }
    }
}

/// The text of a copy of `item`, which stands in `lines`, with a change made in it.
pub(super) fn copy(
    text: &Text<'_>,
    item: &Node,
    lines: Range<usize>,
    change: &Change,
) -> Result<String, Found> {
    let mut edits = Edits {
        text,
        edits: Vec::new(),
    };
    edits.change(item, change)?;
    edits.free_of_anchors(item)?;
    // A value that says nothing may stand, for the parser, where the next thing does.
    let inside = |(range, _): &(Range<usize>, String)| {
        lines.start <= range.start && range.start <= range.end && range.end <= lines.end
    };
    match edits.edits.iter().all(inside) {
        true => Ok(edits.written(lines)),
        false => Err(layout::unusual(text, &item.range)),
    }
}

struct Edits<'e, 't> {
    text: &'e Text<'t>,
    /// What is written in place of what.
    edits: Vec<(Range<usize>, String)>,
}

impl Edits<'_, '_> {
    fn change(&mut self, node: &Node, change: &Change) -> Result<(), Found> {
        match (&node.kind, change) {
            (Kind::Map { entries, flow }, Change::Map(changes)) => {
                self.map(node, entries, *flow, changes)
            }
            (Kind::Map { entries, flow }, Change::Key(key, value)) => {
                let lines = vec![(key.as_str(), value.clone())];
                self.add(node, entries, *flow, Where::First, lines)
            }
            (Kind::List { items, flow }, Change::List { first, items: by }) => {
                self.list(node, items, *flow, first, by)
            }
            (_, Change::Set(value)) => {
                self.set(node, value);
                Ok(())
            }
            _ => {
                let value = self.text.value(node)?;
                if let Some(value) = change.apply(Some(&value)) {
                    self.set(node, &value);
                }
                Ok(())
            }
        }
    }

    /// Writes a value on one line, in the quotes that stand there.
    fn set(&mut self, node: &Node, value: &Value) {
        let there = &self.text.text[node.range.clone()];
        let flow = value.flow();
        let bare = !flow.starts_with(['"', '{', '[']);
        let written = match (there.chars().next(), value) {
            (Some(quote @ ('"' | '\'')), Value::Scalar(scalar)) if bare && scalar.is_text => {
                format!("{quote}{flow}{quote}")
            }
            (None, _) => format!(" {flow}"),
            _ => flow,
        };
        // What ends the last line of a block scalar ends the line of what takes its place.
        let range = node.range.start..self.text.end_of(node);
        self.edits.push((range, written));
    }

    fn map(
        &mut self,
        node: &Node,
        entries: &[Entry],
        flow: bool,
        changes: &[(&'static str, Where, Change)],
    ) -> Result<(), Found> {
        // What is not written here may come by a merge key.
        let whole = self.text.value(node)?;
        let mut removed = BTreeSet::new();
        for place in [Where::First, Where::Last] {
            let mut added = Vec::new();
            for (key, at, change) in changes {
                let Some(index) = entries.iter().position(|entry| entry.key == *key) else {
                    let value = change.apply(whole.get(key)).filter(|_| *at == place);
                    added.extend(value.map(|value| (*key, value)));
                    continue;
                };
                if place == Where::Last {
                    continue;
                }
                if matches!(change, Change::Remove) {
                    removed.insert(index);
                } else {
                    self.change(&entries[index].value, change)?;
                }
            }
            if !added.is_empty() {
                self.add(node, entries, flow, place, added)?;
            }
        }
        let parts: Vec<Range<usize>> = entries
            .iter()
            .map(|entry| entry.key_range.start..self.text.end_of(&entry.value))
            .collect();
        self.remove(&parts, &removed, flow);
        Ok(())
    }

    /// Puts new entries into a map.
    fn add(
        &mut self,
        node: &Node,
        entries: &[Entry],
        flow: bool,
        place: Where,
        added: Vec<(&str, Value)>,
    ) -> Result<(), Found> {
        let Some((first, last)) = entries.first().zip(entries.last()) else {
            let all = added
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value));
            self.edits
                .push((node.range.clone(), Value::Map(all.collect()).flow()));
            return Ok(());
        };
        let at = match place {
            Where::First => first.key_range.start,
            Where::Last => self.text.end_of(&last.value),
        };
        let written: Vec<String> = added
            .iter()
            .flat_map(|(key, value)| match flow {
                true => vec![Value::map([(*key, value.clone())]).flow()],
                false => value.block_entry(key),
            })
            .collect();
        let (at, written) = if flow {
            let bare: Vec<&str> = written
                .iter()
                .map(|entry| &entry[1..entry.len() - 1])
                .collect();
            match place {
                Where::First => (at, format!("{}, ", bare.join(", "))),
                Where::Last => (at, format!(", {}", bare.join(", "))),
            }
        } else {
            let break_ = self.text.break_before(first.key_range.start);
            match place {
                Where::First => (at, written.join(&break_) + &break_),
                Where::Last => (
                    line_end(self.text.text, at),
                    format!("{break_}{}", written.join(&break_)),
                ),
            }
        };
        self.edits.push((at..at, written));
        Ok(())
    }

    fn list(
        &mut self,
        node: &Node,
        items: &[Node],
        flow: bool,
        first: &[Value],
        by: &BTreeMap<usize, Change>,
    ) -> Result<(), Found> {
        let mut removed = BTreeSet::new();
        for (index, change) in by {
            match (items.get(*index), change) {
                (None, _) => {}
                (Some(_), Change::Remove) => {
                    removed.insert(*index);
                }
                (Some(item), change) => self.change(item, change)?,
            }
        }
        let mut parts = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let start = match flow {
                true => item
                    .anchor
                    .as_ref()
                    .map_or(item.range.start, |anchor| anchor.range.start),
                false => layout::dash(self.text, node, items, index)?,
            };
            parts.push(start..self.text.end_of(item));
        }
        self.remove(&parts, &removed, flow);
        if first.is_empty() {
            return Ok(());
        }
        let Some(front) = parts.first() else {
            self.edits
                .push((node.range.clone(), Value::List(first.to_vec()).flow()));
            return Ok(());
        };
        let written = if flow {
            let first: Vec<String> = first.iter().map(|value| value.flow() + ", ").collect();
            first.concat()
        } else {
            let break_ = self.text.break_before(front.start);
            let lines = Value::List(first.to_vec()).block();
            lines.join(&break_) + &break_
        };
        self.edits.push((front.start..front.start, written));
        Ok(())
    }

    /// Takes parts of a list or map out; the first that stays takes the place of the first.
    fn remove(&mut self, parts: &[Range<usize>], removed: &BTreeSet<usize>, flow: bool) {
        let stays = (0..parts.len()).find(|index| !removed.contains(index));
        let Some(stays) = stays.filter(|_| !removed.is_empty()) else {
            return;
        };
        if stays > 0 {
            let range = parts[0].start..parts[stays].start;
            self.edits.push((range, String::new()));
        }
        let end = |at: usize| match flow {
            true => at,
            false => line_end(self.text.text, at),
        };
        for index in removed.iter().filter(|index| **index > stays) {
            let range = end(parts[index - 1].end)..end(parts[*index].end);
            self.edits.push((range, String::new()));
        }
    }

    /// Anchors are the original's. In a copy they go, and what an alias meant by them is written
    /// out.
    fn free_of_anchors(&mut self, item: &Node) -> Result<(), Found> {
        let mut numbers = BTreeSet::new();
        item.each(&mut |node| {
            if let Some(anchor) = &node.anchor {
                numbers.insert(anchor.number);
                let after = &self.text.text[anchor.range.end..];
                let spaces = after.len() - after.trim_start_matches(' ').len();
                let last = after[spaces..].starts_with(['\r', '\n']);
                let before =
                    usize::from(last && self.text.text[..anchor.range.start].ends_with(' '));
                let range = anchor.range.start - before..anchor.range.end + spaces;
                self.edits.push((range, String::new()));
            }
        });
        let mut aliases = Vec::new();
        item.each(&mut |node| {
            if matches!(node.kind, Kind::Alias(number) if numbers.contains(&number)) {
                aliases.push(node.clone());
            }
        });
        for alias in aliases {
            let value = self.text.value(&alias)?;
            // A change of the alias itself comes before it in the list.
            self.edits.push((alias.range, value.flow()));
        }
        Ok(())
    }

    /// The text with every edit made; of edits in each other the outermost counts, of two of the
    /// same place that fill it the first.
    fn written(mut self, lines: Range<usize>) -> String {
        self.edits.sort_by_key(|(range, _)| {
            (range.start, !range.is_empty(), std::cmp::Reverse(range.end))
        });
        let mut written = String::new();
        let mut at = lines.start;
        for (range, new) in &self.edits {
            if range.start < at {
                continue;
            }
            written.push_str(&self.text.text[at..range.start]);
            written.push_str(new);
            at = range.end;
        }
        written.push_str(&self.text.text[at..lines.end]);
        written
    }
}
