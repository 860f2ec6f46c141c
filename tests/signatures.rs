//! Signatures are verified as the standards say, and strictly where they leave a choice: vectors of
//! others, whose sources `signatures/README.md` names.
#![cfg(not(target_family = "wasm"))]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "signatures/vectors.rs"]
mod vectors;

use base64ct::{Base64UrlUnpadded, Encoding};
use coalmine::config::PublicKey;
use coalmine::pin::{Key, Parts};
use vectors::{bytes, verified};

#[test]
fn the_signatures_of_rfc_8032_are_valid_and_no_others() {
    // Section 7.1, tests 1 to 3: public key, message, signature.
    const TESTS: [[&str; 3]; 3] = [
        [
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ],
        [
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ],
        [
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ],
    ];
    for [key, message, signature] in TESTS {
        for [other_key, other_message, other_signature] in TESTS {
            let valid = verified(other_key, other_message, other_signature);
            assert!(valid, "{other_key}");
            assert_eq!(
                verified(key, message, other_signature),
                signature == other_signature
            );
            assert_eq!(
                verified(key, other_message, signature),
                message == other_message
            );
            assert_eq!(verified(other_key, message, signature), key == other_key);
        }
    }
}

#[test]
fn the_token_of_rfc_8037_is_valid() {
    // Appendix A: the key of A.2, the token of A.4.
    let key = PublicKey::parse("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let parts = Parts::of(token.as_bytes()).unwrap();
    assert_eq!(parts.header().unwrap(), r#"{"alg":"EdDSA"}"#);
    assert_eq!(parts.claims().unwrap(), "Example of Ed25519 signing");
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = Base64UrlUnpadded::decode_vec(signature).unwrap();
    assert!(
        Key::new(&key)
            .unwrap()
            .verify(signed.as_bytes(), &signature)
    );
}

#[test]
fn wycheproofs_verdicts_are_ours() {
    vectors::check_wycheproof();
}

#[test]
fn what_verifiers_differ_in_is_refused() {
    vectors::check_speccheck();
}

#[test]
fn keys_that_anybody_could_sign_with_are_none() {
    let check = |key: &str, sound: bool| {
        let key = PublicKey(bytes(key).try_into().unwrap());
        assert_eq!(Key::new(&key).is_some(), sound, "{key}");
    };
    check(
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        true,
    );
    // The points of order 1, 2, 4 and 8 in their canonical encodings.
    check(
        "0100000000000000000000000000000000000000000000000000000000000000",
        false,
    );
    check(
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        false,
    );
    check(
        "0000000000000000000000000000000000000000000000000000000000000000",
        false,
    );
    check(
        "0000000000000000000000000000000000000000000000000000000000000080",
        false,
    );
    check(
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        false,
    );
    check(
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        false,
    );
    check(
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        false,
    );
    check(
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        false,
    );
    // Others that mean the same to a lenient reader: y not below the field's prime, a sign of zero.
    check(
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        false,
    );
    check(
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        false,
    );
    check(
        "0100000000000000000000000000000000000000000000000000000000000080",
        false,
    );
    // y = 3, as 3 + p; and y = 2, which is on no point.
    check(
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        false,
    );
    check(
        "0200000000000000000000000000000000000000000000000000000000000000",
        false,
    );
}
