//! Where a problem of a rendered target stands in its file.
//!
//! Manifests are made from canaries, which do not know where they were written; so the place is
//! found again by the canary's name and the field's path.

use coalmine::diagnostic::{Diagnostic, Place, Severity};
use coalmine::yaml::{self, Source};
use coalmine::{Node, Span, Value};
use coalmine_manifests::Problem;
use coalmine_manifests::kubernetes::{Origin, Provenance};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::Path;

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

/// Which source each canary comes from, by the name of its file and the hash of its bytes. Folders are
/// left out: the same files give the same manifests wherever they are, and however they are named.
pub fn provenance(sources: &[Source]) -> Provenance {
    let of_source = |(number, source): (usize, &Source)| {
        let origin = Origin {
            file: match Path::new(&source.name).file_name() {
                Some(name) => name.to_string_lossy().into_owned(),
                None => source.name.clone(),
            },
            hash: sha256(source.text.as_bytes()),
        };
        let documents = yaml::parse(&source.text, number).unwrap_or_default();
        let names: Vec<String> = documents
            .iter()
            .flat_map(canaries)
            .filter_map(full_name)
            .collect();
        names.into_iter().map(move |name| (name, origin.clone()))
    };
    sources.iter().enumerate().flat_map(of_source).collect()
}

/// `sha256:` and 64 digits, as registries and annotations write it.
fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold("sha256:".to_owned(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// A document's canaries: itself, or the list in a plugin's config or of Kubernetes.
fn canaries(document: &Node) -> Vec<&Node> {
    let list = entry(document, "canaries").or_else(|| entry(document, "items"));
    match list.map(|(_, list)| &list.value) {
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

#[cfg(test)]
mod tests {
    use super::provenance;
    use coalmine::yaml::Source;

    #[test]
    fn a_canary_comes_from_the_file_that_has_it() {
        let source = |name: &str, text: &str| Source {
            name: name.to_owned(),
            text: text.to_owned(),
        };
        let sources = [
            source("not.yaml", "kind: ["),
            // The hash is what `printf ... | sha256sum` prints.
            source("./canaries/a.yaml", "metadata: {name: a, namespace: n}\n"),
            source("p.json", r#"{"canaries": [{"metadata": {"name": "b"}}]}"#),
        ];
        let provenance = provenance(&sources);
        let check = |canary: &str, expected: &[&str]| {
            let annotations = provenance.annotations([canary]);
            let values: Vec<&str> = annotations.values().map(String::as_str).collect();
            assert_eq!(values, expected, "{canary}");
        };
        check(
            "n/a",
            &[
                "a.yaml",
                "sha256:d9f57c4f438a710daff0c4b803c79bd86d0f5882c42370f5af38caa311daf2e2",
            ],
        );
        check(
            "b",
            &[
                "p.json",
                "sha256:5f93e6b99abd7ff330eedcf60772485d8d0067954ed44e70be76492096e5e7ec",
            ],
        );
        check("a", &[]);
    }
}
