//! What `inherit` says of canaries that are read together with it.

use super::fields::{Field, Report, nearest_or_all};
use super::{Callers, Canary};
use crate::diagnostic::Diagnostic;

/// Checks every `inherit` against the canaries it lists, as far as they are among those read; each
/// comes with its source and its place. Those of other teams may be elsewhere.
pub(super) fn check_ancestors(
    canaries: &[Canary],
    fields: &[(usize, Field<'_>)],
    found: &mut Vec<Diagnostic>,
) {
    for (canary, (source, field)) in canaries.iter().zip(fields) {
        let inherit = canary.spec.inherit.as_ref();
        if inherit.is_none_or(|inherit| inherit.from == Callers::Nobody) {
            continue;
        }
        let mut report = Report {
            source: *source,
            found,
        };
        let listed = field.peek().and_then(|fields| {
            let spec = fields.get("spec")?.peek()?;
            spec.get("inherit")?.peek()?.get("canaries")?.peek()
        });
        for (name, field) in listed.iter().flat_map(|listed| listed.entries()) {
            let mut all = canaries.iter();
            if let Some(ancestor) = all.find(|canary| canary.full_name() == name) {
                check_ancestor(ancestor, &field, &mut report);
            }
        }
    }
}

fn check_ancestor(ancestor: &Canary, field: &Field<'_>, report: &mut Report<'_>) {
    let name = ancestor.full_name();
    let travels = ancestor.spec.propagate.is_some_and(|how| how.baggage);
    if !travels {
        report.warning(
            field.key_place(),
            "nothing-to-inherit",
            format!("the decisions of `{name}` do not travel, so nothing of them arrives here"),
            format!("write `propagate: {{baggage: true}}` into the spec of `{name}`"),
        );
    }
    let variants = ancestor.spec.variants.iter();
    let known: Vec<&str> = variants.map(|(name, _)| name.as_str()).collect();
    for (theirs, field) in field.peek().iter().flat_map(|map| map.entries()) {
        if !known.contains(&theirs) {
            report.error(
                field.key_place(),
                "unknown-variant",
                format!("`{name}` has no variant `{theirs}`"),
                nearest_or_all(theirs, &known),
            );
        }
    }
}
