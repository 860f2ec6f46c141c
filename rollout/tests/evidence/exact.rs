//! The promise, by enumeration: of all the ways in which cells could have fallen to the arms, at most
//! `alpha` ever cross.

use coalmine_rollout::evidence::{Arms, SLICES, Sequential, Settings, Tally, Verdict};
use proptest::prelude::*;
use statrs::function::factorial::ln_binomial;

/// So many cells have anything in them, so that the ways to deal the others need not be told apart.
const FULL: usize = 6;
const LOOKS: usize = 4;

/// What every full cell has had at each look.
type Paths = [[Tally; LOOKS]; FULL];

fn paths() -> impl Strategy<Value = Paths> {
    let added = (1..60u64, 0..12u64).prop_map(|(requests, bad)| Tally { requests, bad });
    prop::array::uniform6(prop::array::uniform4(added)).prop_map(|mut paths| {
        for path in &mut paths {
            for look in 1..LOOKS {
                path[look].requests += path[look - 1].requests;
                path[look].bad += path[look - 1].bad;
            }
        }
        paths
    })
}

/// Whether it is ever called harm if these cells are the canary's, one bit each. Full cells of one
/// arm lie in slices of their own, from the last on if `mirrored`.
fn crosses(paths: &Paths, canarys: usize, mirrored: bool, settings: &Settings) -> bool {
    let mut test = Sequential::default();
    let mut began = None;
    (0..LOOKS).any(|look| {
        let mut now = Arms::default();
        let (mut canary, mut control) = (0, 0);
        for (cell, path) in paths.iter().enumerate() {
            let (arm, next) = match canarys >> cell & 1 {
                1 => (&mut now.canary, &mut canary),
                _ => (&mut now.control, &mut control),
            };
            let slice = if mirrored { SLICES - 1 - *next } else { *next };
            arm[slice] = path[look];
            *next += 1;
        }
        let verdict = test.look(settings, &now, began.as_ref()).verdict;
        // A step begins after the second look.
        began = if look == 1 { Some(now) } else { began };
        verdict == Verdict::Harm
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn at_most_alpha_of_all_deals_ever_cross(
        paths in paths(), alpha in prop_oneof![Just(0.2), Just(0.05)], mirrored in any::<bool>(),
    ) {
        let settings = Settings { alpha, tolerance: 0.0 };
        let cells = 2 * SLICES as u64;
        let crossing: f64 = (0..1 << FULL)
            .filter(|canarys| crosses(&paths, *canarys, mirrored, &settings))
            .map(|canarys: usize| {
                // So many deals give the canary these cells, and others that are empty.
                let empty = SLICES as u64 - u64::from(canarys.count_ones());
                (ln_binomial(cells - FULL as u64, empty) - ln_binomial(cells, SLICES as u64)).exp()
            })
            .sum();
        // It is exact over the draw of the 65,536 deals, and for these it is as near as they are to
        // all of them.
        let near = 4.0 * (alpha * (1.0 - alpha) / 65_536.0).sqrt();
        prop_assert!(crossing <= alpha + near, "{} of all cross", crossing);
    }
}
