//! Signed pins: what a token says, if it is valid.

use coalmine::config::SignedPins;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

const LONGEST: usize = 1024;
/// Clocks may differ by so many seconds.
const SKEW: i128 = 60;
/// The beginning of 2026: a proxy whose clock says an earlier time has none.
const BEGIN: i128 = 1_767_225_600;
/// The end of the year 9999.
const END: i128 = 253_402_300_799;

/// The word of a valid token for this canary; `now` in milliseconds since 1970.
pub(super) fn claimed(signed: &SignedPins, canary: &str, token: &[u8], now: i64) -> Option<String> {
    let parts: Vec<&[u8]> = token.split(|byte| *byte == b'.').collect();
    let [header, claims, signature] = parts.as_slice() else {
        return None;
    };
    if token.len() > LONGEST {
        return None;
    }
    let message = &token[..token.len() - signature.len() - 1];
    let signature = Signature::from_slice(&decoded(signature)?).ok()?;
    let (header, claims) = (json(header)?, json(claims)?);
    if header.text("alg")? != "EdDSA" || header.member("crit").is_some() {
        return None;
    }
    let (kid, subject) = (header.text("kid")?, claims.text("sub")?);
    let revoked = &signed.revoked;
    if revoked.keys.contains(&kid) || revoked.subjects.contains(&subject) {
        return None;
    }
    let audience = match claims.member("aud")? {
        Json::Text(one) => vec![one.clone()],
        Json::List(list) => list.iter().map(Json::as_text).collect::<Option<_>>()?,
        _ => return None,
    };
    let ends = claims.time("exp")?;
    let begins = match claims.member("nbf") {
        Some(_) => claims.time("nbf")?,
        None => BEGIN,
    };
    let now = i128::from(now).div_euclid(1000);
    if now - SKEW >= ends || now + SKEW < begins.max(BEGIN) || !audience.contains(&canary.into()) {
        return None;
    }
    let (_, key) = signed.keys.iter().find(|(known, _)| *known == kid)?;
    let key = VerifyingKey::from_bytes(&key.0).ok()?;
    key.verify_strict(message, &signature).ok()?;
    claims.text("variant")
}

/// Base64url without padding, in its one form: the bits behind the last byte are 0.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let (mut bits, mut count, mut bytes) = (0u32, 0u32, Vec::new());
    for byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    (count < 6 && bits == 0).then_some(bytes)
}

fn json(part: &[u8]) -> Option<Json> {
    let text = String::from_utf8(decoded(part)?).ok()?;
    serde_json::from_str(&text).ok()
}

/// JSON in which no object has a name twice, and none has more than 32.
enum Json {
    Text(String),
    Number(f64),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
    Other,
}

impl Json {
    fn member(&self, wanted: &str) -> Option<&Self> {
        let Self::Object(members) = self else {
            return None;
        };
        let mut members = members.iter();
        members
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value)
    }

    fn as_text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    fn text(&self, wanted: &str) -> Option<String> {
        self.member(wanted)?.as_text()
    }

    /// Seconds since 1970, without what is behind the point.
    fn time(&self, wanted: &str) -> Option<i128> {
        let Self::Number(number) = self.member(wanted)? else {
            return None;
        };
        let seconds = number.floor() as i128;
        (-END..=END).contains(&seconds).then_some(seconds)
    }
}

impl<'t> Deserialize<'t> for Json {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'t> Visitor<'t> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        Ok(Json::Number(number))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = list.next_element()? {
            all.push(one);
        }
        Ok(Json::List(all))
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members: Vec<(String, Json)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Json>()? {
            if members.len() == 32 || members.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom("a name twice, or too many"));
            }
            members.push((name, value));
        }
        Ok(Json::Object(members))
    }
}
