//! Units with their buckets, for anyone's re-implementation of `docs/bucketing.md`.
//!
//! `hashes.json` has salt and unit in hexadecimal, the hash and the position; `variants.json` has
//! shares, and who gets what under them; `arms.json` who is counted in which arm and slice.
//! `verify.py` recomputes them with another implementation of
//! the hash, `cargo test --test vectors` with ours; `UPDATE=1 cargo test --test vectors` writes them.

use coalmine::bucket::Bucket;
use coalmine::config::read_json;
use coalmine::{Decision, Policy, decide};
use serde_json::{Value, json};

use crate::request::{Fixed, Sent};

/// The hash and position of every unit.
pub(crate) const HASHES: &str = include_str!("hashes.json");
/// The variants of some units under some shares.
pub(crate) const VARIANTS: &str = include_str!("variants.json");

/// The arms and slices of some units under some shares.
pub(crate) const ARMS: &str = include_str!("arms.json");

/// Checks every file.
///
/// # Panics
/// A vector is not what is computed.
pub(crate) fn check() {
    for (text, expected) in [(HASHES, hashes()), (VARIANTS, variants()), (ARMS, arms())] {
        let stored: Value = serde_json::from_str(text).expect("vectors are JSON");
        let (stored, expected) = (list(&stored), list(&expected));
        for (stored, expected) in stored.iter().zip(&expected) {
            assert_eq!(stored, expected);
        }
        assert_eq!(stored.len(), expected.len());
    }
}

fn list(file: &Value) -> Vec<Value> {
    file["vectors"].as_array().cloned().unwrap_or_default()
}

/// Every salt with every unit.
pub(crate) fn hashes() -> Value {
    let salts = [
        "bookinfo/reviews",
        "reviews",
        "reviews-2026-11",
        "größe",
        "a",
    ];
    let vectors = salts.iter().flat_map(|salt| {
        units().into_iter().map(move |unit| {
            let bucket = Bucket::of(salt.as_bytes(), &unit);
            json!({
                "salt": salt,
                "unit": hex(&unit),
                "hash": format!("{:016x}", bucket.hash()),
                "position": bucket.position().millionths(),
            })
        })
    });
    json!({"vectors": vectors.collect::<Vec<_>>()})
}

/// Some configs with every unit, and the variant that each gets.
pub(crate) fn variants() -> Value {
    let configs = [
        json!({"salt": "one", "shares": {"canary": 50_000}}),
        json!({"salt": "one", "shares": {"canary": 200_000}}),
        json!({"salt": "fine", "shares": {"canary": 1}}),
        json!({"salt": "two", "shares": {"blue": 100_000, "red": 250_000}}),
        json!({"salt": "two", "shares": {"blue": 400_000, "red": 600_000}}),
        json!({"salt": "three", "shares": {"a": 100_000, "b": 300_000, "c": 50_000},
            "max": {"a": 500_000, "b": 300_000, "c": 200_000}}),
    ];
    for_each_unit(configs, "variants", |decision| {
        json!(decision.variant_name())
    })
}

/// Some configs with every unit, and the arm and slice that each is counted in.
pub(crate) fn arms() -> Value {
    let configs = [
        json!({"salt": "one", "shares": {"canary": 200_000}}),
        json!({"salt": "one", "shares": {"canary": 600_000}}),
        json!({"salt": "two", "shares": {"blue": 100_000, "red": 250_000}}),
        json!({"salt": "three", "shares": {"a": 100_000, "b": 300_000, "c": 50_000},
            "max": {"a": 500_000, "b": 300_000, "c": 200_000}}),
    ];
    for_each_unit(configs, "arms", |decision| {
        let drawn = decision.drawn.expect("everyone is drawn");
        json!([drawn.arm.name(decision.canary), drawn.slice])
    })
}

fn for_each_unit(
    configs: impl IntoIterator<Item = Value>,
    field: &str,
    of: impl Fn(&Decision<'_>) -> Value,
) -> Value {
    let vectors = configs.into_iter().map(|mut config| {
        let policy = policy(&config);
        // A unit is sent as a header, so the empty one, which is no unit, is left out.
        let found = units()
            .into_iter()
            .filter(|unit| !unit.is_empty())
            .map(|unit| {
                let request = Sent::new(
                    b"GET",
                    Some(b"shop"),
                    b"/",
                    &[(b"x-user-id".as_slice(), unit.as_slice())],
                );
                let decision = decide(&policy, &request, &Fixed::default()).expect("in scope");
                (hex(&unit), of(&decision))
            });
        config[field] = Value::Object(found.collect());
        config
    });
    json!({"vectors": vectors.collect::<Vec<_>>()})
}

fn policy(config: &Value) -> Policy {
    let percent = |millionths: &Value| {
        let millionths = millionths.as_u64().expect("millionths");
        json!(format!(
            "{}.{:04}%",
            millionths / 10_000,
            millionths % 10_000
        ))
    };
    let mut variants = json!({"stable": {}});
    let mut shares = json!({});
    for (name, share) in config["shares"].as_object().expect("shares") {
        shares[name] = percent(share);
        variants[name] = match config["max"].get(name) {
            Some(max) => json!({"max": percent(max)}),
            None => json!({}),
        };
    }
    let canary = json!({
        "apiVersion": "coalmine.dev/v1alpha1",
        "kind": "Canary",
        "metadata": {"name": "shop"},
        "spec": {
            "hosts": ["shop"],
            "variants": variants,
            "default": "stable",
            "unit": [{"header": "x-user-id"}],
            "shares": shares,
            "salt": config["salt"],
            "evidence": {},
        },
    });
    let canaries = read_json(canary.to_string().as_bytes()).expect("a good config");
    Policy::compile(&canaries)
}

/// Short, long and odd ones; the hash takes another way at 17, 129 and 241 bytes of its input.
fn units() -> Vec<Vec<u8>> {
    let mut units: Vec<Vec<u8>> = [
        "",
        "0",
        "a",
        " ",
        "ada",
        "Ada",
        "alice",
        "bob",
        "user@example.com",
        "åse",
        "名前",
        "🐦",
        "\u{1f}",
        "4f9f5b2e-8f1a-4b8e-9c0e-3f1d6a7b8c9d",
        "10.0.0.1",
        "2001:db8::1",
    ]
    .iter()
    .map(|unit| unit.as_bytes().to_vec())
    .collect();
    units.extend((0..30).map(|number| format!("user-{number}").into_bytes()));
    units.extend([
        vec![0xff],
        vec![0x00],
        vec![0xff, 0xfe, 0x80],
        (0..=255).collect(),
    ]);
    units.extend(
        [
            15, 16, 17, 112, 127, 128, 129, 175, 190, 191, 192, 193, 223, 239, 240, 241, 242, 300,
            1100,
        ]
        .map(|length| (0..length).map(|at| b'a' + (at % 26) as u8).collect()),
    );
    units
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
