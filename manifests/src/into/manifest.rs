//! The manifests of a text, and the places of their fields.

use super::Found;
use super::document::{Kind, Node, Text};
use super::value::Value;
use std::ops::Range;

/// A manifest.
pub(super) struct Manifest<'t> {
    /// Which text it is in, which of its documents, and which item if that is a list of them.
    pub(super) text: usize,
    pub(super) root: usize,
    pub(super) item: Option<usize>,
    pub(super) node: &'t Node,
    pub(super) value: Value,
    /// The group of its API, which says whose kind it is.
    pub(super) group: String,
    pub(super) kind: String,
}

/// A step down into a manifest.
#[derive(Clone, Copy)]
pub(super) enum Step<'k> {
    Key(&'k str),
    Index(usize),
}

// === impl Manifest ===

impl<'t> Manifest<'t> {
    /// The manifests of a text whose API is of this group.
    ///
    /// # Errors
    /// One of them is a template.
    pub(super) fn all(text: &'t Text<'t>, group: &str) -> Result<Vec<Self>, Found> {
        let mut manifests = Vec::new();
        for (root, node) in text.roots.iter().enumerate() {
            let value = text.value(node)?;
            let items = match (
                node.entry("items").map(|entry| &entry.value.kind),
                value.str_at(&["kind"]),
            ) {
                (Some(Kind::List { items, .. }), Some(kind)) if kind.ends_with("List") => items,
                _ => {
                    manifests.extend(Self::new(text, root, None, node, value));
                    continue;
                }
            };
            for (item, node) in items.iter().enumerate() {
                let value = text.value(node)?;
                manifests.extend(Self::new(text, root, Some(item), node, value));
            }
        }
        manifests.retain(|manifest| manifest.group == group);
        for manifest in &manifests {
            manifest.is_no_template(text)?;
        }
        Ok(manifests)
    }

    fn new(
        text: &Text<'_>,
        root: usize,
        item: Option<usize>,
        node: &'t Node,
        value: Value,
    ) -> Option<Self> {
        let (group, _) = value.str_at(&["apiVersion"])?.split_once('/')?;
        let (group, kind) = (group.to_owned(), value.str_at(&["kind"])?.to_owned());
        Some(Self {
            text: text.source,
            root,
            item,
            node,
            value,
            group,
            kind,
        })
    }

    /// A template is a manifest only after it was filled in, and what it says then is not known.
    fn is_no_template(&self, text: &Text<'_>) -> Result<(), Found> {
        let range = self.node.range.clone();
        for (at, _) in text.text[range.clone()].match_indices("{{") {
            let at = range.start + at;
            if !text.comments.iter().any(|comment| comment.contains(&at)) {
                return Err(Found::new(
                    text.place(&(at..at + 2), ""),
                    "template",
                    "this is a template, and what it will say is not known here",
                    "fill it in first, as with `helm template`, and give what comes of it",
                ));
            }
        }
        Ok(())
    }

    pub(super) fn namespace(&self) -> Option<&str> {
        self.value.str_at(&["metadata", "namespace"])
    }

    pub(super) fn name(&self) -> &str {
        self.value.str_at(&["metadata", "name"]).unwrap_or_default()
    }

    /// Where a field of its is written, if it is written out, and how messages call it.
    pub(super) fn field(&self, path: &[Step<'_>]) -> (Range<usize>, String) {
        let mut node = self.node;
        let mut range = node.range.start..node.range.start;
        let mut name = self
            .item
            .map_or(String::new(), |item| format!("items[{item}]"));
        let mut lost = false;
        for step in path {
            match step {
                Step::Key(key) => {
                    let dot = if name.is_empty() { "" } else { "." };
                    name = format!("{name}{dot}{key}");
                    match node.entry(key).filter(|_| !lost) {
                        Some(entry) => {
                            let scalar = matches!(entry.value.kind, Kind::Scalar(_));
                            let full = scalar && !entry.value.range.is_empty();
                            range = if full {
                                entry.value.range.clone()
                            } else {
                                entry.key_range.clone()
                            };
                            node = &entry.value;
                        }
                        None => lost = true,
                    }
                }
                Step::Index(index) => {
                    name = format!("{name}[{index}]");
                    match &node.kind {
                        Kind::List { items, .. } if !lost && *index < items.len() => {
                            node = &items[*index];
                            let collection = !matches!(node.kind, Kind::Scalar(_));
                            range = node.range.clone();
                            range.end = if collection { range.start } else { range.end };
                        }
                        _ => lost = true,
                    }
                }
            }
        }
        (range, name)
    }
}
