//! Single looks, and any sequence of them.

use coalmine_rollout::evidence::{
    Arms, Limit, Look, Mismatch, Mixture, SLICES, Sequential, Settings, Tally, Verdict, detectable,
    over_limit,
};
use proptest::prelude::*;
use serde_json::{from_str, to_string};

const SETTINGS: Settings = Settings {
    alpha: 0.01,
    tolerance: 0.1,
};

fn tally(requests: u64, bad: u64) -> Tally {
    Tally { requests, bad }
}

/// Arms of which every slice has the same.
fn even(canary: Tally, control: Tally) -> Arms {
    Arms {
        canary: [canary; SLICES],
        control: [control; SLICES],
    }
}

fn counts() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..200u64, 1 => Just(u64::MAX), 1 => any::<u64>(), 1 => Just(0)]
}

fn tallies() -> impl Strategy<Value = Tally> {
    (counts(), counts()).prop_map(|(requests, bad)| tally(requests, bad))
}

fn arms() -> impl Strategy<Value = Arms> {
    let slices = || prop::array::uniform16(tallies());
    (slices(), slices()).prop_map(|(canary, control)| Arms { canary, control })
}

fn numbers() -> impl Strategy<Value = f64> {
    prop_oneof![2 => 0.0..1.0, 1 => any::<f64>(), 1 => Just(f64::NAN), 1 => Just(f64::INFINITY)]
}

fn check_look(look: &Look) {
    assert!((0.0..=1.0).contains(&look.p), "{look:?}");
    assert!((0.0..=1.0).contains(&look.allowed), "{look:?}");
    let numbers = [
        look.canary_rate,
        look.control_rate,
        look.ratio,
        look.step_ratio,
    ];
    for number in numbers.into_iter().flatten() {
        assert!(number.is_finite() && number >= 0.0, "{look:?}");
    }
    assert!(look.verdict != Verdict::Harm || look.crossed, "{look:?}");
}

/// The state, written and read again.
fn again<T: serde::Serialize + serde::de::DeserializeOwned>(state: &T) -> T {
    from_str(&to_string(state).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_counts_in_any_order_are_taken(
        looks in prop::collection::vec((arms(), prop::option::of(arms())), 1..6),
        alpha in numbers(), tolerance in numbers(), effect in numbers(), rate in numbers(),
    ) {
        let settings = Settings { alpha, tolerance };
        let (mut test, mut mismatch, mut mixture) =
            (Sequential::default(), Mismatch::default(), Mixture::default());
        for (now, began) in &looks {
            let look = test.look(&settings, now, began.as_ref());
            check_look(&look);
            prop_assert!(look.crossed == (look.p <= look.allowed) || look.crossed);
            check_look(&mismatch.look(&settings, now));
            check_look(&mixture.look(&settings, now.canary[0], now.control[1], effect));
            prop_assert_eq!(&again(&test), &test);
            prop_assert_eq!(&again(&mismatch), &mismatch);
            prop_assert_eq!(&again(&mixture), &mixture);
            let limit = Limit { rate, requests: now.canary[2].requests };
            prop_assert!(over_limit(now.canary[3], limit).is_none_or(|seen| seen > rate));
            let ratio = detectable(&settings, now.canary[4].requests, rate, effect);
            // With so many requests that rounding is all there is, the least that can be seen is no
            // difference at all.
            prop_assert!(ratio.is_none_or(|ratio| ratio.is_finite() && ratio >= 1.0 - 1e-9));
        }
    }

    #[test]
    fn it_crosses_where_p_is_allowed_and_stays_so(
        looks in prop::collection::vec(arms(), 1..8),
    ) {
        let settings = Settings { alpha: 0.3, tolerance: 0.0 };
        let mut test = Sequential::default();
        let mut before: Option<Look> = None;
        for now in &looks {
            let look = test.look(&settings, now, None);
            match before {
                Some(before) if before.crossed => {
                    prop_assert!(look.crossed && look.p == before.p);
                }
                _ => prop_assert_eq!(look.crossed, look.p <= look.allowed, "{:?}", look),
            }
            before = Some(look);
        }
    }

    #[test]
    fn arms_that_are_swapped_mirror_a_mismatch(now in arms()) {
        let swapped = Arms { canary: now.control, control: now.canary };
        let (one, other) = (Mismatch::default().look(&SETTINGS, &now),
            Mismatch::default().look(&SETTINGS, &swapped));
        // Of deals drawn at random, not all: their complements are others.
        prop_assert!((one.p - other.p).abs() < 0.012, "{} and {}", one.p, other.p);
    }
}

#[test]
fn verdicts() {
    let check = |now: Arms, began: Option<Arms>, verdict: Verdict| {
        let look = Sequential::default().look(&SETTINGS, &now, began.as_ref());
        assert_eq!(look.verdict, verdict, "{look:?}");
    };
    let same = |bad| even(tally(1_000, bad), tally(1_000, bad));
    check(Arms::default(), None, Verdict::TooLittle);
    check(same(0), None, Verdict::TooLittle);
    check(same(5), None, Verdict::TooLittle);
    check(even(tally(1_000, 10), tally(1_000, 5)), None, Verdict::Harm);
    check(
        even(tally(1_000, 5), tally(1_000, 10)),
        None,
        Verdict::NoHarm,
    );
    check(even(tally(1_000, 5), tally(1_000, 0)), None, Verdict::Harm);
    // Far more than chance, and too little to matter.
    check(
        even(tally(1_000_000, 10_500), tally(1_000_000, 10_000)),
        None,
        Verdict::NoHarm,
    );
    // Eight bad ones say something if all are the canary's and each is in a slice of its own.
    let mut eight = even(tally(50, 0), tally(50, 0));
    eight.canary[..8].fill(tally(50, 1));
    check(eight, None, Verdict::Harm);
    eight.canary[..2].fill(tally(50, 0));
    eight.canary[8] = tally(50, 3);
    check(eight, None, Verdict::TooLittle);
    // One user who fails always is one user.
    let mut one = even(tally(1_000, 5), tally(1_000, 5));
    for slice in 0..SLICES {
        one.canary[slice].bad += slice as u64 % 3;
        one.control[slice].bad += slice as u64 % 4;
    }
    one.canary[3] = tally(2_000, 1_005);
    check(one, None, Verdict::NoHarm);
    // Healthy for long, and bad since the step began.
    let healthy = even(tally(100_000, 500), tally(100_000, 500));
    let mut late = even(tally(101_000, 530), tally(101_000, 505));
    late.control[0].bad += 1;
    check(late, Some(healthy), Verdict::Harm);
    check(late, None, Verdict::NoHarm);
}

#[test]
fn a_look_explains_itself() {
    let now = even(tally(1_000, 10), tally(1_000, 5));
    let look = Sequential::default().look(&SETTINGS, &now, Some(&Arms::default()));
    assert_eq!(look.canary_rate, Some(0.01));
    assert_eq!(look.control_rate, Some(0.005));
    assert_eq!((look.ratio, look.step_ratio), (Some(2.0), Some(2.0)));
    assert_eq!((look.allowed, look.matters_from), (0.0015, 1.1));
    assert_eq!(look.p, 1.0 / 65_536.0);
    assert!(
        (look.detectable_rate.unwrap() - 0.0090).abs() < 1e-4,
        "{look:?}"
    );
    let written = to_string(&look).unwrap();
    assert!(
        written.starts_with(r#"{"verdict":"harm","p":0.0000152"#),
        "{written}"
    );
}

#[test]
fn a_mismatch_is_seen_either_way() {
    let check = |canary: u64, control: u64, verdict| {
        // Slices differ a little, as those of users do.
        let mut now = even(tally(0, 0), tally(0, 0));
        for slice in 0..SLICES {
            let more = slice as u64 % 4;
            now.canary[slice].requests = canary + more;
            now.control[slice].requests = control + 3 - more;
        }
        let settings = Settings {
            alpha: 0.001,
            tolerance: 0.05,
        };
        let look = Mismatch::default().look(&settings, &now);
        assert_eq!(look.verdict, verdict, "{look:?}");
    };
    check(1_000, 1_000, Verdict::NoHarm);
    check(1_200, 1_000, Verdict::Harm);
    check(1_000, 1_200, Verdict::Harm);
    check(1_020, 1_000, Verdict::NoHarm);
    check(0, 0, Verdict::TooLittle);
}

#[test]
fn a_limit_needs_requests() {
    let limit = Limit {
        rate: 0.2,
        requests: 20,
    };
    assert_eq!(over_limit(tally(20, 5), limit), Some(0.25));
    assert_eq!(over_limit(tally(20, 4), limit), None, "not above it");
    assert_eq!(over_limit(tally(19, 19), limit), None, "too few");
    assert_eq!(
        over_limit(
            tally(0, 7),
            Limit {
                rate: 0.2,
                requests: 0
            }
        ),
        None
    );
}

#[test]
fn a_state_of_another_version_is_refused() {
    let written = to_string(&Sequential::default()).unwrap();
    assert_eq!(written, r#"{"version":1,"first":0.0,"crossed":[]}"#);
    let other = written.replace(r#""version":1"#, r#""version":2"#);
    let error = from_str::<Sequential>(&other).unwrap_err().to_string();
    assert!(
        error.contains("version 2") && error.contains("start the rollout again"),
        "{error}"
    );
    assert!(from_str::<Mismatch>(&other).is_err());
    let mixture = to_string(&Mixture::default()).unwrap();
    assert!(from_str::<Mixture>(&mixture.replace(r#""version":1"#, r#""version":0"#)).is_err());
}
