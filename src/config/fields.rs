//! Walking a tree field by field while collecting what is wrong with it.
//!
//! Every method that cannot give what was asked for has said why before it returns `None`, so a
//! reader goes on with the next field and a file's problems all come at once.

use super::report::{Help, Report};
use crate::node::{Key, Node, Span, Value};
use crate::policy::Table;

/// A value on its place in the document.
#[derive(Clone, Debug)]
pub(super) struct Field<'n> {
    pub(super) path: String,
    /// Where to point for a problem with the whole field: its key, or the value itself in a list.
    key_span: Option<Span>,
    pub(super) node: &'n Node,
}

/// The entries of a map.
pub(super) struct Fields<'n> {
    path: String,
    key_span: Option<Span>,
    entries: Vec<(&'n Key, &'n Node)>,
}

// === impl Field ===

impl<'n> Field<'n> {
    /// A document's root.
    pub(super) fn root(node: &'n Node) -> Self {
        Self::at(String::new(), node)
    }

    /// What is at a path.
    pub(super) fn at(path: String, node: &'n Node) -> Self {
        Self {
            path,
            key_span: node.span.map(Span::first_line),
            node,
        }
    }

    /// An item of the list at a path.
    pub(super) fn item(list: &str, index: usize, node: &'n Node) -> Self {
        Self::at(format!("{list}[{index}]"), node)
    }

    /// Where to point for a problem with its value.
    pub(super) fn value_place(&self) -> (&str, Option<Span>) {
        match self.node.value {
            // A block of many lines is no good mark: its key is.
            Value::Map(_) | Value::List(_) | Value::Null => self.key_place(),
            _ => (&self.path, self.node.span),
        }
    }

    /// Where to point for a problem with the field as such.
    pub(super) fn key_place(&self) -> (&str, Option<Span>) {
        (&self.path, self.key_span.or(self.node.span))
    }

    pub(super) fn text(&self, report: &mut Report<'_>) -> Option<&'n str> {
        match &self.node.value {
            Value::String(text) => Some(text),
            Value::Number(number) => {
                self.wrong_kind(report, "text", format!("put it in quotes: \"{number}\""));
                None
            }
            Value::Bool(word) => {
                self.wrong_kind(report, "text", format!("put it in quotes: \"{word}\""));
                None
            }
            _ => {
                self.wrong_kind(report, "text", None);
                None
            }
        }
    }

    /// A text with something in it.
    pub(super) fn filled(&self, report: &mut Report<'_>) -> Option<&'n str> {
        let text = self.text(report)?;
        if text.is_empty() {
            report.error(
                self.value_place(),
                "empty",
                format_args!("this must not be empty"),
                None,
            );
            return None;
        }
        Some(text)
    }

    pub(super) fn boolean(&self, report: &mut Report<'_>) -> Option<bool> {
        if let Value::Bool(value) = self.node.value {
            return Some(value);
        }
        self.wrong_kind(report, "`true` or `false`", None);
        None
    }

    pub(super) fn list(&self, report: &mut Report<'_>) -> Option<Vec<Field<'n>>> {
        if !matches!(self.node.value, Value::List(_)) {
            let help = match &self.node.value {
                Value::String(text) => Some(format!("put it in brackets: [{text}]")),
                Value::Map(_) => Some("put it in brackets: [{...}]".to_owned()),
                _ => None,
            };
            self.wrong_kind(report, "a list", help);
            return None;
        }
        Some(self.items())
    }

    /// The items of a list, without a word about what is wrong with it.
    pub(super) fn items(&self) -> Vec<Field<'n>> {
        let Value::List(nodes) = &self.node.value else {
            return Vec::new();
        };
        let at = |(index, node)| Self::item(&self.path, index, node);
        nodes.iter().enumerate().map(at).collect()
    }

    /// A list with something in it; `what` is said of an empty one.
    pub(super) fn filled_list(
        &self,
        report: &mut Report<'_>,
        what: &str,
    ) -> Option<Vec<Field<'n>>> {
        let list = self.list(report)?;
        if list.is_empty() {
            report.error(self.key_place(), "empty", format_args!("{what}"), None);
            return None;
        }
        Some(list)
    }

    /// The entries of a map, without a word about what is wrong with it.
    pub(super) fn peek(&self) -> Option<Fields<'n>> {
        let Value::Map(entries) = &self.node.value else {
            return None;
        };
        Some(Fields {
            path: self.path.clone(),
            key_span: self.key_span,
            entries: entries.iter().map(|(key, node)| (key, node)).collect(),
        })
    }

    /// The entries of a map whose keys are free.
    pub(super) fn map(&self, report: &mut Report<'_>) -> Option<Fields<'n>> {
        let Some(fields) = self.peek() else {
            let help = match &self.node.value {
                Value::Null => Some("write `{}` where there is nothing to say".to_owned()),
                _ => None,
            };
            self.wrong_kind(report, "a map", help);
            return None;
        };
        let mut first: Vec<(&Key, &Node)> = Vec::with_capacity(fields.entries.len());
        let mut seen = Table::default();
        for (key, node) in fields.entries {
            if seen.add(key.name.as_bytes()) {
                first.push((key, node));
            } else {
                report.error(
                    (&join(&self.path, &key.name), key.span),
                    "repeated-field",
                    format_args!("`{}` is there twice", key.name),
                    "keep one of them",
                );
            }
        }
        Some(Fields {
            entries: first,
            ..fields
        })
    }

    /// The entries of a map whose keys are known: any other is reported with the nearest.
    pub(super) fn fields(&self, report: &mut Report<'_>, known: &[&str]) -> Option<Fields<'n>> {
        self.fields_beside(report, known, &[])
    }

    /// The same, but for keys that others write: they are passed over, and proposed to nobody.
    pub(super) fn fields_beside(
        &self,
        report: &mut Report<'_>,
        known: &[&str],
        of_others: &[&str],
    ) -> Option<Fields<'n>> {
        let fields = self.map(report)?;
        for (key, _) in &fields.entries {
            let name = key.name.as_str();
            if !known.contains(&name) && !of_others.contains(&name) {
                // A guess takes longer than all else, and of very many none is told.
                let guess = || nearest_or_all(name, known);
                let help = (!report.is_full()).then(guess).flatten();
                report.error(
                    (&join(&self.path, name), key.span),
                    "unknown-field",
                    format_args!("unknown field `{name}`"),
                    help,
                );
            }
        }
        Some(fields)
    }

    pub(super) fn wrong_kind(&self, report: &mut Report<'_>, wanted: &str, help: impl Into<Help>) {
        report.error(
            self.value_place(),
            "wrong-kind",
            format_args!("this is {}, not {wanted}", self.node.value.kind()),
            help,
        );
    }
}

// === impl Fields ===

impl<'n> Fields<'n> {
    pub(super) fn get(&self, name: &str) -> Option<Field<'n>> {
        self.entries
            .iter()
            .find(|(key, _)| key.name == name)
            .map(|(key, node)| self.field(key, node))
    }

    pub(super) fn required(
        &self,
        report: &mut Report<'_>,
        name: &str,
        help: &str,
    ) -> Option<Field<'n>> {
        let field = self.get(name);
        if field.is_none() {
            report.error(
                (&self.path, self.key_span),
                "missing-field",
                format_args!("`{name}` is missing"),
                help.to_owned(),
            );
        }
        field
    }

    /// Every entry, in the order written.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'n str, Field<'n>)> {
        self.entries
            .iter()
            .map(|(key, node)| (key.name.as_str(), self.field(key, node)))
    }

    /// The one entry that is among `choices`; several, with how to write them, or none, are reported.
    pub(super) fn one_of(
        &self,
        report: &mut Report<'_>,
        choices: &[&str],
        several: &str,
    ) -> Option<(&'n str, Field<'n>)> {
        let mut chosen = self.entries().filter(|(name, _)| choices.contains(name));
        let first = chosen.next();
        let Some(first) = first else {
            // An unknown key was reported already, and is most likely the one that is missing.
            if self.entries.is_empty() || self.entries().all(|(name, _)| name == "name") {
                report.error(
                    (&self.path, self.key_span),
                    "missing-field",
                    format_args!("it does not say what to look for"),
                    format!("write one of {}", list(choices)),
                );
            }
            return None;
        };
        if let Some((name, second)) = chosen.next() {
            report.error(
                second.key_place(),
                "one-too-many",
                format_args!("`{name}` stands beside `{}`, and only one can", first.0),
                several.to_owned(),
            );
            return None;
        }
        Some(first)
    }

    fn field(&self, key: &Key, node: &'n Node) -> Field<'n> {
        Field {
            path: join(&self.path, &key.name),
            key_span: key.span,
            node,
        }
    }
}

pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// `a`, `b` or `c`.
pub(super) fn list<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<String> = names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "nothing".to_owned(),
    }
}

/// What to write instead of a word that is not known.
pub(super) fn nearest_or_all<S: AsRef<str>>(word: &str, known: &[S]) -> Option<String> {
    let nearest = known
        .iter()
        .map(AsRef::as_ref)
        .map(|name| (strsim::osa_distance(word, name), name))
        .min_by_key(|(distance, _)| *distance);
    Some(match nearest? {
        // A slip changes a third of a word at most; beyond that a guess would mislead.
        (distance, name) if distance <= name.len().div_ceil(3) => {
            format!("did you mean `{name}`?")
        }
        _ => format!("write {}", list(known)),
    })
}
