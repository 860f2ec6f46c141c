//! A point in time as milliseconds, and RFC 3339 in and out.
//!
//! The filter needs no more of a calendar than this, and a date library would be a third of the
//! module; a property test holds this one against `jiff`.

use core::fmt;

const DAY: i64 = 86_400_000;

/// Milliseconds since 1970-01-01T00:00:00Z, for the years 0 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// A point in time from Unix milliseconds.
    pub fn from_unix_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    pub fn unix_millis(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339, section 5.6: `2026-11-24T09:00:00Z`, `2026-11-24 09:00:00.5+01:00`.
    /// Digits beyond the millisecond are dropped. `None` when it is anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (date, time) = text.split_once(['T', 't', ' '])?;
        let mut date = date.split('-');
        let (year, month, day) = (
            digits(date.next()?, 4)?,
            digits(date.next()?, 2)?,
            digits(date.next()?, 2)?,
        );
        let in_month = days_in(year, month)?;
        if date.next().is_some() || day < 1 || day > in_month {
            return None;
        }
        let (time, offset) = split_offset(time)?;
        let (time, fraction) = match time.split_once('.') {
            Some((time, fraction)) => (time, Some(fraction)),
            None => (time, None),
        };
        let mut time = time.split(':');
        let (hour, minute, second) = (
            digits(time.next()?, 2)?,
            digits(time.next()?, 2)?,
            digits(time.next()?, 2)?,
        );
        if time.next().is_some() || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let millis = fraction.map_or(Some(0), milliseconds)?;
        let seconds = hour
            .checked_mul(60)?
            .checked_add(minute)?
            .checked_sub(offset)?
            .checked_mul(60)?
            .checked_add(second)?;
        days_from_civil(year, month, day)?
            .checked_mul(DAY)?
            .checked_add(seconds.checked_mul(1000)?)?
            .checked_add(millis)
            .map(Self)
    }
}

/// `count` decimal digits, no sign, no blank.
fn digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

fn milliseconds(fraction: &str) -> Option<i64> {
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let three: String = fraction.chars().chain("00".chars()).take(3).collect();
    three.parse().ok()
}

/// The time without its offset, and the offset in minutes.
fn split_offset(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    let at = time.rfind(['+', '-'])?;
    let (time, offset) = time.split_at_checked(at)?;
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let minutes = hours.checked_mul(60)?.checked_add(minutes)?;
    Some((time, minutes.checked_mul(sign)?))
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_in(year: i64, month: i64) -> Option<i64> {
    Some(match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => return None,
    })
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    // Count years from March: the leap day is then the last day of its year.
    let year = if month <= 2 {
        year.checked_sub(1)?
    } else {
        year
    };
    let month = (month.checked_add(9)?) % 12;
    let leap_days = year
        .div_euclid(4)
        .checked_sub(year.div_euclid(100))?
        .checked_add(year.div_euclid(400))?;
    let before_month = month.checked_mul(153)?.checked_add(2)? / 5;
    year.checked_mul(365)?
        .checked_add(leap_days)?
        .checked_add(before_month)?
        .checked_add(day)?
        // 0000-03-01 is day 1 of this count; 1970-01-01 is day 719,469.
        .checked_sub(719_469)
}

/// The date of a day since 1970-01-01: the other way round.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    // A guess that is never too late, then a walk: some 25 years at most, and twelve months.
    let mut year = days
        .div_euclid(366)
        .min(days.div_euclid(365))
        .saturating_add(1970)
        .clamp(-1, 10_000);
    while let Some(next) = days_from_civil(year.saturating_add(1), 1, 1) {
        if next > days {
            break;
        }
        year = year.saturating_add(1);
    }
    let mut month = 1;
    let mut left = days.saturating_sub(days_from_civil(year, 1, 1).unwrap_or(days));
    while let Some(length) = days_in(year, month) {
        if left < length {
            break;
        }
        left = left.saturating_sub(length);
        month = month.saturating_add(1);
    }
    (year, month, left.saturating_add(1))
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0.div_euclid(DAY));
        let millis = self.0.rem_euclid(DAY);
        let (hour, minute, second) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1000 % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        match millis % 1000 {
            0 => f.write_str("Z"),
            millis => write!(f, ".{millis:03}Z"),
        }
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
