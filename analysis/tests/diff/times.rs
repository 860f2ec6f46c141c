//! Ramps: who moves is told of the time at which the most do.

use crate::said::{between, shop};
use coalmine::Timestamp;
use coalmine_analysis::diff::diff;
use coalmine_analysis::sequence::Sequence;
use serde_json::json;

#[test]
fn ramps() {
    let ramp = |share: &str| {
        json!({"ramp": [
            {"at": "2026-11-24T09:00:00Z", "canary": "1%"},
            {"at": "2026-11-24T12:00:00Z", "canary": share, "shape": "linear"},
            {"at": "2026-11-24T18:00:00Z", "canary": "60%"},
        ]})
    };
    let time = |text: &str| Timestamp::parse(text).unwrap();
    let found = between(ramp("50%"), ramp("20%"));
    let users = &found.canaries[0].users[0];
    assert_eq!(users.moved.to_string(), "30%");
    assert_eq!(users.at, Some(time("2026-11-24T12:00:00Z")));
    let at = [time("2026-11-24T10:30:00Z")];
    let found = diff(&shop(ramp("50%")), &shop(ramp("20%")), &at);
    assert_eq!(found.moved.to_string(), "15%");
    let at = [time("2026-11-24T19:00:00Z")];
    assert!(diff(&shop(ramp("50%")), &shop(ramp("20%")), &at).is_empty());
}

/// At no time of a ramp do more users move than the most that is said.
#[test]
fn the_most_over_all_times_is_the_most() {
    let mut sequence = Sequence::new(3);
    for round in 0..60 {
        let mut ramp = |salt: &str| {
            let mut point = |hour: u32, shape: &str| {
                let mut share = || format!("{}%", sequence.next_number() % 51);
                let (blue, green) = (share(), share());
                json!({"at": format!("2026-11-24T{hour:02}:00:00Z"), "shape": shape,
                    "blue": blue, "green": green})
            };
            json!({"variants": {"stable": {}, "blue": {}, "green": {}}, "salt": salt,
                "ramp": [point(9, "step"), point(10, "linear"), point(11, "linear")]})
        };
        let (old, new) = (
            ramp("one"),
            ramp(if round % 4 == 0 { "two" } else { "one" }),
        );
        let (old, new) = (shop(old), shop(new));
        let most = diff(&old, &new, &[]).moved.share();
        for minute in 0..=130 {
            let at = time_of(minute);
            let now = diff(&old, &new, &[at]).moved.share();
            // The product of four lines is no parabola, but nearly one.
            let more = if round % 4 == 0 { 0.02 } else { 3e-6 };
            assert!(now <= most + more, "{round} {at}: {now} over {most}");
        }
    }
}

fn time_of(minute: i64) -> Timestamp {
    let start = Timestamp::parse("2026-11-24T08:55:00Z").unwrap();
    Timestamp::from_unix_millis(start.unix_millis() + minute * 60_000)
}
