//! Members of the `baggage` header by the grammar of W3C Baggage.

use regex_lite::Regex;
use std::sync::LazyLock;

/// The grammar of the specification ("Definition"): key and value are its groups.
pub(crate) static MEMBER: LazyLock<Regex> = LazyLock::new(|| {
    let token = "[a-zA-Z0-9!#$%&'*+.^_`|~-]+";
    let value = r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*";
    let blanks = "[ \t]*";
    let property = format!("{token}({blanks}={blanks}{value})?");
    Regex::new(&format!(
        "^{blanks}({token}){blanks}={blanks}({value})({blanks};{blanks}{property})*{blanks}$"
    ))
    .unwrap()
});

/// Elements that are not blank, without the blanks around them.
pub(crate) fn members<L: AsRef<[u8]>>(lines: &[L]) -> Vec<Vec<u8>> {
    let elements = lines
        .iter()
        .flat_map(|line| line.as_ref().split(|byte| *byte == b','));
    elements
        .map(|element| trim(element).to_vec())
        .filter(|element| !element.is_empty())
        .collect()
}

fn trim(text: &[u8]) -> &[u8] {
    let blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let Some(first) = text.iter().position(|byte| !blank(byte)) else {
        return &[];
    };
    let last = text.iter().rposition(|byte| !blank(byte)).unwrap();
    &text[first..=last]
}

/// The key in front of the first `=` or `;`.
pub(crate) fn key(member: &[u8]) -> Vec<u8> {
    let ends = |byte: &u8| *byte == b'=' || *byte == b';';
    let end = member.iter().position(ends).unwrap_or(member.len());
    trim(&member[..end]).to_vec()
}

/// Each byte as the character with its number.
pub(crate) fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// The value of a member that is well-formed.
pub(crate) fn value(member: &[u8]) -> Option<Vec<u8>> {
    let text = latin_1(member);
    let parts = MEMBER.captures(&text)?;
    Some(parts.get(2)?.as_str().as_bytes().to_vec())
}

/// The one value that the members of a key say; `None` if there is none, or two that differ.
pub(crate) fn said<L: AsRef<[u8]>>(lines: &[L], key: &[u8]) -> Option<Vec<u8>> {
    let ours = members(lines).into_iter();
    let ours = ours.filter(|member| self::key(member) == key);
    let mut values: Vec<Vec<u8>> = ours.filter_map(|member| value(&member)).collect();
    values.sort();
    values.dedup();
    match values.len() {
        1 => values.pop(),
        _ => None,
    }
}
