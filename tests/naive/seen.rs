//! What stands in a request: its host, and values by name, in the order sent.

use super::Asked;

/// No name is longer.
const LONGEST_HOST: usize = 253;

/// A request, taken apart.
pub(super) struct Seen {
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// In lower case, without port and trailing dot; the end of it where that is too long.
    pub(super) host: Vec<u8>,
    /// Whether that is all of it.
    pub(super) host_is_whole: bool,
    pub(super) method: Vec<u8>,
    /// Without the query.
    pub(super) path: Vec<u8>,
    query: Vec<u8>,
}

impl Seen {
    /// `None` if there is no host.
    pub(super) fn of(asked: &Asked) -> Option<Self> {
        let last = |wanted: &[u8]| {
            let mut named = asked.headers.iter().filter(|(name, _)| name == wanted);
            named.next_back().map(|(_, value)| value.clone())
        };
        let is_host = |name: &[u8]| name == b":authority" || name == b"host";
        let mut hosts = asked.headers.iter().filter(|(name, _)| is_host(name));
        let host = self::host(&hosts.next()?.1);
        let too_long = host.len().saturating_sub(LONGEST_HOST);
        let target = last(b":path").unwrap_or_default();
        let target = before(&target, b'#');
        let path = before(target, b'?');
        let query = target.get(path.len() + 1..).unwrap_or_default();
        Some(Self {
            headers: asked.headers.clone(),
            host: host[too_long..].to_vec(),
            host_is_whole: too_long == 0,
            method: last(b":method").unwrap_or_default(),
            path: path.to_vec(),
            query: query.to_vec(),
        })
    }

    /// The values of a header.
    pub(super) fn headers(&self, name: &str) -> Vec<Vec<u8>> {
        let named = self
            .headers
            .iter()
            .filter(|(known, _)| known == name.as_bytes());
        named.map(|(_, value)| value.clone()).collect()
    }

    /// The values of a cookie, without the blanks and the pair of quotes around them.
    pub(super) fn cookies(&self, name: &str) -> Vec<Vec<u8>> {
        let mut values = Vec::new();
        for line in self.headers("cookie") {
            for pair in line.split(|byte| *byte == b';') {
                let pair = pair.trim_ascii_start();
                let known = before(pair, b'=');
                if known != name.as_bytes() || known.len() == pair.len() {
                    continue;
                }
                let value = pair[known.len() + 1..].trim_ascii();
                values.push(match value {
                    [b'"', within @ .., b'"'] => within.to_vec(),
                    other => other.to_vec(),
                });
            }
        }
        values
    }

    /// The values of a query parameter, as sent.
    pub(super) fn parameters(&self, name: &str) -> Vec<Vec<u8>> {
        let pairs = self.query.split(|byte| *byte == b'&');
        let named = pairs.filter(|pair| before(pair, b'=') == name.as_bytes());
        let value = |pair: &[u8]| pair.get(name.len() + 1..).unwrap_or_default().to_vec();
        named.map(value).collect()
    }
}

/// What stands before the first of these bytes, or all.
fn before(text: &[u8], byte: u8) -> &[u8] {
    text.split(|known| *known == byte)
        .next()
        .unwrap_or_default()
}

/// In lower case, without port and trailing dot.
pub(super) fn host(sent: &[u8]) -> Vec<u8> {
    let mut host = sent.to_ascii_lowercase();
    // A colon within brackets is one of an address.
    let colon = host.iter().rposition(|byte| *byte == b':');
    if let Some(colon) = colon.filter(|colon| !host[*colon..].contains(&b']')) {
        host.truncate(colon);
    }
    if host.ends_with(b".") && !host.ends_with(b"].") {
        host.pop();
    }
    host
}

/// A client's address without its port; `None` if there is none.
pub(super) fn address(sent: Option<&[u8]>) -> Option<&[u8]> {
    let sent = sent.filter(|sent| !sent.is_empty())?;
    if let Some(bracketed) = sent.strip_prefix(b"[") {
        return Some(before(bracketed, b']'));
    }
    let colons = sent.iter().filter(|byte| **byte == b':').count();
    Some(if colons == 1 {
        before(sent, b':')
    } else {
        sent
    })
}
