//! Signed pins.

use crate::naive::{Asked, check};
use base64ct::{Base64UrlUnpadded, Encoding};
use coalmine::config::{Canaries, Pins, PublicKey, Revoked, SignedPins, read_json};
use coalmine::{Policy, Timestamp};
use ed25519_dalek::{Signature, Signer, SigningKey};
use std::sync::LazyLock;

/// In the middle of the time for which tokens of the corpus are minted.
const NOW: i64 = 1_800_000_000_000;

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_bytes(&[1; 32]));

static SHOP: LazyLock<(Canaries, Policy)> = LazyLock::new(|| {
    let json = r#"{"apiVersion":"coalmine.dev/v1alpha1","kind":"Canary","metadata":{"name":"shop"},
        "spec":{"hosts":["shop"],"variants":{"stable":{},"a":{},"b":{}},"default":"stable"}}"#;
    let mut canaries = read_json(json.as_bytes()).unwrap();
    let key = PublicKey(KEY.verifying_key().to_bytes());
    canaries.canaries[0].spec.pins = Pins {
        header: Some("x-pin".to_owned()),
        signed: Some(SignedPins {
            keys: vec![("one".to_owned(), key), ("old".to_owned(), key)],
            required: true,
            revoked: Revoked {
                subjects: vec!["mallory".to_owned()],
                keys: vec!["old".to_owned()],
            },
            verifications_per_second: None,
        }),
        ..Pins::default()
    };
    let policy = Policy::compile(&canaries);
    (canaries, policy)
});

/// Behind `sign`, a header and claims, one in each line, are signed as they are, and may pin; all else
/// is a token, which must not be valid unless its signature is. Both decisions must be the same.
pub fn token(data: &[u8]) {
    let Some(json) = data.strip_prefix(b"sign\n") else {
        return check_token(data);
    };
    let mut parts = json.splitn(2, |byte| *byte == b'\n');
    let encode = |part: Option<&[u8]>| Base64UrlUnpadded::encode_string(part.unwrap_or_default());
    let signed = format!("{}.{}", encode(parts.next()), encode(parts.next()));
    let signature = KEY.sign(signed.as_bytes()).to_bytes();
    let token = format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature));
    check_token(token.as_bytes());
}

fn check_token(token: &[u8]) {
    let asked = Asked {
        headers: vec![
            (b":authority".to_vec(), b"shop".to_vec()),
            (b"x-pin".to_vec(), token.to_vec()),
        ],
        now: NOW,
        ..Asked::default()
    };
    let answer = check(&SHOP.0, &SHOP.1, &asked).expect("the host is governed");
    let word = token.trim_ascii();
    let pins = ["pin", "never"].contains(&answer.reason.as_str());
    assert!(
        !pins || word == b"never" || is_signed(word),
        "{}",
        token.escape_ascii()
    );
    let judged = SHOP.1.canaries()[0].judge_pin(word, Timestamp::from_unix_millis(NOW));
    let valid = judged.is_some_and(|judged| judged.is_ok());
    assert_eq!(valid, pins && word != b"never");
}

/// Whether the key has signed what stands before the last dot.
fn is_signed(token: &[u8]) -> bool {
    let Some(dot) = token.iter().rposition(|byte| *byte == b'.') else {
        return false;
    };
    let mut bytes = [0; 64];
    let decoded = Base64UrlUnpadded::decode(&token[dot + 1..], &mut bytes);
    decoded.is_ok_and(|signature| {
        let signature = Signature::from_slice(signature);
        signature.is_ok_and(|signature| {
            let key = KEY.verifying_key();
            key.verify_strict(&token[..dot], &signature).is_ok()
        })
    })
}
