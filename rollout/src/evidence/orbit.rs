//! The orbit of a rollout: everything that could as well have been counted, had the cells fallen to
//! the arms in another way, and how much of it has crossed so far.
//!
//! A unit's hash says in which cell it is, and the 32 cells are equally large parts of its values at
//! any share up to one half. If a version makes no difference to anybody, then the names of the
//! cells say nothing: given what was counted in the cells over the whole rollout, each deal of 16 of
//! them to the canary is equally likely. At every look the deals that look worst cross, as many as
//! may; a deal that crossed has crossed for good. The one that happened is treated as any other, so
//! it is among those that ever cross with a probability of their number in 65,536. That number never
//! passes `alpha`, whenever one looks and stops, with no model of users or of time.
//!
//! It is the randomization test of R. A. Fisher ("The Design of Experiments", 1935), with deals
//! drawn at random and the one that happened among them, which keeps it exact (J. Hemerik and
//! J. Goeman, "Exact testing with random permutations", TEST 27, 2018), carried over many looks by
//! the spending of K. K. G. Lan and D. L. DeMets (Biometrika 70, 1983).

use crate::evidence::deal::{DEALS, DEALT};
use crate::evidence::score::{Scores, UNIT};
use crate::evidence::tally::CELLS;

/// Of four tables of sums each takes so many cells.
const QUARTER: usize = CELLS / 4;

/// One deal in twenty or forty is as far as this: the others are sorted out before the far ones are
/// ranked.
const FAR: i32 = 2 * UNIT;

/// The deals that have crossed, by their numbers: 0 is the one that happened.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Orbit {
    /// In order, each once.
    crossed: Vec<u16>,
    /// `p` when deal 0 crossed.
    crossed_at: Option<f64>,
}

/// What a look at the orbit says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Crossing {
    /// The part of all deals that have crossed or are as far as deal 0, when it crossed or now.
    pub(crate) p: f64,
    /// Deal 0 has crossed, now or before.
    pub(crate) crossed: bool,
    /// Any deal has.
    pub(crate) possible: bool,
}

/// Which way from zero is far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// More in the canary arm.
    Canary,
    /// More in either.
    Either,
}

// === impl Orbit ===

impl Orbit {
    /// The orbit with these crossed deals; each counts once, however often it is named.
    pub(crate) fn restored(mut crossed: Vec<u16>, crossed_at: Option<f64>) -> Self {
        crossed.sort_unstable();
        crossed.dedup();
        let ours = crossed.first() == Some(&0);
        Self {
            crossed_at: crossed_at.filter(|p| ours && (0.0..=1.0).contains(p)),
            crossed,
        }
    }

    pub(crate) fn crossed(&self) -> &[u16] {
        &self.crossed
    }

    pub(crate) fn crossed_at(&self) -> Option<f64> {
        self.crossed_at
    }

    /// Lets deals cross until `allowed` of all have, those first in which the canary's scores are
    /// the largest, in either of `parts`. Deals that are level cross together or not at all.
    pub(crate) fn look(&mut self, parts: &[Scores; 2], side: Side, allowed: f64) -> Crossing {
        let mut statistics = statistics(parts, side);
        // Those that have crossed are out of the race, whatever they look like now.
        for deal in &self.crossed {
            statistics[usize::from(*deal)] = i32::MIN;
        }
        let before = self.crossed.len();
        let ours = statistics[0];
        let p = self.crossed_at.unwrap_or_else(|| {
            let as_far = statistics.iter().filter(|one| **one >= ours).count();
            (before + as_far).min(DEALS) as f64 / DEALS as f64
        });
        let room = ((allowed * DEALS as f64) as usize).saturating_sub(before);
        if room > 0 {
            self.crossed.extend(farthest(&statistics, room));
            self.crossed.sort_unstable();
        }
        let crossed = self.crossed.first() == Some(&0);
        if crossed {
            self.crossed_at = Some(p);
        }
        Crossing {
            p,
            crossed,
            possible: !self.crossed.is_empty(),
        }
    }
}

/// As many deals as there is room for, the farthest, and none of those that are level if there is no
/// room for all of them.
fn farthest(statistics: &[i32], room: usize) -> Vec<u16> {
    let beyond = |bar: i32| -> Vec<(i32, u16)> {
        let deals = statistics.iter().copied().zip(0..=u16::MAX);
        deals.filter(|(one, _)| *one > bar).collect()
    };
    let mut far = beyond(FAR);
    if far.len() <= room {
        far = beyond(i32::MIN);
    }
    if far.len() > room {
        // The first that does not fit, from above: all that are larger do.
        let (_, (bar, _), _) = far.select_nth_unstable_by(room, |a, b| b.0.cmp(&a.0));
        let bar = *bar;
        far.truncate(room);
        far.retain(|(one, _)| *one > bar);
    }
    far.into_iter().map(|(_, deal)| deal).collect()
}

/// The sum of the canary's scores less that of the control's in every deal, the larger of both parts.
/// Above `i32::MIN`, which stands for those that have crossed: no sum of 32 scores is larger than six
/// times their length.
fn statistics(parts: &[Scores; 2], side: Side) -> Vec<i32> {
    // Both parts at once: their sums lie side by side in one table.
    let [ones, others, thirds, fourths]: [_; 4] =
        std::array::from_fn(|quarter| sums(parts, quarter * QUARTER));
    let far = |sum: i32| match side {
        Side::Canary => sum,
        Side::Either => sum.abs(),
    };
    DEALT
        .iter()
        .map(|deal| {
            let [a, b, c, d] = deal.to_le_bytes().map(usize::from);
            let sums = [ones[a], others[b], thirds[c], fourths[d]];
            let [one, other] = sums.into_iter().fold([0, 0], plus);
            far(one).max(far(other))
        })
        .collect()
}

/// The sums of the scores of some cells, from this one on, for every choice of those that are the
/// canary's.
fn sums(parts: &[Scores; 2], from: usize) -> [[i32; 2]; 1 << QUARTER] {
    std::array::from_fn(|canarys| {
        let cells = 0..QUARTER;
        let signed = cells.map(|cell| {
            let sign = if canarys >> cell & 1 == 1 { 1 } else { -1 };
            parts.map(|scores| sign * scores[from + cell])
        });
        signed.fold([0, 0], plus)
    })
}

fn plus([a, b]: [i32; 2], [c, d]: [i32; 2]) -> [i32; 2] {
    [a + c, b + d]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores of which the canary has the first so many ones, and the control the others.
    fn ones(canary: usize, control: usize) -> Scores {
        std::array::from_fn(|cell| {
            let slice = cell % 16;
            i32::from(slice < if cell < 16 { canary } else { control }) * UNIT / 32
        })
    }

    #[test]
    fn p_is_that_of_the_hypergeometric_distribution() {
        use statrs::distribution::{DiscreteCDF, Hypergeometric};
        for (canary, control) in [(8, 0), (10, 2), (9, 3), (6, 6), (3, 9), (16, 0)] {
            let crossing = Orbit::default().look(&[ones(canary, control); 2], Side::Canary, 0.0);
            let among = Hypergeometric::new(32, (canary + control) as u64, 16).unwrap();
            let exact = match canary {
                0 => 1.0,
                some => among.sf(some as u64 - 1),
            };
            // 65,535 deals were drawn, and the one that happened counts too.
            let off = 4.0 * (exact * (1.0 - exact) / DEALS as f64).sqrt() + 1.0 / DEALS as f64;
            assert!(
                (crossing.p - exact).abs() <= off,
                "{canary} and {control}: {} instead of {exact}",
                crossing.p
            );
        }
    }

    #[test]
    fn deals_cross_together_or_not_at_all() {
        // All of eight in the canary arm: about 3 deals in 2,500 do as well.
        let scores = ones(8, 0);
        let level = statistics(&[scores; 2], Side::Canary)
            .iter()
            .filter(|one| **one == 8 * UNIT / 32)
            .count();
        let of_all = |deals: usize| deals as f64 / DEALS as f64;
        let mut orbit = Orbit::default();
        let before = orbit.look(&[scores; 2], Side::Canary, of_all(level - 1));
        assert!(!before.crossed && !before.possible);
        let after = orbit.look(&[scores; 2], Side::Canary, of_all(level));
        assert!(after.crossed && after.p == of_all(level));
        assert_eq!(orbit.crossed().len(), level);
        let later = orbit.look(&[ones(0, 8); 2], Side::Canary, of_all(level));
        assert!(later.crossed, "what has crossed has crossed for good");
        assert_eq!(later.p, after.p);
    }

    #[test]
    fn either_side_is_far() {
        for scores in [ones(12, 1), ones(1, 12)] {
            let either = Orbit::default().look(&[scores; 2], Side::Either, 0.01);
            assert!(either.crossed);
        }
        let other = Orbit::default().look(&[ones(1, 12); 2], Side::Canary, 0.01);
        assert!(!other.crossed && other.p > 0.99);
    }

    #[test]
    fn everything_crosses_where_everything_may() {
        let mut orbit = Orbit::default();
        orbit.look(&[ones(3, 3); 2], Side::Canary, 1.0);
        assert_eq!(orbit.crossed().len(), DEALS);
        assert!(orbit.look(&[ones(3, 3); 2], Side::Canary, 1.0).crossed);
    }

    #[test]
    fn restored_counts_each_once() {
        let orbit = Orbit::restored(vec![7, 0, 7, 3, 0], Some(0.5));
        assert_eq!(orbit.crossed(), [0, 3, 7]);
        assert_eq!(orbit.crossed_at(), Some(0.5));
        assert_eq!(Orbit::restored(vec![3], Some(0.5)).crossed_at(), None);
        assert_eq!(Orbit::restored(vec![0], Some(f64::NAN)).crossed_at(), None);
    }
}
