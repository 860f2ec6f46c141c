//! A synthetic request whose unit changes in place, so that none costs an allocation.

use coalmine::Request;
use coalmine::config::{Canary, UnitSource, WhenNoUnit};
use serde::Serialize;
use std::fmt;

/// How many characters a synthetic unit has: 64 bits in hexadecimal.
const UNIT: usize = 16;

/// The network for documentation (RFC 3849), whose last 64 bits a synthetic address fills.
const NETWORK: &[u8] = b"2001:db8::";

/// Where the unit of a synthetic request stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitPlace {
    /// In a header of its own.
    Header(String),
    /// In a cookie line of its own.
    Cookie(String),
    /// In a query parameter behind the path.
    Query(String),
    /// The client's address.
    SourceAddress,
    /// Nowhere: each request is a new client, for whom a unit is issued.
    Issued,
    /// Nowhere: each request is drawn for itself.
    Random,
    /// Nowhere, and nothing is done about it.
    Nowhere,
}

impl UnitPlace {
    /// Where a canary looks first.
    pub fn of(canary: &Canary) -> Self {
        match (canary.spec.unit.first(), canary.spec.when_no_unit) {
            (Some(UnitSource::Header(name)), _) => Self::Header(name.clone()),
            (Some(UnitSource::Cookie(name)), _) => Self::Cookie(name.clone()),
            (Some(UnitSource::Query(name)), _) => Self::Query(name.clone()),
            (None, when_no_unit) => Self::without_unit(when_no_unit),
        }
    }

    /// For requests that bring no unit.
    pub fn without_unit(when_no_unit: WhenNoUnit) -> Self {
        match when_no_unit {
            WhenNoUnit::SourceAddress => Self::SourceAddress,
            WhenNoUnit::IssueCookie => Self::Issued,
            WhenNoUnit::Random => Self::Random,
            WhenNoUnit::Default => Self::Nowhere,
        }
    }
}

impl fmt::Display for UnitPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "units in header {name}"),
            Self::Cookie(name) => write!(f, "units in cookie {name}"),
            Self::Query(name) => write!(f, "units in query parameter {name}"),
            Self::SourceAddress => f.write_str("units by the client's address"),
            Self::Issued => f.write_str("new clients, who are issued a unit"),
            Self::Random => f.write_str("requests without a unit, each drawn for itself"),
            Self::Nowhere => f.write_str("requests without a unit"),
        }
    }
}

/// A request whose unit can be replaced.
#[derive(Clone, Debug)]
pub struct Synthetic {
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The header that carries the unit, and where in its value.
    carrier: Option<(usize, usize)>,
    address: Option<Vec<u8>>,
    /// Whether the address is the unit.
    by_address: bool,
}

impl Synthetic {
    /// A request with these headers, the pseudo-headers among them, and a place for the unit.
    pub fn new(headers: &[(String, String)], address: Option<&str>, place: &UnitPlace) -> Self {
        let mut request = Self {
            headers: headers
                .iter()
                .map(|(name, value)| (name.clone().into_bytes(), value.clone().into_bytes()))
                .collect(),
            carrier: None,
            address: address.map(|address| address.as_bytes().to_vec()),
            by_address: false,
        };
        match place {
            UnitPlace::Header(name) => request.carry(name, ""),
            UnitPlace::Cookie(name) => request.carry("cookie", &format!("{name}=")),
            UnitPlace::Query(name) => request.carry_in_query(name),
            UnitPlace::SourceAddress => {
                request.by_address = true;
                request.address = Some([NETWORK, b"0000:0000:0000:0000"].concat());
            }
            UnitPlace::Issued | UnitPlace::Random | UnitPlace::Nowhere => {}
        }
        request.set_unit(0);
        request
    }

    fn carry(&mut self, name: &str, before: &str) {
        self.carrier = Some((self.headers.len(), before.len()));
        let value = [before.as_bytes(), &[b'0'; UNIT]].concat();
        self.headers.push((name.as_bytes().to_vec(), value));
    }

    fn carry_in_query(&mut self, name: &str) {
        let found = self.headers.iter().position(|(name, _)| name == b":path");
        let index = found.unwrap_or(self.headers.len());
        if found.is_none() {
            self.headers.push((b":path".to_vec(), b"/".to_vec()));
        }
        if let Some((_, path)) = self.headers.get_mut(index) {
            // A fragment would hide what follows.
            let end = path.iter().position(|&byte| byte == b'#');
            path.truncate(end.unwrap_or(path.len()));
            path.push(if path.contains(&b'?') { b'&' } else { b'?' });
            path.extend_from_slice(name.as_bytes());
            path.push(b'=');
            self.carrier = Some((index, path.len()));
            path.extend_from_slice(&[b'0'; UNIT]);
        }
    }

    /// Makes it the request of another unit.
    #[inline]
    pub fn set_unit(&mut self, unit: u64) {
        if let Some((index, start)) = self.carrier {
            let value = self.headers.get_mut(index);
            if let Some(to) = value.and_then(|(_, value)| value.get_mut(start..start + UNIT)) {
                to.copy_from_slice(&hexadecimal(unit));
            }
        } else if self.by_address {
            let groups = hexadecimal(unit);
            let address = self.address.iter_mut().flat_map(|address| {
                address
                    .get_mut(NETWORK.len()..)
                    .unwrap_or_default()
                    .chunks_mut(5)
            });
            for (to, from) in address.zip(groups.chunks(4)) {
                for (to, from) in to.iter_mut().zip(from) {
                    *to = *from;
                }
            }
        }
    }
}

/// The unit in hexadecimal digits, all of them at once: each byte of the spread-out number holds
/// one digit, and those over 9 are moved on to the letters.
#[inline]
fn hexadecimal(unit: u64) -> [u8; UNIT] {
    let half = |number: u32| {
        let mut spread = u64::from(number);
        spread = (spread | spread << 16) & 0x0000_ffff_0000_ffff;
        spread = (spread | spread << 8) & 0x00ff_00ff_00ff_00ff;
        spread = (spread | spread << 4) & 0x0f0f_0f0f_0f0f_0f0f;
        let letters = (spread + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
        spread + 0x3030_3030_3030_3030 + letters * 0x27
    };
    let both = u128::from(half((unit >> 32) as u32)) << 64 | u128::from(half(unit as u32));
    both.to_be_bytes()
}

impl Request for Synthetic {
    fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_slice(), value.as_slice()))
    }

    fn source_address(&self) -> Option<Vec<u8>> {
        self.address.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::Sequence;

    #[test]
    fn digits_are_those_of_std() {
        let mut sequence = Sequence::new(7);
        let random = (0..1_000).map(|_| sequence.next_number());
        for unit in [0, 1, u64::MAX, 0x0123_4567_89ab_cdef]
            .into_iter()
            .chain(random)
        {
            let expected = format!("{unit:016x}");
            assert_eq!(hexadecimal(unit), expected.as_bytes());
        }
    }

    #[test]
    fn the_unit_stands_in_its_place() {
        let check = |place: &UnitPlace, path: &str, needed: &str| {
            let headers = [(":path".to_owned(), path.to_owned())];
            let mut request = Synthetic::new(&headers, None, place);
            request.set_unit(0xabc);
            request.set_unit(0x0123_4567_89ab_cdef);
            let mut text: Vec<String> = request
                .headers()
                .map(|(name, value)| {
                    let text = String::from_utf8_lossy;
                    format!("{}: {}", text(name), text(value))
                })
                .collect();
            let address = request.source_address().unwrap_or_default();
            text.push(String::from_utf8(address).unwrap());
            assert!(text.iter().any(|line| line == needed), "{text:?}");
        };
        let header = UnitPlace::Header("x-user-id".to_owned());
        check(&header, "/", "x-user-id: 0123456789abcdef");
        let cookie = UnitPlace::Cookie("session".to_owned());
        check(&cookie, "/", "cookie: session=0123456789abcdef");
        let query = UnitPlace::Query("u".to_owned());
        check(&query, "/a", ":path: /a?u=0123456789abcdef");
        check(&query, "/a?b=c", ":path: /a?b=c&u=0123456789abcdef");
        check(&query, "/a#b", ":path: /a?u=0123456789abcdef");
        let address = UnitPlace::SourceAddress;
        check(&address, "/", "2001:db8::0123:4567:89ab:cdef");
        check(&UnitPlace::Random, "/", ":path: /");
    }
}
