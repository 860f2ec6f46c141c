//! Reading `freeze`: times of day, of the week, or once.

use super::freeze::{DAY, DAYS};
use super::{Freeze, TimeOfWeek};
use crate::Timestamp;
use crate::config::fields::Field;
use crate::config::report::Report;

/// A moment of a freeze, as written.
#[derive(Clone, Copy)]
enum Moment {
    Once(Timestamp),
    Weekly(u16),
    Daily(u16),
}

pub(super) fn read_freeze(field: &Field<'_>, report: &mut Report<'_>) -> Option<Freeze> {
    let fields = field.fields(report, &["from", "to"])?;
    let mut moment = |name| {
        let field = fields.required(report, name, "write `{from: fri 16:00, to: mon 08:00}`")?;
        let text = field.text(report)?;
        let moment = parse(text);
        if moment.is_none() {
            report.error(
                field.value_place(),
                "bad-time",
                format_args!("`{text}` is not a time"),
                "write `16:00`, `fri 16:00` or `2026-12-24T00:00:00Z`, in UTC",
            );
        }
        moment
    };
    let (from, to) = (moment("from"), moment("to"));
    let freeze = match (from?, to?) {
        (Moment::Once(from), Moment::Once(to)) => (from < to).then_some(Freeze::Once { from, to }),
        (Moment::Weekly(from), Moment::Weekly(to)) => (from != to).then_some(Freeze::Weekly {
            from: TimeOfWeek(from),
            to: TimeOfWeek(to),
        }),
        (Moment::Daily(from), Moment::Daily(to)) => {
            (from != to).then_some(Freeze::Daily { from, to })
        }
        _ => {
            report.error(
                field.key_place(),
                "bad-time",
                format_args!("`from` and `to` are of different kinds"),
                "write both as times of day, both with a day of the week, or both with a date",
            );
            return None;
        }
    };
    if freeze.is_none() {
        report.error(
            field.key_place(),
            "bad-time",
            format_args!("it ends where it begins, or before"),
            "let `to` be later than `from`",
        );
    }
    freeze
}

fn parse(text: &str) -> Option<Moment> {
    let text = text.trim();
    if let Some(time) = Timestamp::parse(text) {
        return Some(Moment::Once(time));
    }
    let Some((day, time)) = text.split_once(' ') else {
        return clock(text).map(Moment::Daily);
    };
    let day = DAYS
        .iter()
        .position(|known| day.eq_ignore_ascii_case(known))?;
    let days = u16::try_from(day).ok()?.checked_mul(DAY)?;
    Some(Moment::Weekly(days.checked_add(clock(time.trim())?)?))
}

/// Minutes since midnight of `09:30`.
fn clock(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |text: &str, below: u16| {
        let good = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = good.then(|| text.parse::<u16>().ok())??;
        (number < below).then_some(number)
    };
    digits(hour, 24)?
        .checked_mul(60)?
        .checked_add(digits(minute, 60)?)
}
