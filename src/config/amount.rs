//! Numbers and lengths of time.

use super::fields::Field;
use super::report::Report;
use crate::node::Value;

/// A whole number from `least` to `most`.
pub(super) fn read_number(
    field: &Field<'_>,
    (least, most): (u32, u32),
    report: &mut Report<'_>,
) -> Option<u32> {
    let Value::Number(text) = &field.node.value else {
        field.wrong_kind(report, "a number", None);
        return None;
    };
    let number = text.parse().ok().filter(|n| (least..=most).contains(n));
    if number.is_none() {
        report.error(
            field.value_place(),
            "bad-number",
            format_args!("`{text}` is not a whole number from {least} to {most}"),
            None,
        );
    }
    number
}

const TO_DAYS: [(&str, u32); 4] = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];

/// The seconds of a length of time as configs have it: `90s`, `15m`, `12h`, `180d`. None where it
/// is no such length, is zero, or has more seconds than there is room for.
pub fn parse_seconds(text: &str) -> Option<u32> {
    parse_length(text, &TO_DAYS)
}

/// A length of time in seconds.
pub(super) fn read_seconds(field: &Field<'_>, report: &mut Report<'_>) -> Option<u32> {
    read_length(field, &TO_DAYS, "s, m, h or d, like `180d`", report)
}

/// A length of time in milliseconds: `250ms`, `10s`, `5m`.
pub(super) fn read_millis(field: &Field<'_>, report: &mut Report<'_>) -> Option<u32> {
    let units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    read_length(field, &units, "ms, s, m or h, like `10s`", report)
}

/// The same, up to days: `10m`, `2d`.
#[cfg(feature = "rollout")]
pub(super) fn read_length_to_days(field: &Field<'_>, report: &mut Report<'_>) -> Option<u32> {
    let units = [
        ("ms", 1),
        ("s", 1000),
        ("m", 60_000),
        ("h", 3_600_000),
        ("d", 86_400_000),
    ];
    read_length(field, &units, "ms, s, m, h or d, like `10m`", report)
}

fn read_length(
    field: &Field<'_>,
    units: &[(&str, u32)],
    help: &str,
    report: &mut Report<'_>,
) -> Option<u32> {
    let Value::String(text) = &field.node.value else {
        let help = format!("write a number and {help}");
        field.wrong_kind(report, "a length of time", help);
        return None;
    };
    let length = parse_length(text, units);
    if length.is_none() {
        report.error(
            field.value_place(),
            "bad-duration",
            format_args!("`{text}` is not a length of time"),
            format!("write a number and {help}"),
        );
    }
    length
}

fn parse_length(text: &str, units: &[(&str, u32)]) -> Option<u32> {
    units.iter().find_map(|(unit, factor)| {
        let count = text.strip_suffix(unit)?;
        let digits = count.bytes().all(|byte| byte.is_ascii_digit());
        let count = count.parse::<u32>().ok();
        count
            .filter(|count| digits && *count > 0)?
            .checked_mul(*factor)
    })
}
