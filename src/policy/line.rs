//! The line: who owns which part of it at a moment.
//!
//! With one or two non-default variants their parts grow from the two ends, in the byte order of
//! their names. With more, each grows within its own territory, as long as its `max`. Either way a
//! part only gains positions while its share grows, and only loses some while it shrinks.

use super::VariantId;
use crate::Timestamp;
use crate::bucket::{Position, Share};

/// The shares of a canary and where they lie.
#[derive(Debug)]
pub(crate) struct Line {
    territories: Box<[Territory]>,
    base: FixedShares,
    /// By time.
    ramp: Box<[RampPoint]>,
}

/// Where a variant's part of the line grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Territory {
    pub(super) variant: VariantId,
    pub(super) grows: Growth,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Growth {
    /// Upwards from this position.
    From(u32),
    /// Downwards from the end of the line.
    FromTheEnd,
}

/// Shares by variant number.
#[derive(Clone, Debug)]
pub(crate) struct FixedShares(Box<[Share]>);

#[derive(Debug)]
pub(super) struct RampPoint {
    pub(super) at: Timestamp,
    pub(super) linear: bool,
    pub(super) shares: FixedShares,
}

/// A variant and its part of the line: from `start`, `share` long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Whose part it is.
    pub variant: VariantId,
    /// Its first position.
    pub start: u32,
    /// Its length.
    pub share: Share,
}

// === impl FixedShares ===

impl FixedShares {
    #[inline]
    pub(super) fn of(&self, variant: VariantId) -> Share {
        self.0.get(variant.index()).copied().unwrap_or_default()
    }

    /// None for so many variants.
    pub(super) fn none(variants: usize) -> Self {
        Self(vec![Share::NONE; variants].into())
    }

    pub(super) fn set(&mut self, variant: VariantId, share: Share) {
        if let Some(slot) = self.0.get_mut(variant.index()) {
            *slot = share;
        }
    }
}

// === impl Territory ===

impl Territory {
    #[inline]
    fn part(self, share: Share) -> Part {
        let start = match self.grows {
            Growth::From(start) => start,
            Growth::FromTheEnd => share.start_from_the_end(),
        };
        Part {
            variant: self.variant,
            start,
            share,
        }
    }
}

// === impl Line ===

impl Line {
    pub(super) fn new(
        territories: Vec<Territory>,
        base: FixedShares,
        ramp: Vec<RampPoint>,
    ) -> Self {
        Self {
            territories: territories.into(),
            base,
            ramp: ramp.into(),
        }
    }

    /// Whether the shares depend on the time.
    #[inline]
    pub(crate) fn moves(&self) -> bool {
        !self.ramp.is_empty()
    }

    /// Each variant's part; `shares` are a rule's own, else those of the canary at `now`.
    #[inline]
    pub(crate) fn parts(
        &self,
        shares: Option<&FixedShares>,
        now: Option<Timestamp>,
    ) -> impl Iterator<Item = Part> {
        self.territories.iter().map(move |territory| {
            let share = match (shares, now) {
                (Some(shares), _) => shares.of(territory.variant),
                (None, Some(now)) => self.share_at(territory.variant, now),
                (None, None) => self.base.of(territory.variant),
            };
            territory.part(share)
        })
    }

    /// The least share with which a variant owns a position; `None` if no share reaches it.
    pub(super) fn least_share(&self, variant: VariantId, position: Position) -> Option<Share> {
        let mut territories = self.territories.iter();
        let territory = territories.find(|territory| territory.variant == variant)?;
        let before = match territory.grows {
            Growth::From(start) => position.millionths().checked_sub(start)?,
            Growth::FromTheEnd => Share::ALL
                .millionths()
                .checked_sub(position.millionths())?
                .checked_sub(1)?,
        };
        Share::from_millionths(before.checked_add(1)?)
    }

    /// Who owns a position.
    #[inline]
    pub(crate) fn owner(
        position: Position,
        mut parts: impl Iterator<Item = Part>,
    ) -> Option<VariantId> {
        parts
            .find(|part| position.lies_in(part.start, part.share))
            .map(|part| part.variant)
    }

    fn share_at(&self, variant: VariantId, now: Timestamp) -> Share {
        let passed = self.ramp.partition_point(|point| point.at <= now);
        let before = passed.checked_sub(1).and_then(|index| self.ramp.get(index));
        let Some(before) = before else {
            return self.base.of(variant);
        };
        let held = before.shares.of(variant);
        match self.ramp.get(passed) {
            Some(next) if next.linear => {
                between(held, next.shares.of(variant), before.at, next.at, now)
            }
            _ => held,
        }
    }
}

/// On the straight line from one point to the next, rounded towards the first.
fn between(from: Share, to: Share, start: Timestamp, end: Timestamp, now: Timestamp) -> Share {
    let since = |time: Timestamp| {
        let millis = time.unix_millis().checked_sub(start.unix_millis())?;
        u64::try_from(millis).ok()
    };
    let step = from.millionths().abs_diff(to.millionths());
    let moved = || u32::try_from(part(step, since(now)?, since(end)?)?).ok();
    // Only between times that no calendar has it stands still.
    let moved = moved().unwrap_or(0);
    let share = match from < to {
        true => from.millionths().saturating_add(moved),
        false => from.millionths().saturating_sub(moved),
    };
    Share::from_millionths(share).unwrap_or(from)
}

/// `floor(step * gone / whole)`, for a step of a million and all the milliseconds of 9,999 years, whose
/// product has more than 64 bits: as in division by hand, ten bits of the step at a time.
fn part(step: u32, gone: u64, whole: u64) -> Option<u64> {
    const BITS: u64 = 1 << 10;
    let (high, low) = (u64::from(step) / BITS, u64::from(step) % BITS);
    let by_high = high.checked_mul(gone)?;
    let left = by_high.checked_rem(whole)?.checked_mul(BITS)?;
    let left = left.checked_add(low.checked_mul(gone)?)?;
    let by_high = by_high.checked_div(whole)?.checked_mul(BITS)?;
    by_high.checked_add(left.checked_div(whole)?)
}
