//! What is written can be read, and times are those of a calendar that others wrote.

use coalmine::bucket::Share;
use coalmine::config::{IssueCookie, RampPoint, SameSite, Shape, WhenNoUnit, plugin_json, read};
use coalmine::{Node, Timestamp};
use proptest::prelude::*;

use crate::rules::rules;
use crate::written::{alone, canary, share};

/// From 0000-01-01 to the last millisecond of 9999.
const MILLIS: std::ops::Range<i64> = -62_167_219_200_000..253_402_300_800_000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn times_are_shown_as_jiff_shows_them(millis in MILLIS) {
        // jiff's range ends a day before its last year does, to leave room for offsets.
        prop_assume!(millis < 253_402_200_000_000);
        let ours = Timestamp::from_unix_millis(millis);
        let theirs: jiff::Timestamp = ours.to_string().parse().expect("RFC 3339");
        prop_assert_eq!(theirs.as_millisecond(), millis);
        prop_assert_eq!(Timestamp::parse(&ours.to_string()), Some(ours));
    }

    #[test]
    fn times_are_read_as_jiff_reads_them(
        (year, month, day) in (0i32..=9998, 1u8..=13, 0u8..=32),
        (hour, minute, second) in (0u8..=24, 0u8..=60, 0u8..=59),
        fraction in "(\\.[0-9]{1,9})?",
        offset in "(Z|z|[+-](0[0-9]|1[0-9]|2[0-3]):[0-5][0-9])",
    ) {
        let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{offset}");
        let ours = Timestamp::parse(&text).map(Timestamp::unix_millis);
        let theirs = text.parse::<jiff::Timestamp>().ok().map(|time| {
            // jiff rounds towards zero, we towards the past.
            i64::try_from(time.as_nanosecond().div_euclid(1_000_000)).expect("it fits")
        });
        prop_assert_eq!(ours, theirs, "{}", text);
    }

    #[test]
    fn a_share_is_read_as_it_is_shown(millionths in 0u32..=1_000_000) {
        let share = share(millionths);
        prop_assert_eq!(Share::parse(&share.to_string()), Ok(share));
        let text = format!("{}.{:04} %", millionths / 10_000, millionths % 10_000);
        prop_assert_eq!(Share::parse(&text), Ok(share));
    }

    #[test]
    fn a_share_is_never_read_as_more_than_all(text in "[0-9. %+-]{0,12}") {
        if let Ok(share) = Share::parse(&text) {
            let number: f64 = text.trim().trim_end_matches('%').trim().parse().expect("a number");
            prop_assert_eq!(share.millionths(), (number * 10_000.0).round() as u32);
        }
    }

    #[test]
    fn a_config_is_read_as_it_is_written(
        rules in rules(),
        (a, b) in (0u32..=500_000, 0u32..=500_000),
        (salt, header) in ("[a-z]{1,20}", "x-[a-z]{1,8}"),
        (start, hours, linear) in (0i64..4_000_000_000_000, 1i64..1_000, any::<bool>()),
        cookie in proptest::option::of((any::<Option<bool>>(), any::<Option<bool>>(), proptest::option::of(0u32..99_999))),
    ) {
        let mut shop = canary(&[("a", Some(500_000)), ("b", Some(500_000)), ("c", Some(0))]);
        shop.namespace = Some("web".to_owned());
        shop.spec.rules = rules;
        shop.spec.shares = vec![("b".to_owned(), share(b)), ("a".to_owned(), share(a))];
        shop.spec.pins.header = Some(header);
        shop.spec.salt = Some(salt);
        let point = |at, shape| RampPoint {
            at: Timestamp::from_unix_millis(at),
            shape,
            shares: vec![("a".to_owned(), share(b)), ("b".to_owned(), share(a))],
        };
        let shape = if linear { Shape::Linear } else { Shape::Step };
        shop.spec.ramp = vec![point(start, Shape::Step), point(start + hours * 3_600_000, shape)];
        if let Some((secure, http_only, max_age)) = cookie {
            shop.spec.when_no_unit = WhenNoUnit::IssueCookie;
            let same_site = Some(SameSite::Strict);
            shop.spec.issue_cookie = Some(IssueCookie { secure, http_only, max_age, same_site, ..IssueCookie::default() });
        }
        let canaries = alone(shop);
        let json = plugin_json(&canaries).expect("it can be written");
        let node: Node = serde_json::from_str(&json).expect("JSON");
        let (again, found) = read([(0, &node)]);
        // Random rules shadow each other; everything else about them is sound.
        let other = found.iter().find(|problem| problem.code != "unreachable-rule");
        prop_assert!(other.is_none(), "{:?}", other);
        prop_assert_eq!(again, canaries);
    }
}
