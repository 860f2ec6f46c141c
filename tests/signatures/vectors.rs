//! Vectors of others, natively and on wasm32, where the arithmetic is another.

use coalmine::config::PublicKey;
use coalmine::pin::Key;
use serde_json::Value;

pub(crate) fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits = hexadecimal.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// Whether a key, in hexadecimal, signed a message; not if it is no sound key.
pub(crate) fn verified(key: &str, message: &str, signature: &str) -> bool {
    let key = PublicKey(bytes(key).try_into().unwrap());
    Key::new(&key).is_some_and(|key| key.verify(&bytes(message), &bytes(signature)))
}

/// Wycheproof's verdicts are ours.
pub(crate) fn check_wycheproof() {
    let vectors: Value = serde_json::from_str(include_str!("wycheproof.json")).unwrap();
    let mut tried = 0;
    for group in vectors["testGroups"].as_array().unwrap() {
        let key = group["publicKey"]["pk"].as_str().unwrap();
        for test in group["tests"].as_array().unwrap() {
            let text = |field: &str| test[field].as_str().unwrap();
            let valid = verified(key, text("msg"), text("sig"));
            assert_eq!(valid, text("result") == "valid", "{test}");
            tried += 1;
        }
    }
    assert_eq!(tried, vectors["numberOfTests"]);
}

/// What verifiers differ in is refused.
pub(crate) fn check_speccheck() {
    let cases: Value = serde_json::from_str(include_str!("speccheck.json")).unwrap();
    let cases = cases.as_array().unwrap().iter();
    let verdicts = cases.map(|case| {
        let text = |field: &str| case[field].as_str().unwrap();
        verified(text("pub_key"), text("message"), text("signature"))
    });
    let verdicts: Vec<bool> = verdicts.collect();
    // Small and non-canonical points, S out of its range, and the equation with a cofactor alone. What
    // is left, number 3, is a key with a part of small order whose owner signed for once so that both
    // equations hold: nobody else can.
    let expected: Vec<bool> = (0..12).map(|number| number == 3).collect();
    assert_eq!(verdicts, expected);
}
