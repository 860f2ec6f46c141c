//! Tokens as tables write them, signed with keys that everybody knows.
//!
//! ```json
//! "tokens": {
//!   "good": {},
//!   "expired": {"claims": {"exp": 1}},
//!   "forged": {"key": "two"},
//!   "other-algorithm": {"header": {"alg": "HS256"}, "signature": "..."},
//!   "double": {"claims": "{\"aud\": \"shop\", \"aud\": \"shop\"}"},
//!   "huge": {"repeat": "A", "times": 1000000}
//! }
//! ```
//!
//! In a case `${good}` stands for the token. What an entry does not say is as in the good one: the
//! header `{"alg": "EdDSA", "kid": "one"}`, claims for alice, canary and the audience `shop` until
//! 2100, signed with the key `one`. Fields are put over those, `null` takes one away, and a text is the
//! JSON itself, with `\xHH` for a byte. `signature` is put in place of one, as it is; `change` adds so
//! much to a byte of the signature: `[3, 1]`.

use super::format::bytes;
use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};

/// The names of the keys, whose seed is the byte behind it 32 times.
const KEYS: [(&str, u8); 2] = [("one", 1), ("two", 2)];

/// The token that an entry describes.
///
/// # Panics
/// It describes none.
pub(crate) fn token(entry: &Value) -> String {
    if let Some(part) = entry["repeat"].as_str() {
        let times = entry["times"].as_u64().expect("`times` is a number");
        return part.repeat(usize::try_from(times).unwrap());
    }
    for field in entry.as_object().expect("a token is a map").keys() {
        let known = ["header", "claims", "key", "signature", "change"];
        assert!(
            known.contains(&field.as_str()),
            "{entry}: what is `{field}`?"
        );
    }
    let header = json!({"alg": "EdDSA", "kid": "one"});
    let claims =
        json!({"aud": "shop", "variant": "canary", "sub": "alice", "exp": 4_102_444_800u64});
    let signed = format!(
        "{}.{}",
        encode(&part(header, &entry["header"])),
        encode(&part(claims, &entry["claims"])),
    );
    if let Some(signature) = entry["signature"].as_str() {
        return format!("{signed}.{signature}");
    }
    let mut signature = sign(entry["key"].as_str().unwrap_or("one"), signed.as_bytes());
    if let Some(change) = entry["change"].as_array() {
        let [at, by] = [0, 1].map(|field| change[field].as_u64().expect("two numbers"));
        let byte = &mut signature[usize::try_from(at).unwrap()];
        *byte = byte.wrapping_add(u8::try_from(by).unwrap());
    }
    format!("{signed}.{}", encode(&signature))
}

fn part(usual: Value, said: &Value) -> Vec<u8> {
    if let Some(text) = said.as_str() {
        return bytes(text);
    }
    let mut part = usual;
    for (name, value) in said.as_object().into_iter().flatten() {
        match value {
            Value::Null => drop(part.as_object_mut().unwrap().remove(name)),
            value => part[name] = value.clone(),
        }
    }
    part.to_string().into_bytes()
}

fn sign(key: &str, message: &[u8]) -> [u8; 64] {
    let known = KEYS.iter().find(|(name, _)| *name == key);
    let (_, seed) = known.unwrap_or_else(|| panic!("there is no key {key}"));
    let key = SigningKey::from_bytes(&[*seed; 32]);
    key.sign(message).to_bytes()
}

fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}
