//! `evidence`: what is counted of the responses, by arm.

use super::fields::{Field, Report};
use serde::Serialize;

/// Responses are counted, of whoever was drawn, by arm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Also those of the default beside the control cohort.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub rest: bool,
}

pub(super) fn read_evidence(field: &Field<'_>, report: &mut Report<'_>) -> Option<Evidence> {
    let fields = field.fields(report, &["rest"])?;
    let rest = fields.get("rest").and_then(|field| field.boolean(report));
    Some(Evidence {
        rest: rest.unwrap_or_default(),
    })
}
