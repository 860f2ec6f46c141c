//! By how much each cell speaks against the version.
//!
//! A **cell** is one slice of one arm. What is bad in it, beyond what the rate of both arms together
//! has it expect, is taken on the scale of the square root (F. J. Anscombe, "The transformation of
//! Poisson, binomial and negative-binomial data", Biometrika 35, 1948). For many requests of many
//! users that is as good as the difference itself, and one user with a hundred bad requests counts
//! as ten: the largest cells do not drown the others.

use crate::evidence::tally::{Arms, CELLS};

/// Scores are integers, so that deals which are level are so exactly, in whatever order they are
/// added. The sum of their squares is the square of this.
pub(crate) const UNIT: i32 = 1 << 24;

/// What the root is taken of is more by this much, which makes the scatter of small counts even.
const ANSCOMBE: f64 = 0.375;

/// One for each cell, those of the canary first; above zero where more is bad than expected. They
/// depend on what the cells hold, and not on whose cells they are.
pub(crate) type Scores = [i32; CELLS];

/// The scores of bad requests, all 0 where nothing was counted.
pub(crate) fn of_bad(arms: &Arms) -> Scores {
    let Some(rate) = arms.canary_sum().plus(arms.control_sum()).rate() else {
        return [0; CELLS];
    };
    scaled(arms.cells().map(|cell| {
        let expected = rate * cell.requests as f64;
        (cell.bad as f64 + ANSCOMBE).sqrt() - (expected + ANSCOMBE).sqrt()
    }))
}

/// The scores of requests themselves.
pub(crate) fn of_requests(arms: &Arms) -> Scores {
    scaled(
        arms.cells()
            .map(|cell| (cell.requests as f64 + ANSCOMBE).sqrt()),
    )
}

/// Moved to a mean of 0, and scaled to a length of [`UNIT`]. Sums are taken in the order of size, so
/// that they are the same for the same cells in any order, to the last bit.
fn scaled(cells: [f64; CELLS]) -> Scores {
    let mut sorted = cells;
    sorted.sort_unstable_by(f64::total_cmp);
    let mean = sorted.iter().sum::<f64>() / CELLS as f64;
    let length = sorted
        .iter()
        .map(|cell| (cell - mean).powi(2))
        .sum::<f64>()
        .sqrt();
    // Where all cells are alike what is left is the error of the sums.
    if length <= 1e-9 * mean.abs().max(1.0) {
        return [0; CELLS];
    }
    cells.map(|cell| ((cell - mean) / length * f64::from(UNIT)).round() as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Tally;

    #[test]
    fn scores_are_scaled_and_speak_against_whose_cells_are_bad() {
        let tally = |bad| Tally { requests: 100, bad };
        let mut arms = Arms {
            canary: [tally(4); 16],
            control: [tally(1); 16],
        };
        let scores = of_bad(&arms);
        assert!(scores[..16].iter().all(|score| *score > 0));
        assert!(scores[16..].iter().all(|score| *score < 0));
        let length = scores
            .iter()
            .map(|one| f64::from(*one).powi(2))
            .sum::<f64>();
        assert!((length.sqrt() / f64::from(UNIT) - 1.0).abs() < 1e-6);
        arms.canary = arms.control;
        assert_eq!(of_bad(&arms), [0; CELLS], "nothing differs");
        assert_eq!(of_requests(&arms), [0; CELLS], "nothing differs");
        assert_eq!(of_bad(&Arms::default()), [0; CELLS], "nothing was counted");
    }

    #[test]
    fn scores_go_with_their_cells() {
        let mut arms = Arms::default();
        for slice in 0..16 {
            let n = slice as u64;
            arms.canary[slice] = Tally {
                requests: 100 + n * n,
                bad: n % 5,
            };
            arms.control[slice] = Tally {
                requests: 90 + 7 * n,
                bad: n % 3,
            };
        }
        let (bad, requests) = (of_bad(&arms), of_requests(&arms));
        let swapped = Arms {
            canary: arms.control,
            control: arms.canary,
        };
        for (scores, before) in [(of_bad(&swapped), bad), (of_requests(&swapped), requests)] {
            assert_eq!(scores[..16], before[16..]);
            assert_eq!(scores[16..], before[..16]);
        }
    }
}
