//! What the decision may ask of the host: the request, and the moment it arrives in.

use crate::pin::Verifier;
use crate::policy::CanaryPolicy;
use crate::{Timestamp, VariantId, bytes};

/// A request as a proxy sees it: bytes, not text.
///
/// Pseudo-headers (`:authority`, `:path`, `:method`, `:scheme`) are among the headers, names are in
/// lower case, and a header that was sent twice is there twice.
pub trait Request {
    /// All headers in order. It may be called more than once and gives the same each time.
    fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])>;

    /// The client's address, with or without its port; asked for only where a canary says
    /// `whenNoUnit: source-address`, because it costs a host call.
    fn source_address(&self) -> Option<Vec<u8>>;
}

/// When the request arrives: everything that is not in the request and is not the same twice.
///
/// Each is asked for only when the decision depends on it, because it costs a host call.
pub trait Moment {
    /// The time by the wall clock, asked for when a canary has a ramp, or a request a signed pin.
    fn now(&self) -> Timestamp;

    /// A fresh draw of 128 random bits, asked for when a request has no unit and its canary draws
    /// or issues one.
    fn draw(&self) -> u128;

    /// Whether the guard lets a variant serve this request, asked once a variant has been chosen
    /// that has one. Only a proxy knows; anywhere else a guard is closed.
    fn admits(&self, _canary: &CanaryPolicy, _variant: VariantId) -> bool {
        true
    }

    /// What the policy's signed pins were verified by before, and their budget; without one, which is
    /// for hosts that decide a few requests, each is verified anew and none is too many.
    fn verifier(&self) -> Option<&Verifier> {
        None
    }
}

/// Takes the port off an address: `10.0.0.1:80` and `[::1]:80`.
pub(crate) fn without_port(address: &[u8]) -> &[u8] {
    if let Some(bracketed) = address.strip_prefix(b"[") {
        let end = bracketed.iter().position(|&byte| byte == b']');
        return end
            .and_then(|end| bracketed.get(..end))
            .unwrap_or(bracketed);
    }
    let mut colons = address
        .iter()
        .enumerate()
        .filter(|&(_, &byte)| byte == b':');
    match (colons.next(), colons.next()) {
        // Two colons and no bracket: an IPv6 address by itself.
        (Some((colon, _)), None) => address.get(..colon).unwrap_or(address),
        _ => address,
    }
}

/// The pairs of one `cookie` line (RFC 6265, section 4.2.1) without the blanks in front of them.
/// [`value_in_pair`] looks one up: a name that is known is found faster than any name is cut out.
#[inline]
pub(crate) fn pairs_of_cookie(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes::split(line, b';').map(<[u8]>::trim_ascii_start)
}

/// The value of a pair, if this is its name.
#[inline]
pub(crate) fn value_in_pair<'r>(pair: &'r [u8], name: &[u8]) -> Option<&'r [u8]> {
    // Most pairs have something else than `=` where this name would end.
    if pair.get(name.len()) != Some(&b'=') {
        return None;
    }
    let (found, value) = pair.split_at_checked(name.len())?;
    let value = value.strip_prefix(b"=")?;
    bytes::equal(found, name).then(|| cookie_value(value))
}

/// A cookie's value without blanks and quotes around it.
#[inline]
fn cookie_value(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii();
    value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""))
        .unwrap_or(value)
}

/// The path without query and fragment, and the query without either mark.
#[inline]
pub(crate) fn split_path(path: &[u8]) -> (&[u8], &[u8]) {
    let (path, _fragment) = bytes::split_once(path, b'#');
    let (path, query) = bytes::split_once(path, b'?');
    (path, query.unwrap_or_default())
}

/// The `name=value` pairs of a query, as they were sent: Envoy's own routes do not decode them
/// either, and a decoded copy would cost every request an allocation.
#[inline]
pub(crate) fn parameters(query: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    bytes::split(query, b'&').map(|pair| {
        let (name, value) = bytes::split_once(pair, b'=');
        (name, value.unwrap_or_default())
    })
}
