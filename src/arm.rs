//! Arms: whom a rollout compares with whom, and the slices that each arm is cut into.
//!
//! Who is drawn is in one arm: a variant beside the default, the control cohort, or the rest of the
//! default. The control cohort is a part of the default's territory that is as long as the largest
//! variant, so that both see equally many users, of whom none is moved by being in it. With one
//! variant beside the default it is the mirror of that variant's part, `[1 - p, 1)`; with more it is
//! drawn by a second hash, `xxh3_64(salt ++ 0x1e ++ hash of the unit)` with the first hash as 8
//! bytes, little-endian. While shares grow nobody leaves it except into a variant.
//!
//! `docs/bucketing.md` tells the formula for other languages, and `tests/vectors/` has examples: it
//! is a format, as the bucket is.

use crate::bucket::{Bucket, POSITIONS};
use crate::policy::{CanaryPolicy, Part, VariantId};

/// Each arm is cut into so many slices, by further bits of the same hash: the differences between
/// users show in the differences between slices.
pub const SLICES: u8 = 16;

/// Stands between salt and first hash in the second one, where a unit has `0x1f`.
const SEPARATOR: u8 = 0x1e;

/// Whom a request that was drawn is counted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arm {
    /// Drawn into a variant beside the default.
    Variant(VariantId),
    /// Drawn into the default, and compared with the variants.
    Control,
    /// Drawn into the default.
    Rest,
}

/// Where the draw put a request, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// The arm.
    pub arm: Arm,
    /// The slice of it, 0 to 15.
    pub slice: u8,
}

// === impl Arm ===

impl Arm {
    /// The name of the control cohort.
    pub const CONTROL: &str = "control";
    /// The name of the rest.
    pub const REST: &str = "rest";

    /// Its name in metrics: the variant's, `control` or `rest`.
    pub fn name(self, canary: &CanaryPolicy) -> &str {
        match self {
            Self::Variant(variant) => canary.variant_name(variant),
            Self::Control => Self::CONTROL,
            Self::Rest => Self::REST,
        }
    }
}

// === impl Drawn ===

impl Drawn {
    /// The arm and slice of a bucket that `owner` has drawn, `None` for the default.
    ///
    /// Kept out of line: most requests are not counted, and pay for what stands in their way.
    #[inline(never)]
    pub(crate) fn of(
        canary: &CanaryPolicy,
        bucket: Bucket,
        owner: Option<VariantId>,
        parts: impl Iterator<Item = Part>,
    ) -> Self {
        let arm = match owner {
            Some(variant) => Arm::Variant(variant),
            None if in_control(canary, bucket, parts) => Arm::Control,
            None => Arm::Rest,
        };
        Self {
            arm,
            slice: slice(bucket),
        }
    }
}

/// The lowest bits: a position is made of the highest twenty.
fn slice(bucket: Bucket) -> u8 {
    (bucket.hash() as u8) & SLICES.wrapping_sub(1)
}

/// Whether a bucket of the default's territory lies in the control cohort.
fn in_control(canary: &CanaryPolicy, bucket: Bucket, parts: impl Iterator<Item = Part>) -> bool {
    let (mut count, mut largest, mut drawn) = (0u32, 0u32, 0u32);
    for part in parts {
        let share = part.share.millionths();
        count = count.saturating_add(1);
        largest = largest.max(share);
        drawn = drawn.saturating_add(share);
    }
    if count < 2 {
        let start = POSITIONS.saturating_sub(largest);
        return bucket.position().millionths() >= start;
    }
    let second = second_bucket(&canary.salted, bucket).position();
    let default = POSITIONS.saturating_sub(drawn);
    // Both products are below 10^12.
    u64::from(second.millionths()).saturating_mul(u64::from(default))
        < u64::from(largest).saturating_mul(u64::from(POSITIONS))
}

/// The second hash; `salted` ends in the separator of units.
fn second_bucket(salted: &[u8], bucket: Bucket) -> Bucket {
    let salt = salted.split_last().map_or(salted, |(_, salt)| salt);
    Bucket::of_parts(&[salt, &[SEPARATOR], &bucket.hash().to_le_bytes()])
}
