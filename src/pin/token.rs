//! The three parts of a token, and its JSON, read strictly.

use crate::bytes;
use base64ct::{Base64UrlUnpadded, Encoding};
use core::fmt;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;

/// The longest token that is looked at, in bytes. What libraries mint has 250 to 350; with a key id,
/// a canary's name and a subject of a hundred characters each it has some 600.
pub const MAX_TOKEN: usize = 1024;

/// So many bytes are in [`MAX_TOKEN`] characters of base64url.
const MAX_BYTES: usize = MAX_TOKEN / 4 * 3;

/// The most members of an object; each is compared with those before it.
const MAX_MEMBERS: usize = 32;

/// The last second of the year 9999: a time beyond it is a slip of whoever mints.
const LAST_SECOND: i64 = 253_402_300_799;

/// The parts of a token as they were sent, between its two dots.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'t> {
    header: &'t [u8],
    claims: &'t [u8],
    signature: &'t [u8],
    signed: &'t [u8],
}

/// What stands in a token's JSON, as far as anything that is acted on says such a thing. One type for
/// all of it, and for every kind of value, keeps the module small: messages of what was not expected,
/// which nobody would read, bring along how floats are printed.
#[derive(Debug)]
pub(super) enum Said<'t> {
    /// A text, as it stands in the JSON unless it has an escape.
    Text(Cow<'t, str>),
    /// `NumericDate` of RFC 7519: seconds since 1970, without what is behind the point.
    Seconds(i64),
    List(Vec<Said<'t>>),
    /// The members of an object, each of which is there once.
    Object(Vec<(Cow<'t, str>, Said<'t>)>),
    Other,
}

// === impl Parts ===

impl<'t> Parts<'t> {
    /// The parts; `None` if there are not three, or too many bytes for a token.
    pub fn of(token: &'t [u8]) -> Option<Self> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let (header, rest) = bytes::split_once(token, b'.');
        let (claims, signature) = bytes::split_once(rest?, b'.');
        let signature = signature?;
        let before = token.len().checked_sub(signature.len())?.checked_sub(1)?;
        (bytes::find(signature, b'.').is_none()).then_some(Self {
            header,
            claims,
            signature,
            signed: token.get(..before)?,
        })
    }

    /// What was signed.
    pub(super) fn signed(&self) -> &'t [u8] {
        self.signed
    }

    /// The header's JSON, as text; `None` if it is no base64url in its one form, or no UTF-8.
    pub fn header(&self) -> Option<String> {
        text(self.header, &mut buffer()).map(str::to_owned)
    }

    /// The claims' JSON, likewise.
    pub fn claims(&self) -> Option<String> {
        text(self.claims, &mut buffer()).map(str::to_owned)
    }

    pub(super) fn header_text<'b>(&self, buffer: &'b mut [u8; MAX_BYTES]) -> Option<&'b str> {
        text(self.header, buffer)
    }

    pub(super) fn claims_text<'b>(&self, buffer: &'b mut [u8; MAX_BYTES]) -> Option<&'b str> {
        text(self.claims, buffer)
    }

    /// The 64 bytes of the signature.
    pub(super) fn signature(&self) -> Option<[u8; 64]> {
        let mut bytes = [0; 64];
        let decoded = Base64UrlUnpadded::decode(self.signature, &mut bytes).ok()?;
        (decoded.len() == bytes.len()).then_some(bytes)
    }
}

/// Room for a decoded part.
pub(super) fn buffer() -> [u8; MAX_BYTES] {
    [0; MAX_BYTES]
}

fn text<'b>(part: &[u8], buffer: &'b mut [u8; MAX_BYTES]) -> Option<&'b str> {
    let decoded = Base64UrlUnpadded::decode(part, buffer).ok()?;
    core::str::from_utf8(decoded).ok()
}

// === impl Said ===

impl<'t> Said<'t> {
    /// What a text in JSON says; `None` if it is none, or if a name is twice in an object: of two
    /// members with one name, readers differ in which they take.
    pub(super) fn read(json: &'t str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// A member, if this is an object that has it.
    pub(super) fn get(&self, wanted: &str) -> Option<&Self> {
        let Self::Object(members) = self else {
            return None;
        };
        let mut members = members.iter();
        members
            .find(|(name, _)| name == wanted)
            .map(|(_, said)| said)
    }

    /// A member that is text.
    pub(super) fn text(&self, wanted: &str) -> Option<&str> {
        match self.get(wanted)? {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A member that is a time.
    pub(super) fn seconds(&self, wanted: &str) -> Option<i64> {
        match self.get(wanted)? {
            Self::Seconds(seconds) => Some(*seconds),
            _ => None,
        }
    }

    /// Whether it is this text, or a list of texts that has it; `None` if it is neither.
    pub(super) fn has(&self, wanted: &str) -> Option<bool> {
        match self {
            Self::Text(text) => Some(text == wanted),
            Self::List(list) => list.iter().try_fold(false, |has, one| match one {
                Self::Text(text) => Some(has || text == wanted),
                _ => None,
            }),
            _ => None,
        }
    }
}

impl<'t> Deserialize<'t> for Said<'t> {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SaidVisitor)
    }
}

struct SaidVisitor;

impl<'t> Visitor<'t> for SaidVisitor {
    type Value = Said<'t>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'t str) -> Result<Said<'t>, E> {
        Ok(Said::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Said<'t>, E> {
        Ok(Said::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Said<'t>, E> {
        Ok(match (-LAST_SECOND..=LAST_SECOND).contains(&seconds) {
            true => Said::Seconds(seconds),
            false => Said::Other,
        })
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Said<'t>, E> {
        self.visit_i64(i64::try_from(seconds).unwrap_or(i64::MAX))
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<Said<'t>, E> {
        // The cast saturates, and there is no NaN in JSON.
        self.visit_i64(seconds.floor() as i64)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Said<'t>, E> {
        Ok(Said::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Said<'t>, E> {
        Ok(Said::Other)
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut list: A) -> Result<Said<'t>, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = list.next_element()? {
            all.push(one);
        }
        Ok(Said::List(all))
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Said<'t>, A::Error> {
        let mut members: Vec<(Cow<'t, str>, Said<'t>)> = Vec::new();
        while let Some((name, said)) = map.next_entry::<Said<'t>, Said<'t>>()? {
            let Said::Text(name) = name else {
                return Err(Error::custom("a name is text"));
            };
            let known = members.iter().any(|(known, _)| *known == name);
            if known || members.len() >= MAX_MEMBERS {
                return Err(Error::custom("a member is repeated, or there are too many"));
            }
            members.push((name, said));
        }
        Ok(Said::Object(members))
    }
}
