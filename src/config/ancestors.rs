//! What `inherit` says of canaries that are read together with it.

use super::fields::{Field, nearest_or_all};
use super::reader::Taken;
use super::report::Report;
use super::{Callers, Canary};
use crate::diagnostic::Diagnostic;
use crate::node::Span;

/// Something that `inherit` lists, kept until all canaries are read: a canary, or a variant of it.
pub(super) struct Listed {
    source: usize,
    path: String,
    span: Option<Span>,
    canary: String,
    /// What the canary calls it.
    variant: Option<String>,
}

/// What a canary inherits, each canary before its variants.
pub(super) fn listed(canary: &Canary, source: usize, field: &Field<'_>) -> Vec<Listed> {
    let mut all = Vec::new();
    let inherit = canary.spec.inherit.as_ref();
    if inherit.is_none_or(|inherit| inherit.from == Callers::Nobody) {
        return all;
    }
    let mut list = |canary: &str, variant: Option<&str>, field: &Field<'_>| {
        let (path, span) = field.key_place();
        all.push(Listed {
            source,
            path: path.to_owned(),
            span,
            canary: canary.to_owned(),
            variant: variant.map(str::to_owned),
        });
    };
    let canaries = field.peek().and_then(|fields| {
        let spec = fields.get("spec")?.peek()?;
        spec.get("inherit")?.peek()?.get("canaries")?.peek()
    });
    for (canary, field) in canaries.iter().flat_map(|canaries| canaries.entries()) {
        list(canary, None, &field);
        for (variant, field) in field.peek().iter().flat_map(|map| map.entries()) {
            list(canary, Some(variant), &field);
        }
    }
    all
}

/// Checks all that is inherited against the canaries it comes from, as far as they are among those read.
/// Those of other teams may be elsewhere.
pub(super) fn check_ancestors(taken: &dyn Taken, listed: &[Listed], found: &mut Vec<Diagnostic>) {
    for listed in listed {
        let name = &listed.canary;
        let Some(ancestor) = taken.ancestor(name) else {
            continue;
        };
        let mut report = Report {
            source: listed.source,
            found,
        };
        let place = (listed.path.as_str(), listed.span);
        match listed.variant.as_deref() {
            None if !ancestor.travels => report.warning(
                place,
                "nothing-to-inherit",
                format_args!(
                    "the decisions of `{name}` do not travel, so nothing of them arrives here"
                ),
                format!("write `propagate: {{baggage: true}}` into the spec of `{name}`"),
            ),
            Some(theirs) if !ancestor.variants.contains(&theirs) => report.error(
                place,
                "unknown-variant",
                format_args!("`{name}` has no variant `{theirs}`"),
                nearest_or_all(theirs, &ancestor.variants),
            ),
            _ => {}
        }
    }
}
