//! Tokens that scenarios send.

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::json;

/// The id of the key that the canary knows.
pub(super) const KID: &str = "ops-2026";

/// The public half of that key.
pub(super) fn public_key() -> String {
    Base64UrlUnpadded::encode_string(key(1).verifying_key().as_bytes())
}

/// So many different tokens that are valid.
pub(super) fn valid(count: usize) -> Vec<String> {
    (0..count).map(|number| token(&key(1), number)).collect()
}

/// A token that another key signed.
pub(super) fn forged() -> Vec<String> {
    vec![token(&key(2), 0)]
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn token(key: &SigningKey, number: usize) -> String {
    let encode = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
    let header = json!({"alg": "EdDSA", "kid": KID, "typ": "JWT"});
    let claims = json!({
        "aud": "bench/reviews",
        "variant": "canary",
        "sub": format!("tester-{number:03}"),
        "exp": 4_102_444_800u64,
    });
    let [header, claims] = [header, claims].map(|part| encode(part.to_string().as_bytes()));
    let signed = format!("{header}.{claims}");
    let signature = key.sign(signed.as_bytes()).to_bytes();
    format!("{signed}.{}", encode(&signature))
}
