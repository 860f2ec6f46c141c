//! The manifests in the texts, and what is inserted into them.

use super::change::{self, Change};
use super::document::{Kind, Node, Text, next_line};
use super::reach::{Governs, Target};
use super::value::Value;
use super::{Api, Found, layout, marker};
use super::{destination_rule, gateway, virtual_service};
use crate::Problem;
use coalmine::config::Canaries;
use coalmine::diagnostic::{Diagnostic, Severity};
use std::ops::Range;

/// A manifest.
pub(super) struct Manifest<'t> {
    /// Which text it is in, which of its documents, and which item if that is a list of them.
    pub(super) text: usize,
    root: usize,
    item: Option<usize>,
    pub(super) node: &'t Node,
    pub(super) value: Value,
    /// The group of its API.
    pub(super) group: String,
    pub(super) kind: String,
}

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

/// One run: all texts, all canaries.
pub(super) struct Task<'t> {
    pub(super) texts: &'t [Text<'t>],
    pub(super) targets: Vec<Target<'t>>,
    /// The header that carries the decision, in lower case.
    pub(super) header: String,
    api: Api,
    pub(super) errors: Vec<Diagnostic>,
    pub(super) warnings: Vec<Diagnostic>,
    pub(super) problems: Vec<Problem>,
}

// === impl Manifest ===

impl Manifest<'_> {
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

/// A step down into a manifest.
#[derive(Clone, Copy)]
pub(super) enum Step<'k> {
    Key(&'k str),
    Index(usize),
}

// === impl Plan ===

impl Plan {
    fn new(text: &Text<'_>) -> Result<Self, Found> {
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

// === impl Task ===

impl<'t> Task<'t> {
    pub(super) fn new(texts: &'t [Text<'t>], canaries: &'t Canaries, api: Api) -> Self {
        Self {
            texts,
            targets: canaries.canaries.iter().filter_map(Target::new).collect(),
            header: canaries.variant_header.to_ascii_lowercase(),
            api,
            errors: Vec::new(),
            warnings: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// What to insert into each text; it counts only if there is no error and no problem then.
    pub(super) fn plans(&mut self) -> Vec<Plan> {
        let mut plans = Vec::new();
        let mut manifests = Vec::new();
        for (number, text) in self.texts.iter().enumerate() {
            match Plan::new(text).and_then(|plan| Ok((plan, self.manifests(number)?))) {
                Ok((plan, found)) => {
                    plans.push(plan);
                    manifests.extend(found);
                }
                Err(found) => self.errors.push(*found.0),
            }
        }
        if plans.len() < self.texts.len() {
            return plans;
        }
        let done = match self.api {
            Api::Istio => destination_rule::subsets(self, &manifests, &mut plans)
                .and_then(|subsets| virtual_service::twins(self, &manifests, &subsets, &mut plans)),
            Api::Gateway => gateway::twins(self, &manifests, &mut plans),
        };
        if let Err(found) = done {
            self.errors.push(*found.0);
        }
        plans
    }

    /// The manifests of a text that this API knows.
    fn manifests(&self, number: usize) -> Result<Vec<Manifest<'t>>, Found> {
        let text: &'t Text<'t> = &self.texts[number];
        let mut manifests = Vec::new();
        for (root, node) in text.roots.iter().enumerate() {
            let value = text.value(node)?;
            let items = match (
                node.entry("items").map(|entry| &entry.value.kind),
                value.str_at(&["kind"]),
            ) {
                (Some(Kind::List { items, .. }), Some(kind)) if kind.ends_with("List") => items,
                _ => {
                    manifests.extend(manifest(number, root, None, node, value));
                    continue;
                }
            };
            for (item, node) in items.iter().enumerate() {
                let value = text.value(node)?;
                manifests.extend(manifest(number, root, Some(item), node, value));
            }
        }
        for manifest in &manifests {
            self.no_template(manifest)?;
        }
        Ok(manifests)
    }

    /// A template is a manifest only after it was filled in, and what it says then is not known.
    fn no_template(&self, manifest: &Manifest<'_>) -> Result<(), Found> {
        let text = &self.texts[manifest.text];
        let range = manifest.node.range.clone();
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

    /// An error in a manifest.
    pub(super) fn error(
        &self,
        manifest: &Manifest<'_>,
        path: &[Step<'_>],
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Found {
        let (range, name) = manifest.field(path);
        let place = self.texts[manifest.text].place(&range, &name);
        Found::new(place, code, message, help)
    }

    pub(super) fn warn(&mut self, found: Found) {
        let mut diagnostic = *found.0;
        diagnostic.severity = Severity::Warning;
        self.warnings.push(diagnostic);
    }

    /// The one canary that a manifest with these hosts is about, of those (`reached`) whose service
    /// its routes reach. A decision is made by the canary that governs the host, so what another one
    /// would make of the header is not to be routed by.
    pub(super) fn about(
        &mut self,
        manifest: &Manifest<'_>,
        hosts: Option<&[&str]>,
        hosts_field: &[Step<'_>],
        reached: &[usize],
    ) -> Result<Option<Target<'t>>, Found> {
        let governs = |target: &Target<'_>| match hosts {
            None => Governs::Pattern,
            Some(hosts) => hosts
                .iter()
                .map(|host| target.governs(host, manifest.namespace()))
                .max()
                .unwrap_or(Governs::None),
        };
        let all: Vec<(usize, Governs)> = self.targets.iter().map(governs).enumerate().collect();
        let governing = |index: &usize| all[*index].1 != Governs::None;
        let nobody = !(0..all.len()).any(|index| governing(&index));
        let mut about: Vec<usize> = reached.to_vec();
        if !nobody {
            about.retain(governing);
        }
        let Some(first) = about.first().copied() else {
            return Ok(None);
        };
        let clash = about.get(1).copied().or_else(|| {
            let named = |(index, how): &&(usize, Governs)| *index != first && *how == Governs::Name;
            all.iter().find(named).map(|(index, _)| *index)
        });
        let name = |index: usize| self.targets[index].name.clone();
        if let Some(second) = clash {
            let message = format!(
                "this is about two canaries, {} and {}, and the header `{}` says a variant, not of which canary",
                name(first),
                name(second),
                self.header
            );
            let help = "give each canary's hosts a manifest of their own";
            return Err(self.error(manifest, hosts_field, "two-canaries", message, help));
        }
        let range = &manifest.node.range;
        let blocks = marker::blocks(&self.texts[manifest.text])?;
        if let Some(other) = blocks
            .iter()
            .find(|block| range.contains(&block.lines.start))
        {
            let text = &self.texts[manifest.text];
            let place = text.place(&(other.lines.start..other.lines.start), "");
            return Err(Found::new(
                place,
                "two-canaries",
                format!(
                    "this carries what was inserted for the canary {}",
                    other.canary
                ),
                format!(
                    "take that out with --out-of before {} is put in, or give each its own manifest",
                    name(first)
                ),
            ));
        }
        if nobody {
            let named: Vec<String> = hosts
                .unwrap_or_default()
                .iter()
                .map(|host| format!("`{host}`"))
                .collect();
            let warning = self.error(
                manifest,
                hosts_field,
                "host-not-governed",
                format!(
                    "{} governs none of these hosts, so no request to them will carry a decision",
                    name(first)
                ),
                format!("add {} to spec.hosts of the canary", named.join(" or ")),
            );
            self.warn(warning);
        }
        Ok(Some(self.targets[first].clone()))
    }

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

fn manifest<'t>(
    text: usize,
    root: usize,
    item: Option<usize>,
    node: &'t Node,
    value: Value,
) -> Option<Manifest<'t>> {
    let (group, _) = value.str_at(&["apiVersion"])?.split_once('/')?;
    let (group, kind) = (group.to_owned(), value.str_at(&["kind"])?.to_owned());
    Some(Manifest {
        text,
        root,
        item,
        node,
        value,
        group,
        kind,
    })
}
