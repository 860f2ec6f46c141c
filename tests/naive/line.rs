//! The line: shares at a time, whose part is where, and arms.

use coalmine::config::{Shape, Spec};
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64;

const POSITIONS: i128 = 1_000_000;

/// The part of a variant beside the default.
pub(crate) struct Part {
    pub(crate) variant: String,
    pub(crate) start: i128,
    pub(crate) length: i128,
}

/// The share of each variant in millionths; one that is not there has none.
pub(crate) fn shares_at(spec: &Spec, now: i64) -> BTreeMap<String, u32> {
    let said = spec.shares.iter();
    let mut held: BTreeMap<String, u32> = said
        .map(|(name, share)| (name.clone(), share.millionths()))
        .collect();
    let mut from = None;
    for point in &spec.ramp {
        let mut then = held.clone();
        for (name, share) in &point.shares {
            then.insert(name.clone(), share.millionths());
        }
        let at = point.at.unix_millis();
        if at <= now {
            (held, from) = (then, Some(at));
            continue;
        }
        // The point that is yet to come: either a jump, or the end of a line from the one before.
        if let (Some(from), Shape::Linear) = (from, point.shape) {
            for (name, end) in then {
                let start = i128::from(held.get(&name).copied().unwrap_or_default());
                let gone = i128::from(now) - i128::from(from);
                let whole = i128::from(at) - i128::from(from);
                // Division drops what is behind the point, so it is rounded towards the start.
                let share = start + (i128::from(end) - start) * gone / whole;
                held.insert(name, u32::try_from(share).unwrap());
            }
        }
        break;
    }
    held
}

/// Each variant's part, in the byte order of their names.
pub(crate) fn parts(spec: &Spec, shares: &BTreeMap<String, u32>) -> Vec<Part> {
    let mut drawn: Vec<_> = spec.variants.iter().collect();
    drawn.retain(|(name, _)| *name != spec.default);
    drawn.sort_by(|(one, _), (other, _)| one.as_bytes().cmp(other.as_bytes()));
    let mut before = 0;
    let mut parts = Vec::new();
    for (number, (name, variant)) in drawn.iter().enumerate() {
        let length = i128::from(shares.get(name).copied().unwrap_or_default());
        let start = match (drawn.len(), number) {
            (1 | 2, 0) => 0,
            (2, _) => POSITIONS - length,
            _ => before,
        };
        before += variant.max.map_or(0, |max| i128::from(max.millionths()));
        parts.push(Part {
            variant: name.clone(),
            start,
            length,
        });
    }
    parts
}

pub(super) fn position(hash: u64) -> i128 {
    (i128::from(hash) * POSITIONS) >> 64
}

pub(super) fn owner(parts: &[Part], position: i128) -> Option<String> {
    let mut parts = parts.iter();
    let owner = parts.find(|part| (part.start..part.start + part.length).contains(&position))?;
    Some(owner.variant.clone())
}

/// The arm and the slice of who was drawn.
pub(super) fn arm(parts: &[Part], salt: &str, hash: u64, owner: Option<String>) -> (String, u8) {
    let largest = parts.iter().map(|part| part.length).max().unwrap_or(0);
    let drawn: i128 = parts.iter().map(|part| part.length).sum();
    let control = if parts.len() < 2 {
        position(hash) >= POSITIONS - largest
    } else {
        let second = xxh3_64(&[salt.as_bytes(), b"\x1e", &hash.to_le_bytes()].concat());
        position(second) * (POSITIONS - drawn).max(0) < largest * POSITIONS
    };
    let default = if control { "control" } else { "rest" };
    let arm = owner.unwrap_or_else(|| default.to_owned());
    (arm, (hash % 16) as u8)
}
