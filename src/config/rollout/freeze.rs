//! `freeze`: times at which a rollout takes no step forward.

use crate::Timestamp;
use core::fmt;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A time at which a rollout takes no step forward, in UTC. The end does not belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freeze {
    /// Once.
    Once {
        /// Its first moment.
        from: Timestamp,
        /// The first moment after it.
        to: Timestamp,
    },
    /// Every week; over the end of the week if it begins later than it ends.
    Weekly {
        /// Its first minute.
        from: TimeOfWeek,
        /// The first minute after it.
        to: TimeOfWeek,
    },
    /// Every day, in minutes since midnight; over midnight if it begins later than it ends.
    Daily {
        /// Its first minute.
        from: u16,
        /// The first minute after it.
        to: u16,
    },
}

/// Minutes since the beginning of Monday.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOfWeek(pub u16);

/// The days, as they are written.
pub(super) const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Minutes in a day.
pub(super) const DAY: u16 = 1_440;

/// Minutes in a week.
const WEEK: u16 = 10_080;

// === impl Freeze ===

impl Freeze {
    /// When it ends, if `now` lies in it.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        match *self {
            Self::Once { from, to } => (from <= now && now < to).then_some(to),
            // 1970-01-01 was a Thursday.
            Self::Weekly { from, to } => {
                recurring(now, 3_u16.saturating_mul(DAY), (from.0, to.0), WEEK)
            }
            Self::Daily { from, to } => recurring(now, 0, (from, to), DAY),
        }
    }
}

/// When a part of a period ends, if `now` lies in it; all in minutes, and 1970 began `offset` after
/// the beginning of a period.
fn recurring(
    now: Timestamp,
    offset: u16,
    (from, to): (u16, u16),
    period: u16,
) -> Option<Timestamp> {
    const MINUTE: i64 = 60_000;
    let long = |minutes: u16| i64::from(minutes).saturating_mul(MINUTE);
    let at = now
        .unix_millis()
        .saturating_add(long(offset))
        .checked_rem_euclid(long(period))?;
    let (start, end) = (long(from), long(to));
    let left = if start < end {
        (start <= at && at < end).then(|| end.saturating_sub(at))
    } else if at < end {
        Some(end.saturating_sub(at))
    } else {
        (start <= at).then(|| long(period).saturating_sub(at).saturating_add(end))
    };
    let ends = now.unix_millis().saturating_add(left?);
    Some(Timestamp::from_unix_millis(ends))
}

impl Serialize for Freeze {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (from, to) = match self {
            Self::Once { from, to } => (from.to_string(), to.to_string()),
            Self::Weekly { from, to } => (from.to_string(), to.to_string()),
            Self::Daily { from, to } => (clock(*from), clock(*to)),
        };
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("from", &from)?;
        map.serialize_entry("to", &to)?;
        map.end()
    }
}

impl fmt::Display for TimeOfWeek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = self.0.checked_div(DAY).map(usize::from);
        let name = day.and_then(|day| DAYS.get(day)).unwrap_or(&"sun");
        write!(
            f,
            "{name} {}",
            clock(self.0.checked_rem(DAY).unwrap_or_default())
        )
    }
}

/// `09:30`.
fn clock(minutes: u16) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(freeze: Freeze, now: &str, until: Option<&str>) {
        let time = |text| Timestamp::parse(text).unwrap_or(Timestamp::from_unix_millis(0));
        assert_eq!(
            freeze.until(time(now)),
            until.map(time),
            "{freeze:?} at {now}"
        );
    }

    #[test]
    fn windows_hold_their_first_moment_and_not_their_end() {
        let night = Freeze::Daily {
            from: 1_080,
            to: 480,
        };
        check(night, "2026-11-26T17:59:59Z", None);
        check(night, "2026-11-26T18:00:00Z", Some("2026-11-27T08:00:00Z"));
        check(night, "2026-11-27T07:59:59Z", Some("2026-11-27T08:00:00Z"));
        check(night, "2026-11-27T08:00:00Z", None);
        let noon = Freeze::Daily { from: 720, to: 780 };
        check(noon, "2026-11-26T12:30:00Z", Some("2026-11-26T13:00:00Z"));
        check(noon, "2026-11-26T13:00:00Z", None);
        // 2026-11-27 is a Friday.
        let weekend = Freeze::Weekly {
            from: TimeOfWeek(4 * DAY + 960),
            to: TimeOfWeek(480),
        };
        check(weekend, "2026-11-27T15:59:59Z", None);
        check(
            weekend,
            "2026-11-27T16:00:00Z",
            Some("2026-11-30T08:00:00Z"),
        );
        check(
            weekend,
            "2026-11-29T23:59:59Z",
            Some("2026-11-30T08:00:00Z"),
        );
        check(
            weekend,
            "2026-11-30T07:59:59.999Z",
            Some("2026-11-30T08:00:00Z"),
        );
        check(weekend, "2026-11-30T08:00:00Z", None);
        let once = Freeze::Once {
            from: Timestamp::from_unix_millis(0),
            to: Timestamp::from_unix_millis(1_000),
        };
        check(once, "1970-01-01T00:00:00Z", Some("1970-01-01T00:00:01Z"));
        check(once, "1970-01-01T00:00:01Z", None);
    }
}
