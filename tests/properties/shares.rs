//! Who stays and who moves when shares change, and how many are in.

use coalmine::bucket::Share;
use coalmine::config::{Condition, Outcome, RampPoint, Rule, Shape, Test};
use coalmine::{Observer, Policy, Step, Timestamp, decide_observed};
use proptest::prelude::*;

use crate::request::{Fixed, Sent};
use crate::sequence::growing_share_keeps_everyone;
use crate::written::{alone, canary, share};

const NAMES: [&str; 4] = ["a", "b", "c", "z"];

/// Where the shares stand in the config.
#[derive(Clone, Copy, Debug)]
enum Written {
    InTheSpec,
    InARule,
}

/// Shares of so many variants that fit on the line together: each below its part of the cuts.
fn shares(count: usize) -> impl Strategy<Value = Vec<u32>> {
    proptest::collection::vec(0..=1_000_000 / count as u32, count)
}

fn two_states() -> impl Strategy<Value = (Vec<u32>, Vec<u32>)> {
    (1..=NAMES.len()).prop_flat_map(|count| (shares(count), shares(count)))
}

fn policy(shares: &[u32], written: Written) -> Policy {
    let max = (shares.len() >= 3).then(|| 1_000_000 / shares.len() as u32);
    let names: Vec<(&str, Option<u32>)> = NAMES[..shares.len()]
        .iter()
        .map(|name| (*name, max))
        .collect();
    let mut canary = canary(&names);
    let shares: Vec<(String, Share)> = names
        .iter()
        .zip(shares)
        .map(|((name, _), millionths)| ((*name).to_owned(), share(*millionths)))
        .collect();
    match written {
        Written::InTheSpec => canary.spec.shares = shares,
        Written::InARule => canary.spec.rules.push(Rule {
            name: "everyone".to_owned(),
            when: Condition::Path(Test::Prefix("/".to_owned())),
            outcome: Outcome::Shares(shares),
        }),
    }
    Policy::compile(&alone(canary))
}

/// Sees the shares in force.
#[derive(Default)]
struct Parts(Vec<(usize, u32)>);

impl Observer for Parts {
    fn step(&mut self, step: Step<'_>) {
        if let Step::Part(part) = step {
            self.0.push((part.variant.index(), part.share.millionths()));
        }
    }
}

/// The variant's name, its share, and the shares of all by name.
fn drawn(policy: &Policy, unit: &str, now: i64) -> (String, Vec<(String, u32)>) {
    let request = Sent::new(b"GET", Some(b"shop"), b"/", &[("x-user-id", unit)]);
    let moment = Fixed {
        now: Timestamp::from_unix_millis(now),
        draw: 0,
    };
    let mut parts = Parts::default();
    let decision = decide_observed(policy, &request, &moment, &mut parts).expect("in scope");
    // Variants are numbered in the order of their names, and `stable` stands between `c` and `z`.
    let all = ["a", "b", "c"];
    let name = |index: usize| match decision.canary.default_variant().index() {
        default if index < default => all[index].to_owned(),
        _ => "z".to_owned(),
    };
    let shares = parts
        .0
        .iter()
        .map(|(index, share)| (name(*index), *share))
        .collect();
    (decision.variant_name().to_owned(), shares)
}

/// Nobody leaves a variant whose share did not shrink, nobody joins one whose share did not grow.
fn check_moves(from: (&Policy, i64), to: (&Policy, i64), units: u32) -> Result<(), TestCaseError> {
    for unit in 0..units {
        let unit = format!("user-{unit}");
        let (had, before) = drawn(from.0, &unit, from.1);
        let (has, after) = drawn(to.0, &unit, to.1);
        let share = |shares: &[(String, u32)], wanted: &str| {
            shares
                .iter()
                .find(|(name, _)| name == wanted)
                .map(|(_, share)| *share)
        };
        if had != has {
            if had != "stable" {
                prop_assert!(
                    share(&after, &had) < share(&before, &had),
                    "{} left {}",
                    unit,
                    had
                );
            }
            if has != "stable" {
                prop_assert!(
                    share(&after, &has) > share(&before, &has),
                    "{} joined {}",
                    unit,
                    has
                );
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn growing_keeps_and_shrinking_lets_nobody_in((from, to) in two_states()) {
        for written in [Written::InTheSpec, Written::InARule] {
            check_moves((&policy(&from, written), 0), (&policy(&to, written), 0), 200)?;
        }
    }

    #[test]
    fn a_ramp_moves_nobody_against_its_direction(
        (from, to) in two_states(),
        step in any::<bool>(),
        mut moments in proptest::collection::vec(0i64..3_000_000, 4),
    ) {
        let max = (from.len() >= 3).then(|| 1_000_000 / from.len() as u32);
        let names: Vec<(&str, Option<u32>)> = NAMES[..from.len()].iter().map(|name| (*name, max)).collect();
        let mut canary = canary(&names);
        let point = |at: i64, shape, shares: &[u32]| RampPoint {
            at: Timestamp::from_unix_millis(at),
            shape,
            shares: names.iter().zip(shares).map(|((name, _), s)| ((*name).to_owned(), share(*s))).collect(),
        };
        let shape = if step { Shape::Step } else { Shape::Linear };
        canary.spec.ramp = vec![point(1_000_000, Shape::Step, &from), point(2_000_000, shape, &to)];
        let policy = Policy::compile(&alone(canary));
        moments.sort_unstable();
        for pair in moments.windows(2) {
            check_moves((&policy, pair[0]), (&policy, pair[1]), 100)?;
        }
    }
}

/// The first and the last millisecond of the years that have four digits.
const MILLIS: std::ops::Range<i64> = -62_167_219_200_000..253_402_300_800_000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Over weeks as over millennia, where a million times the milliseconds has more than 64 bits.
    #[test]
    fn a_line_has_the_share_of_the_exact_fraction(
        (from, to) in (0..=1_000_000u32, 0..=1_000_000u32),
        (start, length) in prop_oneof![(Just(MILLIS.start), Just(315_569_519_999_999)), (MILLIS, 1..10_000_000_000i64)],
        part in 0.0..1.0f64,
    ) {
        let mut shop = canary(&[("a", None)]);
        let point = |at, shape, millionths| RampPoint {
            at: Timestamp::from_unix_millis(at),
            shape,
            shares: vec![("a".to_owned(), share(millionths))],
        };
        shop.spec.ramp = vec![
            point(start, Shape::Step, from),
            point(start + length, Shape::Linear, to),
        ];
        let policy = Policy::compile(&alone(shop));
        let gone = ((length as f64) * part) as i64;
        let mut parts = policy.canaries()[0].parts(Timestamp::from_unix_millis(start + gone));
        let moved = (i128::from(to) - i128::from(from)) * i128::from(gone) / i128::from(length);
        let share = parts.next().map(|part| i128::from(part.share.millionths()));
        prop_assert_eq!(share, Some(i128::from(from) + moved));
    }
}

#[test]
fn a_growing_share_keeps_everyone() {
    growing_share_keeps_everyone(1_000);
}

/// The variants' measured shares over a million units, within four standard deviations.
fn check_measured(shares: &[u32]) {
    const UNITS: u32 = 1_000_000;
    let policy = policy(shares, Written::InTheSpec);
    let mut request = Sent::new(b"GET", Some(b"shop"), b"/", &[("x-user-id", "")]);
    let mut counts = vec![0u32; NAMES.len() + 1];
    for unit in 0..UNITS {
        let sent = &mut request.headers.last_mut().expect("the unit's header").1;
        sent.clear();
        sent.extend_from_slice(&unit.to_be_bytes());
        let decision = coalmine::decide(&policy, &request, &Fixed::default()).expect("in scope");
        counts[decision.variant.index()] += 1;
    }
    // `stable` is the last of the names here, so the variants' numbers are those of their shares.
    for (share, count) in shares.iter().zip(counts) {
        let p = f64::from(*share) / 1e6;
        let deviation = (f64::from(UNITS) * p * (1.0 - p)).sqrt();
        let off = f64::from(count) - f64::from(UNITS) * p;
        assert!(
            off.abs() <= 4.0 * deviation,
            "{count} units for {share} millionths: {off} off"
        );
    }
}

#[test]
fn one_variant_gets_its_share_of_a_million_units() {
    check_measured(&[50_000]);
}

#[test]
fn two_variants_get_their_shares_of_a_million_units() {
    check_measured(&[1_000, 300_000]);
}

#[test]
fn three_variants_get_their_shares_of_a_million_units() {
    check_measured(&[100_000, 250_000, 10]);
}
