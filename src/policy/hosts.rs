//! Which canary governs a host.

use super::table::Table;
use crate::bytes;
use core::net::Ipv6Addr;

/// A DNS name has 253 characters at most (RFC 1035, section 2.3.4); anything longer is no host.
const MAX_HOST: usize = 253;

/// A host in small letters, if it came in others.
pub(crate) type Buffer = Option<[u8; MAX_HOST]>;

/// A host in the one form that is compared: lower case, no port, no trailing dot.
pub(crate) struct HostName<'b> {
    name: &'b [u8],
    /// False if only the end of a longer text is kept: no name, but `*.example.com` and `*` match
    /// it in a proxy's routes, and so must they here, or a forged decision would pass by.
    whole: bool,
}

impl<'b> HostName<'b> {
    /// Puts a host into its form, in `buffer` where it is not in it already, so that a request costs
    /// no allocation.
    #[inline]
    pub(crate) fn normalize(host: &'b [u8], buffer: &'b mut Buffer) -> Self {
        let (host, _port) = split_port(host);
        let host = match host.strip_suffix(b".") {
            // An address in brackets has no form with a dot.
            Some(name) if !name.ends_with(b"]") => name,
            _ => host,
        };
        let too_long = host.len().saturating_sub(MAX_HOST);
        let end = host.get(too_long..).unwrap_or_default();
        Self {
            name: if bytes::has_capitals(end) {
                in_small_letters(end, buffer)
            } else {
                end
            },
            whole: too_long == 0,
        }
    }

    /// For [`HostName::normalize`]; few hosts need it.
    pub(crate) fn buffer() -> Buffer {
        None
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &'b [u8] {
        self.name
    }
}

#[cold]
fn in_small_letters<'b>(host: &[u8], buffer: &'b mut Buffer) -> &'b [u8] {
    let buffer = buffer.insert([0; MAX_HOST]);
    let name = buffer.get_mut(..host.len()).unwrap_or_default();
    for (to, from) in name.iter_mut().zip(host) {
        *to = from.to_ascii_lowercase();
    }
    name
}

/// Host and port, as Envoy tells them apart when it chooses a virtual host: the port stands behind
/// the last colon, unless a bracket closes behind that. Any other way, however sensible, would let
/// a client find a host that the proxy routes by one canary and this filter decides by none.
#[inline]
fn split_port(host: &[u8]) -> (&[u8], Option<&[u8]>) {
    if bytes::find(host, b':').is_none() {
        return (host, None);
    }
    let colon = host.iter().rposition(|&byte| byte == b':');
    let bracket = host.iter().rposition(|&byte| byte == b']');
    match colon.and_then(|colon| host.split_at_checked(colon)) {
        Some((name, port)) if bracket < colon => (name, port.get(1..)),
        _ => (host, None),
    }
}

/// Whether a config may name this host: a DNS name, `*.` and a name, `*`, or an IPv6 address with
/// or without brackets; a port behind it does no harm.
pub(crate) fn is_host(host: &str) -> bool {
    if host == "*" || host.parse::<Ipv6Addr>().is_ok() {
        return true;
    }
    let (name, port) = split_port(host.as_bytes());
    if port.is_some_and(|port| port.is_empty() || !port.iter().all(u8::is_ascii_digit)) {
        return false;
    }
    let Ok(name) = core::str::from_utf8(name) else {
        return false;
    };
    if let Some(address) = name.strip_prefix('[') {
        let address = address.strip_suffix(']');
        return address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    let name = name.strip_prefix("*.").unwrap_or(name);
    let name = name.strip_suffix('.').unwrap_or(name);
    let label = |label: &str| {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !label.is_empty() && label.len() <= 63 && label.bytes().all(good)
    };
    name.len() <= MAX_HOST && name.split('.').all(label)
}

/// Every name that a host of a config stands for, in the form that is compared: a short name
/// expands in its namespace, as Istio's do, and an IPv6 address stands in brackets, as clients
/// send it.
pub fn host_names(host: &str, namespace: Option<&str>) -> Vec<String> {
    if host.parse::<Ipv6Addr>().is_ok() {
        return vec![format!("[{}]", host.to_ascii_lowercase())];
    }
    let mut buffer = HostName::buffer();
    let name = HostName::normalize(host.as_bytes(), &mut buffer);
    let name = String::from_utf8_lossy(name.as_bytes()).into_owned();
    let mut names = vec![name];
    if let (Some(namespace), Some(short)) = (namespace, names.first().cloned())
        && !short.contains(['.', '*', '['])
    {
        for suffix in ["", ".svc", ".svc.cluster.local"] {
            names.push(format!("{short}.{namespace}{suffix}"));
        }
    }
    names
}

/// From host to canary.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    exact: Table<usize>,
    /// `*.example.com` under `.example.com`.
    suffixes: Table<usize>,
    /// `*`
    any: Option<usize>,
}

impl Hosts {
    /// Adds a name from [`host_names`]. A name that is taken keeps its first canary.
    pub(super) fn add(&mut self, name: &str, canary: usize) {
        if name == "*" {
            self.any.get_or_insert(canary);
        } else if let Some(suffix) = name.strip_prefix('*') {
            self.suffixes.entry(suffix.as_bytes(), || canary);
        } else {
            self.exact.entry(name.as_bytes(), || canary);
        }
    }

    /// The canary of an exact name, else of the longest `*.` suffix, else of `*`.
    #[inline]
    pub(super) fn find(&self, host: &HostName<'_>) -> Option<usize> {
        if host.whole
            && let Some(canary) = self.exact.get(host.as_bytes())
        {
            return Some(*canary);
        }
        if !self.suffixes.is_empty() {
            // Something must stand before the dot: `.example.com` itself is no name.
            let mut rest = host.as_bytes().get(1..).unwrap_or_default();
            while let Some(dot) = rest.iter().position(|&byte| byte == b'.') {
                let suffix = rest.get(dot..).unwrap_or_default();
                if let Some(canary) = self.suffixes.get(suffix) {
                    return Some(*canary);
                }
                rest = suffix.get(1..).unwrap_or_default();
            }
        }
        self.any
    }
}
