//! By whose clock is read what was counted.

use crate::{plan, vector};
use coalmine::Timestamp;
use coalmine_rollout::reading::{Clocks, Span, between, is_due, parse, span, time};
use proptest::prelude::*;
use serde_json::json;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_millis(seconds * 1000)
}

/// Readings every 30 s, with a delay of 5 s.
fn spans(read_until: Option<i64>, ours: i64, theirs: i64) -> Span {
    let clocks = Clocks {
        ours: at(ours),
        theirs: at(theirs),
    };
    span(
        &plan("evidence: {}", "").analysis,
        read_until.map(at),
        clocks,
    )
}

#[test]
fn spans_are_of_prometheus_time() {
    let check = |read_until: Option<i64>, theirs: i64, expected: Span| {
        // What the clock here says makes no difference.
        for ours in [0, theirs, 9_000_000] {
            assert_eq!(spans(read_until, ours, theirs), expected, "{ours}");
        }
    };
    check(None, 1_000, Span::From(at(995)));
    check(Some(965), 1_000, Span::Between(at(965), at(995)));
    // The delay was raised meanwhile: nothing is counted twice.
    check(Some(995), 1_000, Span::Nothing);
    check(Some(1_000), 1_000, Span::Nothing);
    // Prometheus' clock was put back.
    check(Some(1_001), 1_000, Span::From(at(995)));
}

#[test]
fn it_is_read_every_so_often_by_the_clock_here() {
    let check = |read_at: Option<i64>, now: i64, expected: bool| {
        let analysis = plan("evidence: {}", "").analysis;
        assert_eq!(is_due(&analysis, read_at.map(at), at(now)), expected);
    };
    check(None, 1_000, true);
    check(Some(1_000), 1_000, false);
    check(Some(1_000), 1_029, false);
    check(Some(1_000), 1_030, true);
    // A clock that was put back does not keep from reading until it is there again.
    check(Some(9_000), 1_000, true);
}

/// However far the clocks are apart, what is read is as fresh as it is.
#[test]
fn a_reading_is_placed_by_the_clock_here() {
    for apart in [-3_600, -4, 0, 4, 3_600] {
        let clocks = Clocks {
            ours: at(10_000 + apart),
            theirs: at(10_000),
        };
        let plan = plan("evidence: {}", "");
        let stamps = || vector(vec![(json!({"instance": "a"}), "9990.5".to_owned())]);
        let answers = [stamps(), vector(Vec::new())];
        let reading = between(&plan, (at(9_965), at(9_995)), clocks, &answers, &answers);
        assert_eq!(reading.from, Some(at(9_965 + apart)));
        assert_eq!(reading.until, Some(at(9_995)));
        let sampled = Timestamp::from_unix_millis((9_990 + apart) * 1000 + 500);
        assert_eq!(reading.sampled, Some(sampled));
    }
}

#[test]
fn a_clock_that_is_wrong_is_told() {
    let check = |apart: i64, expected: Option<&str>| {
        let clocks = Clocks {
            ours: at(1_000 + apart),
            theirs: at(1_000),
        };
        let said = clocks.differ();
        let said = said.map(|said| said.split(" Prometheus").next().unwrap().to_owned());
        assert_eq!(said.as_deref(), expected);
    };
    check(0, None);
    check(2, None);
    check(-2, None);
    check(3, Some("the clock here is about 5s ahead of"));
    check(-3, Some("the clock here is about 5s behind"));
    check(601, Some("the clock here is about 10m ahead of"));
    check(-599, Some("the clock here is about 10m behind"));
}

#[test]
fn the_time_is_that_of_an_answer() {
    let scalar = |value: &str| {
        let page =
            json!({"status": "success", "data": {"resultType": "scalar", "result": [0, value]}});
        time(parse(page.to_string().as_bytes()))
    };
    assert_eq!(
        scalar("1764148800.25"),
        Ok(Timestamp::from_unix_millis(1_764_148_800_250))
    );
    assert!(scalar("NaN").unwrap_err().contains("what time it is"));
    assert!(time(vector(Vec::new())).is_err());
    assert_eq!(time(Err("away".to_owned())), Err("away".to_owned()));
}

proptest! {
    /// Readings that follow each other leave nothing out and count nothing twice, whatever the clocks
    /// say and however the delay is changed.
    #[test]
    fn spans_join(turns in prop::collection::vec((0_i64..90, -5_000_i64..5_000, 0_u32..60_000), 1..20)) {
        let mut analysis = plan("evidence: {}", "").analysis;
        let (mut theirs, mut until) = (at(100_000), None);
        for (gone, apart, delay) in turns {
            theirs = Timestamp::from_unix_millis(theirs.unix_millis() + gone * 1000);
            analysis.delay = delay;
            let ours = Timestamp::from_unix_millis(theirs.unix_millis() + apart * 1000);
            match span(&analysis, until, Clocks { ours, theirs }) {
                Span::From(begin) => {
                    prop_assert_eq!(until, None);
                    until = Some(begin);
                }
                Span::Between(from, to) => {
                    prop_assert_eq!(Some(from), until);
                    prop_assert!(from < to && to <= theirs);
                    until = Some(to);
                }
                Span::Nothing => {}
            }
        }
    }
}
