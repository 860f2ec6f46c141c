//! Who is counted in which arm, and who stays when shares change.

use coalmine::arm::{Arm, SLICES};
use coalmine::bucket::{Bucket, POSITIONS, Share};
use coalmine::config::{Condition, Evidence, Named, Outcome, Rule, Test};
use coalmine::{Policy, decide};
use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use crate::request::{Fixed, Sent};
use crate::written::{alone, canary, share};

const NAMES: [&str; 4] = ["a", "b", "c", "z"];

fn policy(shares: &[u32]) -> Policy {
    let max = (shares.len() >= 3).then(|| POSITIONS / shares.len() as u32);
    let names: Vec<(&str, Option<u32>)> = NAMES[..shares.len()]
        .iter()
        .map(|name| (*name, max))
        .collect();
    let mut canary = canary(&names);
    canary.spec.shares = names
        .iter()
        .zip(shares)
        .map(|((name, _), millionths)| ((*name).to_owned(), share(*millionths)))
        .collect::<Vec<(String, Share)>>();
    canary.spec.evidence = Some(Evidence::default());
    canary.spec.rules.push(Rule {
        name: "everyone".to_owned(),
        when: Condition::Header(Named {
            name: "x-ruled".to_owned(),
            test: Test::Present(true),
        }),
        outcome: Outcome::Shares(canary.spec.shares.clone()),
    });
    Policy::compile(&alone(canary))
}

fn asked(unit: &str, more: Option<(&str, &str)>) -> Sent {
    let mut headers = vec![("x-user-id", unit)];
    headers.extend(more);
    Sent::new(b"GET", Some(b"shop"), b"/", &headers)
}

/// The name of the arm, the slice, and the variant that serves.
fn counted(policy: &Policy, unit: &str) -> Option<(String, u8, String)> {
    let decision = decide(policy, &asked(unit, None), &Fixed::default())?;
    let drawn = decision.drawn?;
    let arm = drawn.arm.name(decision.canary).to_owned();
    Some((arm, drawn.slice, decision.variant_name().to_owned()))
}

/// The same by the page of the formula, slowly and in wide integers.
fn by_the_page(shares: &[u32], unit: &str) -> Option<(String, u8, String)> {
    if shares.iter().all(|share| *share == 0) {
        return None;
    }
    let hash = xxh3_64(&[b"shop\x1f", unit.as_bytes()].concat());
    let position = |hash: u64| (u128::from(hash) * 1_000_000) >> 64;
    let slice = (hash % 16) as u8;
    let max = u128::from(POSITIONS) / shares.len() as u128;
    let at = position(hash);
    for (number, share) in shares.iter().enumerate() {
        let share = u128::from(*share);
        let start = match (shares.len(), number) {
            (1, _) | (2, 0) => 0,
            (2, _) => 1_000_000 - share,
            _ => max * number as u128,
        };
        if (start..start + share).contains(&at) {
            let name = NAMES[number].to_owned();
            return Some((name.clone(), slice, name));
        }
    }
    let largest = u128::from(*shares.iter().max()?);
    let control = if shares.len() == 1 {
        at >= 1_000_000 - largest
    } else {
        let second = xxh3_64(&[b"shop\x1e".as_slice(), &hash.to_le_bytes()].concat());
        let default = 1_000_000 - shares.iter().map(|share| u128::from(*share)).sum::<u128>();
        position(second) * default < largest * 1_000_000
    };
    let arm = if control { "control" } else { "rest" };
    Some((arm.to_owned(), slice, "stable".to_owned()))
}

fn shares() -> impl Strategy<Value = Vec<u32>> {
    (1..=NAMES.len())
        .prop_flat_map(|count| proptest::collection::vec(0..=POSITIONS / count as u32, count))
}

proptest! {
    #[test]
    fn an_arm_is_what_the_page_says(shares in shares(), unit in "[a-z0-9-]{1,20}") {
        prop_assert_eq!(counted(&policy(&shares), &unit), by_the_page(&shares, &unit));
    }

    #[test]
    fn while_shares_grow_nobody_leaves_the_control_cohort_except_into_a_variant(
        before in shares(),
        growth in proptest::collection::vec(0.0..=1.0f64, NAMES.len()),
        units in proptest::collection::vec("[a-z0-9-]{1,20}", 50),
    ) {
        let most = POSITIONS / before.len() as u32;
        let after: Vec<u32> = before
            .iter()
            .zip(growth)
            .map(|(share, growth)| share + (f64::from(most - share) * growth) as u32)
            .collect();
        let (before, after) = (policy(&before), policy(&after));
        for unit in units {
            let Some((arm, slice, _)) = counted(&before, &unit) else { continue };
            let Some((later, later_slice, _)) = counted(&after, &unit) else {
                panic!("{unit} is drawn no more");
            };
            prop_assert_eq!(slice, later_slice, "{}", unit);
            if arm == "control" {
                prop_assert_ne!(&later, "rest", "{}", unit);
            } else if arm != "rest" {
                prop_assert_eq!(&later, &arm, "{}", unit);
            }
        }
    }

    #[test]
    fn who_was_not_drawn_is_in_no_arm(shares in shares(), unit in "[a-z0-9-]{1,20}") {
        let policy = policy(&shares);
        let ruled = asked(&unit, Some(("x-ruled", "1")));
        let decision = decide(&policy, &ruled, &Fixed::default()).expect("in scope");
        prop_assert_eq!(decision.drawn, None);
        let nobody = Sent::new::<&str>(b"GET", Some(b"shop"), b"/", &[]);
        let decision = decide(&policy, &nobody, &Fixed::default()).expect("in scope");
        prop_assert_eq!(decision.drawn, None);
    }
}

/// The control cohort is as large as the largest variant, and slices are equal parts of each arm:
/// within five standard deviations of a fair draw.
#[test]
fn arms_and_slices_are_as_large_as_they_say() {
    const UNITS: u32 = 40_000;
    for shares in [
        vec![50_000],
        vec![500_000],
        vec![700_000],
        vec![100_000, 250_000],
        vec![100_000, 50_000, 200_000],
    ] {
        let policy = policy(&shares);
        let mut arms = std::collections::BTreeMap::new();
        for unit in 0..UNITS {
            let (arm, slice, _) = counted(&policy, &format!("user-{unit}")).expect("drawn");
            *arms.entry((arm, slice)).or_insert(0u32) += 1;
        }
        let fair = |count: u32, part: f64, of: u32| {
            let expected = f64::from(of) * part;
            (f64::from(count) - expected).abs() <= 5.0 * (expected * (1.0 - part)).sqrt()
        };
        let of_arm = |arm: &str| -> Vec<u32> {
            let slices = (0..SLICES).map(|slice| arms.get(&(arm.to_owned(), slice)));
            slices
                .map(|count| count.copied().unwrap_or_default())
                .collect()
        };
        let largest = *shares.iter().max().expect("a share");
        let default = POSITIONS - shares.iter().sum::<u32>();
        let control = f64::from(largest.min(default)) / 1e6;
        assert!(
            fair(of_arm(Arm::CONTROL).iter().sum(), control, UNITS),
            "{shares:?} {arms:?}"
        );
        for arm in NAMES[..shares.len()].iter().copied().chain([Arm::CONTROL]) {
            let all = of_arm(arm).iter().sum();
            for count in of_arm(arm) {
                assert!(fair(count, 1.0 / 16.0, all), "{shares:?} {arm} {arms:?}");
            }
        }
    }
}

/// A random draw has no unit, and is in an arm all the same.
#[test]
fn random_draws_are_in_arms() {
    let mut one = canary(&[("a", None)]);
    one.spec.shares = vec![("a".to_owned(), share(500_000))];
    one.spec.unit = Vec::new();
    one.spec.when_no_unit = coalmine::config::WhenNoUnit::Random;
    one.spec.evidence = Some(Evidence::default());
    let policy = Policy::compile(&alone(one));
    let nobody = Sent::new::<&str>(b"GET", Some(b"shop"), b"/", &[]);
    for draw in [0u128, 1 << 63, u128::from(u64::MAX)] {
        let moment = Fixed {
            draw,
            ..Fixed::default()
        };
        let decision = decide(&policy, &nobody, &moment).expect("in scope");
        let drawn = decision.drawn.expect("drawn");
        let bucket = Bucket::from_draw(draw);
        let of_variant = bucket.position().millionths() < 500_000;
        assert_eq!(drawn.arm == Arm::Control, !of_variant, "{draw:x}");
        assert_eq!(u64::from(drawn.slice), bucket.hash() % 16);
    }
}
