//! `evidence`: what is counted of the responses, by arm.

use super::context::Context;
use super::fields::{Field, Report};
use crate::arm::Arm;
use serde::Serialize;

/// Responses are counted, of whoever was drawn, by arm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Also those of the default beside the control cohort.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub rest: bool,
}

pub(super) fn read_evidence(
    field: &Field<'_>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Option<Evidence> {
    let fields = field.fields(report, &["rest"])?;
    for arm in [Arm::CONTROL, Arm::REST] {
        if context.variants.iter().any(|(name, _)| name == arm) {
            report.error(
                field.key_place(),
                "bad-name",
                format!(
                    "a variant is called `{arm}`, and so is an arm that responses are counted by"
                ),
                "give the variant another name".to_owned(),
            );
        }
    }
    let rest = fields.get("rest").and_then(|field| field.boolean(report));
    Some(Evidence {
        rest: rest.unwrap_or_default(),
    })
}
