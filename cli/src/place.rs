//! Where a problem of a rendered target stands in its file.
//!
//! Manifests are made from canaries, which do not know where they were written; so the place is
//! found again by the canary's name and the field's path.

use coalmine::diagnostic::{Diagnostic, Place, Severity};
use coalmine::yaml::{self, Source};
use coalmine::{Node, Span, Value};
use coalmine_manifests::Problem;

/// The problem as a diagnostic that can be drawn.
pub fn placed(problem: &Problem, sources: &[Source]) -> Diagnostic {
    let found = sources.iter().enumerate().find_map(|(number, source)| {
        let documents = yaml::parse(&source.text, number).ok()?;
        let canary = documents
            .iter()
            .flat_map(canaries)
            .find(|canary| full_name(canary).as_deref() == Some(&problem.canary))?;
        Some((number, span_of(canary, &problem.path)))
    });
    let (source, span) = found.unwrap_or_default();
    Diagnostic {
        severity: Severity::Error,
        code: problem.code,
        place: Place {
            source,
            path: problem.path.clone(),
            span,
        },
        first: None,
        message: problem.message.clone(),
        help: Some(problem.help.clone()),
    }
}

/// A document's canaries: itself, or the list in a plugin's config.
fn canaries(document: &Node) -> Vec<&Node> {
    match entry(document, "canaries").map(|(_, list)| &list.value) {
        Some(Value::List(canaries)) => canaries.iter().collect(),
        _ => vec![document],
    }
}

fn full_name(canary: &Node) -> Option<String> {
    let (_, metadata) = entry(canary, "metadata")?;
    let text = |name| match &entry(metadata, name)?.1.value {
        Value::String(text) => Some(text.as_str()),
        _ => None,
    };
    let name = text("name")?;
    Some(match text("namespace") {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    })
}

/// An entry of a map: where its key stands, and its value.
fn entry<'n>(node: &'n Node, name: &str) -> Option<(Option<Span>, &'n Node)> {
    let Value::Map(entries) = &node.value else {
        return None;
    };
    let (key, value) = entries.iter().find(|(key, _)| key.name == name)?;
    Some((key.span, value))
}

/// Follows a path like `spec.variants.canary.endpoints[0]`.
fn span_of(canary: &Node, path: &str) -> Option<Span> {
    let mut node = canary;
    let mut span = canary.span;
    for part in path.split('.') {
        let (name, index) = match part.split_once('[') {
            Some((name, index)) => (name, index.strip_suffix(']')),
            None => (part, None),
        };
        (span, node) = entry(node, name)?;
        if let (Some(index), Value::List(items)) = (index, &node.value) {
            node = items.get(index.parse::<usize>().ok()?)?;
            span = node.span;
        }
    }
    span
}
