//! The members of a header, and what is well-formed.

use crate::bytes;

/// A member that is well-formed. Its properties mean nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'h> {
    /// Its key.
    pub key: &'h [u8],
    /// Its value, as it was sent: percent-encoded.
    pub value: &'h [u8],
}

/// What stands between the commas of one header line, with the blanks around it. Elements with
/// nothing in them are no members, and are passed over as in all lists of HTTP (RFC 9110, section
/// 5.6.1.2).
pub fn elements(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes::split(line, b',').filter(|element| !trim(element).is_empty())
}

impl<'h> Member<'h> {
    /// Reads an element ("Definition"): `key OWS "=" OWS value *( OWS ";" OWS property )`. `None` if
    /// it is not well-formed.
    pub fn read(element: &'h [u8]) -> Option<Self> {
        let mut parts = bytes::split(element, b';');
        let (key, value) = bytes::split_once(parts.next()?, b'=');
        let (key, value) = (trim(key), trim(value?));
        let well_formed = is_token(key) && value.iter().all(is_octet) && parts.all(is_property);
        well_formed.then_some(Self { key, value })
    }
}

/// The key of an element, be it well-formed or not.
pub(crate) fn raw_key(element: &[u8]) -> &[u8] {
    let (member, _) = bytes::split_once(element, b';');
    trim(bytes::split_once(member, b'=').0)
}

/// A key alone, or a key with a value.
fn is_property(property: &[u8]) -> bool {
    let (key, value) = bytes::split_once(property, b'=');
    is_token(trim(key)) && value.is_none_or(|value| trim(value).iter().all(is_octet))
}

/// Takes optional white space off both ends.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    let mut text = text;
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// A token (RFC 9110, section 5.6.2).
fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| is_token_byte(*byte))
}

pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `baggage-octet`: what is printed in ASCII, but no blank, quote, comma, semicolon or backslash.
fn is_octet(byte: &u8) -> bool {
    byte.is_ascii_graphic() && !b"\",;\\".contains(byte)
}
