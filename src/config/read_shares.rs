//! Shares and ramps: who gets how much of the line, and when.

use super::context::Context;
use super::fields::{Field, nearest_or_all};
use super::names::choice;
use super::report::Report;
use super::{RampPoint, Shape, Shares};
use crate::Timestamp;
use crate::bucket::Share;
use crate::node::Value;

pub(super) fn read_share(field: &Field<'_>, report: &mut Report<'_>) -> Option<Share> {
    if let Value::Number(number) = &field.node.value {
        field.wrong_kind(
            report,
            "a share",
            format!("write it as a percentage: `{number}%`"),
        );
        return None;
    }
    let text = field.text(report)?;
    match Share::parse(text) {
        Ok(share) => Some(share),
        Err(wrong) => {
            report.error(
                field.value_place(),
                "bad-share",
                format_args!("the share `{text}` {wrong}"),
                None,
            );
            None
        }
    }
}

/// Shares by variant.
pub(super) fn read_shares(
    field: &Field<'_>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Option<Shares> {
    let map = field.map(report)?;
    let shares = map
        .entries()
        .filter_map(|(name, field)| read_variant_share(name, &field, context, report))
        .collect();
    at_most_everyone(field, &shares, report);
    Some(shares)
}

fn read_variant_share(
    name: &str,
    field: &Field<'_>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Option<(String, Share)> {
    let share = read_share(field, report);
    let (path, span) = field.key_place();
    if name == context.default {
        report.error(
            (path, span),
            "default-share",
            format_args!("`{name}` is the default, which gets whatever the others leave"),
            "take it out",
        );
        return None;
    }
    let variant = context.variants.iter().find(|(known, _)| known == name);
    let Some((_, variant)) = variant else {
        let known: Vec<&str> = context
            .variants
            .iter()
            .map(|(known, _)| known.as_str())
            .filter(|known| *known != context.default)
            .collect();
        report.error(
            (path, span),
            "unknown-variant",
            format_args!("unknown variant `{name}`"),
            nearest_or_all(name, &known),
        );
        return None;
    };
    if let (Some(share), Some(max)) = (share, variant.max)
        && share > max
    {
        report.error(
            field.value_place(),
            "over-max",
            format_args!("`{name}` may have {max} at most, and this is {share}"),
            "make it smaller, or its `max` larger (with a new salt: territories move)",
        );
        return None;
    }
    Some((name.to_owned(), share?))
}

fn at_most_everyone(field: &Field<'_>, shares: &Shares, report: &mut Report<'_>) {
    let whole: u64 = shares
        .iter()
        .map(|(_, share)| u64::from(share.millionths()))
        .sum();
    if whole > u64::from(Share::ALL.millionths()) {
        let decimals = format!("{}.{:04}", whole / 10_000, whole % 10_000);
        let sum = decimals.trim_end_matches('0').trim_end_matches('.');
        report.error(
            field.key_place(),
            "over-100",
            format_args!("these shares add up to {sum}%"),
            "make them 100% or less together",
        );
    }
}

pub(super) fn read_ramp(
    field: &Field<'_>,
    context: &Context<'_>,
    base: &Shares,
    report: &mut Report<'_>,
) -> Vec<RampPoint> {
    let list = field.list(report).unwrap_or_default();
    let mut points: Vec<RampPoint> = Vec::with_capacity(list.len());
    // Shares that a point does not name are those before it, so sums are of what is in force.
    let mut in_force = base.clone();
    for (index, field) in list.iter().enumerate() {
        let Some(point) = read_ramp_point(field, index == 0, context, report) else {
            continue;
        };
        if let Some(before) = points.last()
            && point.at <= before.at
        {
            let at = field.peek().and_then(|fields| fields.get("at"));
            report.error(
                at.as_ref().unwrap_or(field).value_place(),
                "ramp-order",
                format_args!(
                    "{} is not after the point before it, {}",
                    point.at, before.at
                ),
                "put the points in the order of time",
            );
        }
        for (name, share) in &point.shares {
            in_force.retain(|(known, _)| known != name);
            in_force.push((name.clone(), *share));
        }
        at_most_everyone(field, &in_force, report);
        points.push(point);
    }
    points
}

fn read_ramp_point(
    field: &Field<'_>,
    first: bool,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Option<RampPoint> {
    const SHAPES: &[(&str, Shape)] = &[("step", Shape::Step), ("linear", Shape::Linear)];
    let map = field.map(report)?;
    let at = map
        .required(report, "at", "write `at: 2026-11-24T09:00:00Z`")
        .and_then(|field| read_time(&field, report));
    let mut shape = Shape::Step;
    if let Some(field) = map.get("shape") {
        shape = choice(&field, report, SHAPES).unwrap_or_default();
        if first && shape == Shape::Linear {
            report.error(
                field.value_place(),
                "ramp-start",
                format_args!("the first point has no point before it to draw a line from"),
                "put a point with the share to start from in front of it",
            );
        }
    }
    let shares: Shares = map
        .entries()
        .filter(|(name, _)| !["at", "shape"].contains(name))
        .filter_map(|(name, field)| read_variant_share(name, &field, context, report))
        .collect();
    Some(RampPoint {
        at: at?,
        shape,
        shares,
    })
}

fn read_time(field: &Field<'_>, report: &mut Report<'_>) -> Option<Timestamp> {
    let text = field.text(report)?;
    let time = Timestamp::parse(text);
    if time.is_none() {
        report.error(
            field.value_place(),
            "bad-time",
            format_args!("`{text}` is not a time"),
            "write RFC 3339 with an offset, like `2026-11-24T09:00:00Z`",
        );
    }
    time
}
