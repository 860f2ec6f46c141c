//! The published formula: where a unit falls on the line, and what a share of the line is.
//!
//! `bucket = xxh3_64(salt ++ 0x1f ++ unit) / 2^64`, and its position in millionths is
//! `floor(bucket * 1_000_000)`. `docs/bucketing.md` tells it for other languages, and
//! `tests/vectors/` holds units with their positions. Changing anything here moves every user of
//! every canary: it is a format, not an implementation.

use core::fmt;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// The line has a million positions, so the finest step of a share is 0.0001 %.
pub const POSITIONS: u32 = 1_000_000;

/// Stands between salt and unit, so that (`ab`, `c`) and (`a`, `bc`) differ.
pub const SEPARATOR: u8 = 0x1f;

/// Salt, separator and unit up to this many bytes are hashed in one go on the stack.
const ON_STACK: usize = 192;

/// A position on the line, 0 to 999,999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(u32);

/// The 64-bit hash of a unit under a salt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket(u64);

/// A part of the line in millionths, 0 to 1,000,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

// === impl Bucket ===

impl Bucket {
    /// The bucket of `unit` under `salt`.
    pub fn of(salt: &[u8], unit: &[u8]) -> Self {
        let mut salted = Vec::with_capacity(salt.len().saturating_add(1));
        salted.extend_from_slice(salt);
        salted.push(SEPARATOR);
        Self::of_salted(&salted, unit)
    }

    /// Like [`Bucket::of`] for a salt that ends in the separator already, as the policy keeps it.
    #[inline]
    pub(crate) fn of_salted(salted: &[u8], unit: &[u8]) -> Self {
        let mut stack = [0u8; ON_STACK];
        let whole = salted.len().saturating_add(unit.len());
        if let Some((head, tail)) = stack
            .get_mut(..whole)
            .and_then(|both| both.split_at_mut_checked(salted.len()))
        {
            head.copy_from_slice(salted);
            tail.copy_from_slice(unit);
            return Self(xxh3_64(stack.get(..whole).unwrap_or_default()));
        }
        let mut hasher = Xxh3::new();
        hasher.update(salted);
        hasher.update(unit);
        Self(hasher.digest())
    }

    /// The bucket of these bytes, one behind the other.
    pub(crate) fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = Xxh3::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.digest())
    }

    /// A bucket from a random draw, for requests that have no unit.
    pub fn from_draw(draw: u128) -> Self {
        Self((draw & u128::from(u64::MAX)) as u64)
    }

    /// The hash itself, for vectors and explanations.
    #[inline]
    pub fn hash(self) -> u64 {
        self.0
    }

    /// `floor(hash * 1_000_000 / 2^64)`, in 64-bit integers because wasm32 has no wider multiply.
    #[inline]
    pub fn position(self) -> Position {
        const LOW: u64 = 0xffff_ffff;
        let million = u64::from(POSITIONS);
        // Neither product passes 2^52, and their sum does not pass 2^53.
        let low = (self.0 & LOW).wrapping_mul(million) >> 32;
        let high = (self.0 >> 32).wrapping_mul(million);
        Position((high.wrapping_add(low) >> 32) as u32)
    }
}

// === impl Position ===

impl Position {
    /// The position in millionths.
    #[inline]
    pub fn millionths(self) -> u32 {
        self.0
    }

    /// Whether the position lies in the part of the line that starts at `start` and is `share` long.
    #[inline]
    pub fn lies_in(self, start: u32, share: Share) -> bool {
        self.0
            .checked_sub(start)
            .is_some_and(|offset| offset < share.0)
    }
}

// === impl Share ===

impl Share {
    /// Nothing of the line.
    pub const NONE: Self = Self(0);
    /// The whole line.
    pub const ALL: Self = Self(POSITIONS);

    /// A share of so many millionths; `None` over 1,000,000.
    pub fn from_millionths(millionths: u32) -> Option<Self> {
        (millionths <= POSITIONS).then_some(Self(millionths))
    }

    /// The share in millionths.
    #[inline]
    pub fn millionths(self) -> u32 {
        self.0
    }

    /// Where a part of this length starts that ends where the line ends.
    #[inline]
    pub fn start_from_the_end(self) -> u32 {
        POSITIONS.saturating_sub(self.0)
    }

    /// Reads `5%`, `0.0001%` or `33.3333 %`: a percentage with at most four decimals.
    ///
    /// # Errors
    /// What is wrong with it, in words that follow "the share".
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let number = text
            .trim()
            .strip_suffix('%')
            .ok_or("needs a percent sign, like `5%`")?
            .trim_end();
        let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() || (number.contains('.') && decimals.is_empty()) {
            return Err("is not a number with a percent sign, like `5%` or `0.5%`");
        }
        if !number
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
            || decimals.contains('.')
        {
            return Err("is not a number with a percent sign, like `5%` or `0.5%`");
        }
        if decimals.len() > 4 {
            return Err("is finer than 0.0001%, the finest step there is");
        }
        // "5.25" is 525 with two of the four decimals there are: filling up gives 52,500 millionths.
        let digits = format!("{whole}{decimals:0<4}");
        digits
            .parse::<u32>()
            .ok()
            .and_then(Self::from_millionths)
            .ok_or("is over 100%")
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0 / 10_000;
        let decimals = format!("{:04}", self.0 % 10_000);
        match decimals.trim_end_matches('0') {
            "" => write!(f, "{whole}%"),
            decimals => write!(f, "{whole}.{decimals}%"),
        }
    }
}

impl serde::Serialize for Share {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
