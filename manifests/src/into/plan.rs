//! What is inserted into a text.

use super::change::{self, Change};
use super::document::{Kind, Text, next_line};
use super::manifest::{Manifest, Step};
use super::reach::Target;
use super::task::Task;
use super::value::Value;
use super::{Found, layout, marker};
use std::ops::Range;

/// What is inserted into a text.
pub(super) struct Plan {
    insertions: Vec<(usize, String)>,
    /// What its documents say then.
    pub(super) expected: Vec<Value>,
}

/// Copies that are put in front of an item of a list, one a variant.
pub(super) struct Twins {
    pub(super) index: usize,
    pub(super) changes: Vec<Change>,
}

// === impl Plan ===

impl Plan {
    /// Nothing yet.
    pub(super) fn new(text: &Text<'_>) -> Result<Self, Found> {
        let expected: Result<_, _> = text.roots.iter().map(|root| text.value(root)).collect();
        Ok(Self {
            insertions: Vec::new(),
            expected: expected?,
        })
    }

    /// Where it begins to change the text.
    pub(super) fn first(&self) -> Range<usize> {
        let first = self.insertions.iter().map(|(at, _)| *at).min().unwrap_or(0);
        first..first
    }

    /// The text with everything inserted.
    pub(super) fn written(&self, text: &str) -> String {
        let mut insertions: Vec<&(usize, String)> = self.insertions.iter().collect();
        insertions.sort_by_key(|(at, _)| *at);
        let mut written = String::new();
        let mut from = 0;
        for (at, inserted) in insertions {
            written.push_str(&text[from..*at]);
            written.push_str(inserted);
            from = *at;
        }
        written.push_str(&text[from..]);
        written
    }

    pub(super) fn insert(&mut self, at: usize, text: String) {
        self.insertions.push((at, text));
    }

    /// What the manifest says when all is inserted.
    pub(super) fn expected_of(&mut self, manifest: &Manifest<'_>) -> Option<&mut Value> {
        let mut value = self.expected.get_mut(manifest.root)?;
        if let Some(item) = manifest.item {
            value = value.entry_mut("items")?.item_mut(item)?;
        }
        Some(value)
    }
}

impl Task<'_> {
    /// Puts copies in front of items of the list at `spec.<key>`.
    pub(super) fn put(
        &self,
        manifest: &Manifest<'_>,
        key: &'static str,
        twins: &[Twins],
        target: &Target<'_>,
        plan: &mut Plan,
    ) -> Result<(), Found> {
        let text = &self.texts[manifest.text];
        let path = [Step::Key("spec"), Step::Key(key)];
        let entry = manifest
            .node
            .entry("spec")
            .and_then(|spec| spec.value.entry(key));
        let Some((entry, list)) = entry.map(|entry| (entry, &entry.value)) else {
            let message =
                format!("`{key}` is not written here but comes from elsewhere in the file");
            let help = "write the list out in its place, without an alias or merge key";
            return Err(self.error(
                manifest,
                &[Step::Key("spec")],
                "unusual-layout",
                message,
                help,
            ));
        };
        let items = match &list.kind {
            Kind::List { items, flow: false } => items,
            _ => return Err(self.no_block(manifest, &path, key)),
        };
        let mut expected = Vec::new();
        let there = manifest
            .value
            .at(&["spec"])
            .map_or(&[][..], |spec| spec.items(key));
        for (index, item) in items.iter().enumerate() {
            if let Some(twins) = twins.iter().find(|twins| twins.index == index) {
                let lines = layout::item_lines(text, list, items, index)?;
                let before = match index.checked_sub(1) {
                    Some(before) => text.end_of(&items[before]),
                    None => entry.key_range.end,
                };
                let at = layout::above(text.text, lines.start, next_line(text.text, before));
                let mut copies = Vec::new();
                for change in &twins.changes {
                    copies.push(change::copy(text, item, lines.clone(), change)?);
                    expected.extend(there.get(index).and_then(|item| change.apply(Some(item))));
                }
                let line = &text.text[lines];
                let indent = &line[..line.len() - line.trim_start_matches(' ').len()];
                let enclosed = marker::enclosed(&target.name, indent, &copies, text.line_break());
                plan.insert(at, enclosed);
            }
            expected.extend(there.get(index).cloned());
        }
        let list = plan
            .expected_of(manifest)
            .and_then(|value| value.entry_mut("spec")?.entry_mut(key));
        if let Some(list) = list {
            *list = Value::List(expected);
        }
        Ok(())
    }

    /// Lines cannot be put into a list that is not one item a line.
    pub(super) fn no_block(&self, manifest: &Manifest<'_>, path: &[Step<'_>], key: &str) -> Found {
        let json = self.texts[manifest.text]
            .text
            .trim_start()
            .starts_with(['{', '[']);
        let (code, message) = match json {
            true => (
                "json",
                "this is JSON, which has no comments, so what is inserted could not be found again"
                    .to_owned(),
            ),
            false => (
                "flow-style",
                format!(
                    "`{key}` is written in brackets or by an alias, and lines cannot be put into it"
                ),
            ),
        };
        let help = match json {
            true => "make YAML of it, as with `yq -P`, and give that".to_owned(),
            false => format!(
                "write `{key}:` as a block list, each item on lines of its own that begin with `- `"
            ),
        };
        self.error(manifest, path, code, message, help)
    }
}
