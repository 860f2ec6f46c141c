//! Walking a manifest, with the place of everything.

use coalmine::diagnostic::Place;
use coalmine::{Node, Span, Value};

/// A value on its place.
#[derive(Clone, Debug)]
pub(super) struct Field<'n> {
    source: usize,
    path: String,
    /// Its key, or where it begins in a list.
    key_span: Option<Span>,
    pub(super) node: &'n Node,
}

impl<'n> Field<'n> {
    /// A whole document.
    pub(super) fn root(source: usize, node: &'n Node) -> Self {
        Self {
            source,
            path: String::new(),
            key_span: node.span.map(start_of),
            node,
        }
    }

    /// Where to point for a problem with it.
    pub(super) fn place(&self) -> Place {
        let span = match self.node.value {
            // A block of many lines is no good mark: its key is.
            Value::Map(_) | Value::List(_) | Value::Null => self.key_span.or(self.node.span),
            _ => self.node.span,
        };
        Place {
            source: self.source,
            path: self.path.clone(),
            span,
        }
    }

    /// An entry of a map.
    pub(super) fn get(&self, name: &str) -> Option<Self> {
        self.entries()
            .into_iter()
            .find_map(|(key, field)| (key == name).then_some(field))
    }

    /// What a path like `spec.http` leads to.
    pub(super) fn at(&self, path: &str) -> Option<Self> {
        let mut field = self.clone();
        for name in path.split('.') {
            field = field.get(name)?;
        }
        Some(field)
    }

    /// A text that a path leads to.
    pub(super) fn text_at(&self, path: &str) -> Option<&'n str> {
        self.at(path)?.text()
    }

    /// The entries of a map; none if it is no map.
    pub(super) fn entries(&self) -> Vec<(&'n str, Self)> {
        let Value::Map(entries) = &self.node.value else {
            return Vec::new();
        };
        let field = |name: &str, span, node| Self {
            source: self.source,
            path: match self.path.as_str() {
                "" => name.to_owned(),
                path => format!("{path}.{name}"),
            },
            key_span: span,
            node,
        };
        entries
            .iter()
            .map(|(key, node)| (key.name.as_str(), field(&key.name, key.span, node)))
            .collect()
    }

    /// The items of a list; none if it is no list.
    pub(super) fn items(&self) -> Vec<Self> {
        let Value::List(nodes) = &self.node.value else {
            return Vec::new();
        };
        let item = |(number, node): (usize, &'n Node)| Self {
            source: self.source,
            path: format!("{}[{number}]", self.path),
            key_span: node.span.map(start_of),
            node,
        };
        nodes.iter().enumerate().map(item).collect()
    }

    /// The items of a list that a path leads to.
    pub(super) fn items_at(&self, path: &str) -> Vec<Self> {
        self.at(path).map(|field| field.items()).unwrap_or_default()
    }

    /// Its text, if it is one.
    pub(super) fn text(&self) -> Option<&'n str> {
        match &self.node.value {
            Value::String(text) | Value::Number(text) => Some(text),
            _ => None,
        }
    }

    /// A map of texts.
    pub(super) fn texts(&self) -> Vec<(&'n str, &'n str)> {
        let text = |(name, field): (&'n str, Self)| Some((name, field.text()?));
        self.entries().into_iter().filter_map(text).collect()
    }
}

fn start_of(span: Span) -> Span {
    Span {
        end: span.start,
        ..span
    }
}
