//! The deals: other ways in which the cells could have fallen to the two arms.
//!
//! There are 601,080,390 ways to give 16 of 32 cells to the canary. These are 65,535 of them, drawn
//! at random once and for all, and as the first the one that happened. Their numbers are kept in the
//! state of a rollout, so they are a format: a test holds them.

use crate::evidence::tally::{CELLS, SLICES};
use std::sync::LazyLock;

/// How many deals there are, with the one that happened.
pub(crate) const DEALS: usize = 1 << 16;

/// Which cells are the canary's, one bit each.
pub(crate) static DEALT: LazyLock<Box<[u32]>> = LazyLock::new(|| {
    let mut state = 0;
    (0..DEALS)
        .map(|deal| match deal {
            0 => (1 << SLICES) - 1,
            _ => dealt(&mut state),
        })
        .collect()
});

/// The first half of a shuffle (R. Durstenfeld, 1964).
fn dealt(state: &mut u64) -> u32 {
    let mut cells: [usize; CELLS] = std::array::from_fn(|cell| cell);
    let mut canarys = 0;
    for taken in 0..SLICES {
        let left = (CELLS - taken) as u64;
        // Of the upper 32 bits, so the bias of scaling is below one in a hundred million.
        let next = taken + (((random(state) >> 32) * left) >> 32) as usize;
        cells.swap(taken, next);
        canarys |= 1 << cells[taken];
    }
    canarys
}

/// SplitMix64 (G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number
/// generators", OOPSLA 2014): no crate promises the same shuffle for ever, and these must stay.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deals_are_a_format() {
        // Of the published generator, begun at 0.
        let mut state = 0;
        assert_eq!(random(&mut state), 0xe220_a839_7b1d_cdaf);
        assert_eq!(
            DEALT[..4],
            [0xffff, 3_569_642_980, 1_498_259_819, 1_278_631_451]
        );
        let all = DEALT
            .iter()
            .fold(0u64, |all, deal| all.rotate_left(5) ^ u64::from(*deal));
        assert_eq!(all, 17_584_360_082_824_112_156);
    }

    #[test]
    fn deals_are_fair() {
        assert!(DEALT.iter().all(|deal| deal.count_ones() == 16));
        // Of every pair of cells both are the canary's in 16 * 15 of 32 * 31 deals: 15,856 of all,
        // with a standard deviation of 110.
        for one in 0..CELLS {
            for other in 0..one {
                let pair = 1 << one | 1 << other;
                let both = DEALT.iter().filter(|deal| **deal & pair == pair).count();
                assert!(
                    both.abs_diff(15_856) < 550,
                    "cells {one} and {other}: {both}"
                );
            }
        }
    }
}
