//! Shares over time, and times and shares as texts.

use crate::bytes::Bytes;
use crate::naive::line::{parts, shares_at};
use coalmine::bucket::{POSITIONS, Share};
use coalmine::config::{Canaries, RampPoint, Shape, read_json};
use coalmine::{Policy, Timestamp};
use std::sync::LazyLock;

/// The first and the last millisecond that a config can write.
const FIRST: i64 = -62_167_219_200_000;
const LAST: i64 = 253_402_300_799_999;

static SHOP: LazyLock<Canaries> = LazyLock::new(|| {
    let json = r#"{"apiVersion":"coalmine.dev/v1alpha1","kind":"Canary","metadata":{"name":"shop"},
        "spec":{"hosts":["shop"],"default":"stable","variants":{"stable":{},
        "a":{"max":"33.3333%"},"b":{"max":"33.3333%"},"c":{"max":"33.3334%"}}}}"#;
    read_json(json.as_bytes()).unwrap()
});

/// A text that is a share or a time is shown as what it says; any other input is points of a ramp,
/// whose shares at some moments must be those of exact fractions, and between those around.
pub fn ramp(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        if let Ok(share) = Share::parse(text) {
            assert_eq!(Share::parse(&share.to_string()), Ok(share));
        }
        if let Some(time) = Timestamp::parse(text) {
            // An offset may lead out of the years that have four digits.
            if (FIRST..=LAST).contains(&time.unix_millis()) {
                assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
            }
        }
    }
    let mut bytes = Bytes::new(data);
    let mut canaries = SHOP.clone();
    let canary = &mut canaries.canaries[0];
    // With one, two and three variants beside the default.
    let keep = 2 + usize::from(bytes.byte() % 3);
    canary.spec.variants.truncate(keep);
    let names: Vec<String> = canary
        .spec
        .variants
        .iter()
        .skip(1)
        .map(|(name, _)| name.clone())
        .collect();
    canary.spec.shares = shares(&names, &mut bytes);
    let mut ramp = Vec::new();
    for _ in 0..bytes.byte() % 5 {
        ramp.push(RampPoint {
            at: time(&mut bytes),
            shape: match bytes.byte() % 2 {
                0 => Shape::Step,
                _ => Shape::Linear,
            },
            shares: shares(&names, &mut bytes),
        });
    }
    // As the reader wants it.
    ramp.sort_by_key(|point| point.at);
    ramp.dedup_by_key(|point| point.at);
    if let Some(first) = ramp.first_mut() {
        first.shape = Shape::Step;
    }
    canary.spec.ramp = ramp;
    let policy = Policy::compile(&canaries);
    while !bytes.is_empty() {
        check(&canaries, &policy, time(&mut bytes));
    }
    let at: Vec<Timestamp> = canaries.canaries[0]
        .spec
        .ramp
        .iter()
        .map(|point| point.at)
        .collect();
    for at in at {
        for now in [-1, 0, 1].map(|by| at.unix_millis() + by) {
            check(&canaries, &policy, Timestamp::from_unix_millis(now));
        }
    }
}

fn check(canaries: &Canaries, policy: &Policy, now: Timestamp) {
    let spec = &canaries.canaries[0].spec;
    let canary = &policy.canaries()[0];
    let decided = canary.parts(now).map(|part| {
        let name = canary.variant_name(part.variant).to_owned();
        (
            name,
            i128::from(part.start),
            i128::from(part.share.millionths()),
        )
    });
    let naive = parts(spec, &shares_at(spec, now.unix_millis()));
    let naive = naive
        .into_iter()
        .map(|part| (part.variant, part.start, part.length));
    let (decided, naive): (Vec<_>, Vec<_>) = (decided.collect(), naive.collect());
    assert_eq!(decided, naive, "{now}: {spec:#?}");
}

fn time(bytes: &mut Bytes<'_>) -> Timestamp {
    // Often near to each other, else anywhere.
    let millis = match bytes.byte() % 2 {
        0 => 1_800_000_000_000 + i64::from(bytes.word()),
        _ => FIRST + (bytes.long() % (LAST - FIRST).unsigned_abs()) as i64,
    };
    Timestamp::from_unix_millis(millis)
}

fn shares(names: &[String], bytes: &mut Bytes<'_>) -> Vec<(String, Share)> {
    let mut shares = Vec::new();
    for name in names {
        if !bytes.byte().is_multiple_of(4) {
            let millionths = bytes.word() % (POSITIONS + 1);
            shares.push((name.clone(), Share::from_millionths(millionths).unwrap()));
        }
    }
    shares
}
