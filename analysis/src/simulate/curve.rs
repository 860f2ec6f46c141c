//! Shares over the times of a ramp.

use super::report::Simulation;
use super::run::{Run, simulate};
use coalmine::config::Canary;
use coalmine::{Policy, Timestamp};
use serde::Serialize;

/// The times that a curve is drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// The first.
    pub from: Timestamp,
    /// The last.
    pub to: Timestamp,
    /// How many, these two among them.
    pub points: usize,
}

/// Shares of all requests over time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    /// The canary.
    pub canary: String,
    /// The variants beside the default, which has the rest.
    pub variants: Vec<String>,
    /// The default.
    pub default: String,
    /// How many units each point is made of, the same at each.
    pub units: u64,
    /// By time.
    pub points: Vec<CurvePoint>,
}

/// The shares at a time, 0 to 1, by the number of the variant in the curve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CurvePoint {
    /// When.
    pub at: Timestamp,
    /// Of all requests, as they came out.
    pub seen: Vec<f64>,
    /// Of the line, as asked.
    pub asked: Vec<f64>,
}

impl Times {
    /// Each of them, evenly spaced.
    pub fn each(self) -> impl Iterator<Item = Timestamp> {
        let (from, to) = (self.from.unix_millis(), self.to.unix_millis());
        let steps = self.points.saturating_sub(1).max(1) as i128;
        (0..self.points.max(1)).map(move |point| {
            let whole = i128::from(to) - i128::from(from);
            let moved = whole * point as i128 / steps;
            Timestamp::from_unix_millis((i128::from(from) + moved) as i64)
        })
    }
}

/// From a little before the ramp's first point to a little behind its last; none without a ramp.
pub fn ramp_times(canary: &Canary, points: usize) -> Option<Times> {
    const HOUR: i64 = 3_600_000;
    let ramp = &canary.spec.ramp;
    let first = ramp.first()?.at.unix_millis();
    let last = ramp.last()?.at.unix_millis();
    let margin = match last.saturating_sub(first) {
        0 => HOUR,
        span => (span / 20).max(1),
    };
    Some(Times {
        from: Timestamp::from_unix_millis(first.saturating_sub(margin)),
        to: Timestamp::from_unix_millis(last.saturating_add(margin)),
        points,
    })
}

/// Simulates the same units at each of the times.
pub fn curve(
    policy: &Policy,
    canary: &Canary,
    run: &Run<'_>,
    times: Times,
    mut progress: impl FnMut(u64),
) -> Curve {
    let mut variants: Vec<String> = canary
        .spec
        .variants
        .iter()
        .map(|(name, _)| name.clone())
        .filter(|name| *name != canary.spec.default)
        .collect();
    variants.sort();
    let full_name = canary.full_name();
    let mut compiled = policy.canaries().iter();
    let compiled = compiled.find(|compiled| compiled.name() == full_name);
    let points = times.each().map(|now| {
        let run = Run { now, ..run.clone() };
        let simulation = simulate(policy, canary, &run, &mut progress);
        let mut asked = vec![0.0; variants.len()];
        for part in compiled.iter().flat_map(|compiled| compiled.parts(now)) {
            let name = compiled.map(|compiled| compiled.variant_name(part.variant));
            let index = variants
                .iter()
                .position(|known| Some(known.as_str()) == name);
            if let Some(asked) = index.and_then(|index| asked.get_mut(index)) {
                *asked = f64::from(part.share.millionths()) / 1e6;
            }
        }
        CurvePoint {
            at: now,
            seen: variants
                .iter()
                .map(|name| share_of(&simulation, name))
                .collect(),
            asked,
        }
    });
    Curve {
        points: points.collect(),
        canary: full_name,
        default: canary.spec.default.clone(),
        units: run.units,
        variants,
    }
}

fn share_of(simulation: &Simulation, variant: &str) -> f64 {
    let outcomes = simulation.outcomes.iter();
    outcomes
        .filter(|outcome| outcome.variant == variant)
        .map(|outcome| outcome.share)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_evenly_spaced_and_both_ends_are_there() {
        let check = |from, to, points, expected: &[i64]| {
            let times = Times {
                from: Timestamp::from_unix_millis(from),
                to: Timestamp::from_unix_millis(to),
                points,
            };
            let each: Vec<i64> = times.each().map(Timestamp::unix_millis).collect();
            assert_eq!(each, expected);
        };
        check(0, 10, 3, &[0, 5, 10]);
        check(0, 10, 4, &[0, 3, 6, 10]);
        check(5, 5, 2, &[5, 5]);
        check(0, 10, 1, &[0]);
        check(0, 10, 0, &[0]);
        check(i64::MIN, i64::MAX, 2, &[i64::MIN, i64::MAX]);
    }
}
