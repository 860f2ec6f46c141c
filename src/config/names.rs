//! Words and names: what may stand where a name is wanted.

use super::fields::{Field, nearest_or_all};
use super::report::Report;
use crate::node::{Span, Value};

/// A word out of a few.
pub(super) fn choice<T: Copy>(
    field: &Field<'_>,
    report: &mut Report<'_>,
    choices: &[(&str, T)],
) -> Option<T> {
    let text = field.text(report)?;
    let found = choices.iter().find(|(word, _)| *word == text);
    if found.is_none() {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        report.error(
            field.value_place(),
            "unknown-word",
            format_args!("`{text}` is not known here"),
            nearest_or_all(text, &words),
        );
    }
    found.map(|(_, choice)| *choice)
}

/// A name that can be a DNS label, a subset in Istio and a label value in Prometheus.
pub(super) fn label(field: &Field<'_>, report: &mut Report<'_>) -> Option<String> {
    let text = field.text(report)?;
    check_label(text, field, report).then(|| text.to_owned())
}

fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty()
        && text.len() <= 63
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

pub(super) fn check_label(text: &str, field: &Field<'_>, report: &mut Report<'_>) -> bool {
    check_label_at(text, field.value_place(), report)
}

/// The same for the key of a field.
pub(super) fn check_key(key: &str, field: &Field<'_>, report: &mut Report<'_>) -> bool {
    check_label_at(key, field.key_place(), report)
}

fn check_label_at(text: &str, place: (&str, Option<Span>), report: &mut Report<'_>) -> bool {
    let good = is_label(text);
    if !good {
        report.error(
            place,
            "bad-name",
            format_args!("`{text}` cannot be a name"),
            "use at most 63 of a-z, 0-9 and `-`, with a letter or digit at both ends",
        );
    }
    good
}

/// A header's name, in lower case.
pub(super) fn header_name(field: &Field<'_>, report: &mut Report<'_>) -> Option<String> {
    let name = token(field, report)?;
    Some(name.to_ascii_lowercase())
}

/// A name of a header or cookie: a token of RFC 9110, section 5.6.2.
pub(super) fn token<'n>(field: &Field<'n>, report: &mut Report<'_>) -> Option<&'n str> {
    let name = field.filled(report)?;
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.bytes().all(good) {
        return Some(name);
    }
    let help = match name {
        ":path" => Some("write `path: {...}`".to_owned()),
        ":method" => Some("write `method: {...}`".to_owned()),
        ":authority" => Some("write `host: {...}`".to_owned()),
        _ => None,
    };
    report.error(
        field.value_place(),
        "bad-name",
        format_args!("`{name}` cannot be the name of a header or cookie"),
        help,
    );
    None
}

/// The name, if it is a variant's.
pub(super) fn known_variant(
    name: &str,
    field: &Field<'_>,
    variants: &[(String, super::Variant)],
    report: &mut Report<'_>,
) -> Option<String> {
    if variants.iter().any(|(known, _)| known == name) {
        return Some(name.to_owned());
    }
    let known: Vec<&str> = variants.iter().map(|(known, _)| known.as_str()).collect();
    report.error(
        field.value_place(),
        "unknown-variant",
        format_args!("unknown variant `{name}`"),
        nearest_or_all(name, &known),
    );
    None
}

/// The value of a cookie's attribute: it must not be able to start another attribute or header.
pub(super) fn attribute(field: &Field<'_>, report: &mut Report<'_>) -> Option<String> {
    let text = field.filled(report)?;
    if text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b';' && byte != b',')
    {
        return Some(text.to_owned());
    }
    report.error(
        field.value_place(),
        "bad-attribute",
        format_args!("`{text}` cannot be in a cookie's attributes"),
        "use visible ASCII without `;` and `,`",
    );
    None
}

/// Which canary of a list it is, to stand behind its number: ` (namespace/name)`.
pub(super) fn name_in_list(field: &Field<'_>) -> Option<String> {
    let metadata = field.peek()?.get("metadata")?.peek()?;
    let text = |name| match &metadata.get(name)?.node.value {
        // What is no name may break the line that it stands in, and is told by itself.
        Value::String(text) if is_label(text) => Some(text.as_str()),
        _ => None,
    };
    let name = text("name")?;
    Some(match text("namespace") {
        Some(namespace) => format!(" ({namespace}/{name})"),
        None => format!(" ({name})"),
    })
}

#[cfg(test)]
mod tests {
    use crate::config::read_json;

    #[test]
    fn problems_in_a_list_name_the_canary() {
        let check = |metadata: &str, expected: &str| {
            let text = format!(
                r#"{{"apiVersion": "coalmine.dev/v1alpha1", "kind": "Plugin", "canaries": [{{
                    "apiVersion": "coalmine.dev/v1alpha1", "kind": "Canary",
                    "metadata": {metadata}, "spec": 5}}]}}"#
            );
            let found = read_json(text.as_bytes()).expect_err("a number is no spec");
            let paths: Vec<&str> = found.iter().map(|one| one.place.path.as_str()).collect();
            assert!(paths.contains(&expected), "{paths:?}");
        };
        check(r#"{"name": "shop"}"#, "canaries[0] (shop).spec");
        let both = r#"{"name": "reviews", "namespace": "bookinfo"}"#;
        check(both, "canaries[0] (bookinfo/reviews).spec");
        // What is no name is not repeated, least of all if it can break a line of a log.
        for nameless in [r#"{"name": "a\nb"}"#, r#"{"name": 5}"#, "{}", "[]"] {
            check(nameless, "canaries[0].spec");
        }
    }
}
