//! Words and names: what may stand where a name is wanted.

use super::fields::{Field, Report, nearest_or_all};

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
            format!("`{text}` is not known here"),
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

pub(super) fn check_label(text: &str, field: &Field<'_>, report: &mut Report<'_>) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let good = !text.is_empty()
        && text.len() <= 63
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-');
    if !good {
        report.error(
            field.value_place(),
            "bad-name",
            format!("`{text}` cannot be a name"),
            "use at most 63 of a-z, 0-9 and `-`, with a letter or digit at both ends".to_owned(),
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
        format!("`{name}` cannot be the name of a header or cookie"),
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
        format!("unknown variant `{name}`"),
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
        format!("`{text}` cannot be in a cookie's attributes"),
        "use visible ASCII without `;` and `,`".to_owned(),
    );
    None
}
