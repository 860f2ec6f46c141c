//! `evidence`: what is counted of the responses, by arm.

use super::amount::read_millis;
use super::context::Context;
use super::fields::Field;
use super::report::Report;
use super::write;
use crate::arm::Arm;
use serde::Serialize;

/// By so many bounds slow responses are counted at most: each makes a series of every slice.
pub const MAX_BOUNDS: usize = 4;

/// The longest bound, in milliseconds.
const LONGEST: u32 = 3_600_000;

/// Responses are counted, of whoever was drawn, by arm.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Also those of the default beside the control cohort.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub rest: bool,
    /// Those that are slower than these bounds are counted by slice as well. In milliseconds,
    /// increasing, at most [`MAX_BOUNDS`]; none if not said.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "write::all_millis"
    )]
    pub slower_than: Vec<u32>,
}

pub(super) fn read_evidence(
    field: &Field<'_>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Option<Evidence> {
    let fields = field.fields(report, &["rest", "slowerThan"])?;
    for arm in [Arm::CONTROL, Arm::REST] {
        if context.variants.iter().any(|(name, _)| name == arm) {
            report.error(
                field.key_place(),
                "bad-name",
                format_args!(
                    "a variant is called `{arm}`, and so is an arm that responses are counted by"
                ),
                "give the variant another name",
            );
        }
    }
    let rest = fields.get("rest").and_then(|field| field.boolean(report));
    let slower_than = fields
        .get("slowerThan")
        .and_then(|field| read_bounds(&field, report));
    Some(Evidence {
        rest: rest.unwrap_or_default(),
        slower_than: slower_than.unwrap_or_default(),
    })
}

/// Lengths of time that grow.
fn read_bounds(field: &Field<'_>, report: &mut Report<'_>) -> Option<Vec<u32>> {
    let list = field.filled_list(report, "there is no bound to be slower than")?;
    if list.len() > MAX_BOUNDS {
        report.error(
            field.key_place(),
            "too-many-bounds",
            format_args!(
                "{} bounds are more than the {MAX_BOUNDS} there can be",
                list.len()
            ),
            "keep those by which versions are to be compared",
        );
    }
    let mut bounds: Vec<u32> = Vec::with_capacity(list.len());
    for field in list {
        let Some(bound) = read_millis(&field, report) else {
            continue;
        };
        let place = field.value_place();
        if bound > LONGEST {
            report.error(
                place,
                "bound-too-long",
                format_args!("this bound is longer than an hour"),
                "write `1h` or less",
            );
        } else if bounds.contains(&bound) {
            report.error(
                place,
                "repeated-bound",
                format_args!("this bound is there already"),
                "keep one of them",
            );
        } else if bounds.last().is_some_and(|last| *last > bound) {
            report.error(
                place,
                "bound-order",
                format_args!("this bound is shorter than the one before it"),
                "write the shortest first, like `[250ms, 1s]`",
            );
        } else {
            bounds.push(bound);
        }
    }
    Some(bounds)
}
