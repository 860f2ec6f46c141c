//! Signed pins: no bytes panic, nothing that is not signed gets through, and what is signed follows
//! the rule in words.

use base64ct::{Base64UrlUnpadded, Encoding};
use coalmine::config::{Canaries, Pins, PublicKey, Revoked, SignedPins};
use coalmine::pin::{Cause, Verifier};
use coalmine::{Moment, Policy, Reason, Timestamp, decide};
use ed25519_dalek::{Signer, SigningKey};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::request::{Fixed, Sent};
use crate::sequence::Sequence;
use crate::written::{alone, canary};

const NOW: i64 = 1_800_000_000;

fn key() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

fn shop(required: bool, verifications_per_second: u32) -> Canaries {
    let mut shop = canary(&[("a", None), ("b", None)]);
    shop.spec.pins = Pins {
        header: Some("x-pin".to_owned()),
        signed: Some(SignedPins {
            keys: vec![(
                "one".to_owned(),
                PublicKey(key().verifying_key().to_bytes()),
            )],
            required,
            revoked: Revoked {
                subjects: vec!["mallory".to_owned()],
                keys: Vec::new(),
            },
            verifications_per_second: Some(verifications_per_second),
        }),
        ..Pins::default()
    };
    alone(shop)
}

fn signed(header: &[u8], claims: &[u8]) -> String {
    let encode = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = key().sign(signed.as_bytes()).to_bytes();
    format!("{signed}.{}", encode(&signature))
}

fn good() -> String {
    let claims = json!({"aud": "shop", "variant": "a", "sub": "alice", "exp": NOW + 100});
    signed(
        br#"{"alg":"EdDSA","kid":"one"}"#,
        claims.to_string().as_bytes(),
    )
}

/// A moment with what outlives a request.
struct At<'v> {
    seconds: i64,
    verifier: Option<&'v Verifier>,
}

impl Moment for At<'_> {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.seconds * 1000)
    }

    fn draw(&self) -> u128 {
        0
    }

    fn verifier(&self) -> Option<&Verifier> {
        self.verifier
    }
}

/// What a pin gives: a variant if it is valid, else the causes for which it is refused.
fn judged(policy: &Policy, pin: &[u8], moment: &impl Moment) -> Result<String, Vec<Cause>> {
    let request = Sent::new(b"GET", Some(b"shop"), b"/", &[(b"x-pin".as_slice(), pin)]);
    let decision = decide(policy, &request, moment).expect("in scope");
    match decision.reason {
        Reason::Pin | Reason::Never => Ok(decision.variant_name().to_owned()),
        _ => Err(decision.refused.iter().collect()),
    }
}

#[test]
fn not_one_byte_of_a_token_can_be_changed() {
    let policy = Policy::compile(&shop(true, 1_000_000));
    let verifier = Verifier::of(&policy);
    let moment = At {
        seconds: NOW,
        verifier: Some(&verifier),
    };
    let good = good().into_bytes();
    assert_eq!(judged(&policy, &good, &moment), Ok("a".to_owned()));
    for at in 0..good.len() {
        for change in [1, 2, 0x20, 0x80] {
            let mut other = good.clone();
            other[at] ^= change;
            let judged = judged(&policy, &other, &moment);
            assert!(judged.is_err(), "{at} {change}: {judged:?}");
        }
        assert!(
            judged(&policy, &good[..at], &moment).is_err(),
            "cut at {at}"
        );
    }
}

#[test]
fn no_bytes_of_a_pin_make_the_decision_panic_or_pin_anything() {
    let policy = Policy::compile(&shop(true, 1_000_000));
    let verifier = Verifier::of(&policy);
    let moment = At {
        seconds: NOW,
        verifier: Some(&verifier),
    };
    let good = good().into_bytes();
    let parts: Vec<&[u8]> = good.split(|byte| *byte == b'.').collect();
    let mut sequence = Sequence::new(5);
    for _ in 0..20_000 {
        let mut pin = match sequence.below(3) {
            0 => sequence.bytes(1200),
            1 => {
                let parts = (0..sequence.below(5)).map(|_| *sequence.pick(&parts));
                parts.collect::<Vec<_>>().join(&b'.')
            }
            _ => good.clone(),
        };
        for _ in 0..=sequence.below(3) {
            let at = sequence.below(pin.len().max(1));
            match sequence.below(3) {
                0 => pin.insert(at.min(pin.len()), sequence.next() as u8),
                1 => pin.truncate(at),
                _ if at < pin.len() => pin[at] = sequence.next() as u8,
                _ => {}
            }
        }
        let judged = judged(&policy, &pin, &moment);
        let words = pin.trim_ascii() == b"never" || pin.trim_ascii() == good;
        assert!(judged.is_err() || words, "{judged:?} {pin:?}");
    }
}

/// A JSON value that tokens have, or might.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (NOW - 100..NOW + 100).prop_map(Value::from),
        prop::sample::select(vec![
            "shop", "a", "b", "never", "c", "", "alice", "mallory", "EdDSA", "one", "none"
        ])
        .prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop::collection::vec(inner, 0..4).prop_map(Value::from)
    })
}

/// Mostly what a good token says.
fn mostly(good: Value) -> impl Strategy<Value = Option<Value>> {
    prop_oneof![8 => Just(Some(good)), 1 => json_value().prop_map(Some), 1 => Just(None)]
}

fn object(members: Vec<(&str, Option<Value>)>) -> Value {
    let members = members.into_iter();
    let members = members.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(members.collect())
}

/// The rule in words, over values that `serde_json` has read.
fn expected(header: &Value, claims: &Value) -> Result<String, Cause> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let time = |value: &Value| {
        let seconds = value.as_f64()?.floor();
        (seconds.abs() <= 253_402_300_799.0).then_some(seconds as i64)
    };
    if text(&header["alg"]).ok_or(Cause::Malformed)? != "EdDSA" {
        return Err(Cause::Algorithm);
    }
    if text(&header["kid"]).ok_or(Cause::Malformed)? != "one" {
        return Err(Cause::UnknownKey);
    }
    let subject = text(&claims["sub"]).ok_or(Cause::Malformed)?;
    let variant = text(&claims["variant"]).ok_or(Cause::Malformed)?;
    let expires = time(&claims["exp"]).ok_or(Cause::Malformed)?;
    let audience = match &claims["aud"] {
        Value::Array(list) => list.iter().map(text).collect::<Option<Vec<String>>>(),
        one => text(one).map(|one| vec![one]),
    };
    let audience = audience.ok_or(Cause::Malformed)?;
    let not_before = match claims.get("nbf") {
        Some(value) => time(value).ok_or(Cause::Malformed)?,
        None => 0,
    };
    if subject == "mallory" {
        return Err(Cause::Revoked);
    }
    if !audience.iter().any(|name| name == "shop") {
        return Err(Cause::Audience);
    }
    if !["stable", "a", "b", "never"].contains(&variant.as_str()) {
        return Err(Cause::Variant);
    }
    if NOW >= expires + 60 {
        return Err(Cause::Expired);
    }
    if NOW + 60 < not_before {
        return Err(Cause::NotYetValid);
    }
    Ok(match variant.as_str() {
        "never" => "stable".to_owned(),
        _ => variant,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_signed_follows_the_rule(
        alg in mostly(json!("EdDSA")),
        kid in mostly(json!("one")),
        aud in mostly(json!("shop")),
        variant in mostly(json!("a")),
        sub in mostly(json!("alice")),
        exp in mostly(json!(NOW + 100)),
        nbf in mostly(json!(NOW - 100)),
        more in json_value(),
    ) {
        let header = object(vec![("alg", alg), ("kid", kid), ("more", Some(more.clone()))]);
        let claims = object(vec![
            ("aud", aud), ("variant", variant), ("sub", sub), ("exp", exp), ("nbf", nbf), ("more", Some(more)),
        ]);
        let token = signed(header.to_string().as_bytes(), claims.to_string().as_bytes());
        prop_assume!(token.len() <= 1024);
        let policy = Policy::compile(&shop(true, 1_000_000));
        let verifier = Verifier::of(&policy);
        let expected = expected(&header, &claims).map_err(|cause| vec![cause]);
        // Without what outlives a request, and twice with it: what was verified before is judged alike.
        for verifier in [None, Some(&verifier), Some(&verifier)] {
            let moment = At { seconds: NOW, verifier };
            prop_assert_eq!(judged(&policy, token.as_bytes(), &moment), expected.clone(), "{} {}", header, claims);
        }
    }
}

#[test]
fn what_was_verified_before_ends_in_its_time_and_needs_no_budget() {
    let policy = Policy::compile(&shop(true, 1));
    let verifier = Verifier::of(&policy);
    let at = |seconds| At {
        seconds,
        verifier: Some(&verifier),
    };
    let good = good().into_bytes();
    let mut forged = good.clone();
    let last = forged.len() - 10;
    forged[last] ^= 1;
    assert_eq!(judged(&policy, &good, &at(NOW)), Ok("a".to_owned()));
    for _ in 0..10 {
        assert_eq!(judged(&policy, &forged, &at(NOW)), Err(vec![Cause::Budget]));
        assert_eq!(judged(&policy, &good, &at(NOW)), Ok("a".to_owned()));
    }
    assert_eq!(
        judged(&policy, &forged, &at(NOW + 1)),
        Err(vec![Cause::Signature])
    );
    assert_eq!(judged(&policy, &good, &at(NOW + 159)), Ok("a".to_owned()));
    assert_eq!(
        judged(&policy, &good, &at(NOW + 160)),
        Err(vec![Cause::Expired])
    );
    // Nobody's budget but of this canary; another policy's verifier knows nothing of it.
    let other = Policy::compile(&shop(false, 1));
    let fresh = Verifier::of(&other);
    let moment = At {
        seconds: NOW,
        verifier: Some(&fresh),
    };
    assert_eq!(
        judged(&other, &forged, &moment),
        Err(vec![Cause::Signature])
    );
    assert_eq!(judged(&other, &good, &moment), Err(vec![Cause::Budget]));
}

#[test]
fn many_canaries_share_the_budget_of_a_worker() {
    let canaries = (0..20).map(|number| {
        let mut one = shop(true, 5).canaries.remove(0);
        one.name = format!("shop{number}");
        one.spec.hosts = vec![one.name.clone()];
        one
    });
    let policy = Policy::compile(&Canaries {
        canaries: canaries.collect(),
        ..Canaries::default()
    });
    let verifier = Verifier::of(&policy);
    let mut verified = 0;
    for number in 0..20 {
        let name = format!("shop{number}");
        let claims = json!({"aud": name, "variant": "a", "sub": "alice", "exp": NOW + 100});
        for forged in 0..10 {
            let mut token = signed(
                br#"{"alg":"EdDSA","kid":"one"}"#,
                claims.to_string().as_bytes(),
            );
            token.replace_range(token.len() - 20..token.len() - 19, &forged.to_string());
            let request = Sent::new(b"GET", Some(name.as_bytes()), b"/", &[("x-pin", &token)]);
            let moment = At {
                seconds: NOW,
                verifier: Some(&verifier),
            };
            let decision = decide(&policy, &request, &moment).expect("in scope");
            verified += u32::from(
                decision
                    .refused
                    .iter()
                    .any(|cause| cause == Cause::Signature),
            );
        }
    }
    assert_eq!(verified, 5);
}

#[test]
fn who_sends_no_token_asks_for_no_time() {
    struct Timeless;
    impl Moment for Timeless {
        fn now(&self) -> Timestamp {
            panic!("the time was asked for")
        }
        fn draw(&self) -> u128 {
            panic!("a draw was asked for")
        }
    }
    let policy = Policy::compile(&shop(true, 1));
    for pin in ["", "a", "never", "nonsense"] {
        let _ = judged(&policy, pin.as_bytes(), &Timeless);
    }
    assert!(
        judged(&policy, good().as_bytes(), &Fixed::default()).is_err(),
        "in 1970"
    );
}
