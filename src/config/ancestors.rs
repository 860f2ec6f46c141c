//! What `inherit` says of canaries that are read together with it.

use super::claims::Claims;
use super::fields::{Field, join, nearest_or_all};
use super::report::Report;
use super::{Callers, Canary};
use crate::diagnostic::Diagnostic;
use crate::node::{Span, Value};

/// A canary that another one inherits from, kept until all canaries are read.
pub(super) struct Listed {
    /// Who inherits, by its number among the claimants.
    heir: usize,
    canary: Box<str>,
    span: Option<Span>,
    /// What the canary calls its variants.
    variants: Box<[(Box<str>, Option<Span>)]>,
}

/// What a canary inherits.
pub(super) fn listed(canary: &Canary, heir: usize, field: &Field<'_>) -> Vec<Listed> {
    let inherit = canary.spec.inherit.as_ref();
    if inherit.is_none_or(|inherit| inherit.from == Callers::Nobody) {
        return Vec::new();
    }
    let canaries = field.peek().and_then(|fields| {
        let spec = fields.get("spec")?.peek()?;
        spec.get("inherit")?.peek()?.get("canaries")
    });
    let Some(Value::Map(canaries)) = canaries.map(|canaries| &canaries.node.value) else {
        return Vec::new();
    };
    let listed = canaries.iter().map(|(canary, node)| Listed {
        heir,
        canary: canary.name.as_str().into(),
        span: canary.span.or(node.span),
        variants: match &node.value {
            Value::Map(variants) => variants
                .iter()
                .map(|(key, node)| (key.name.as_str().into(), key.span.or(node.span)))
                .collect(),
            _ => Box::default(),
        },
    });
    listed.collect()
}

/// Checks all that is inherited against the canaries it comes from, as far as they are among those read.
/// Those of other teams may be elsewhere.
pub(super) fn check_ancestors(claims: &Claims, listed: &[Listed], found: &mut Vec<Diagnostic>) {
    for Listed {
        heir,
        canary: name,
        span,
        variants,
    } in listed
    {
        let (Some(heir), Some(ancestor)) = (claims.claimant(*heir), claims.named(name)) else {
            continue;
        };
        let mut report = Report {
            source: heir.source(),
            found,
        };
        let path = join("spec.inherit.canaries", name);
        if !ancestor.travels() {
            let place = heir.place(&path, *span);
            report.warning(
                (&place.path, place.span),
                "nothing-to-inherit",
                format_args!(
                    "the decisions of `{name}` do not travel, so nothing of them arrives here"
                ),
                format!("write `propagate: {{baggage: true}}` into the spec of `{name}`"),
            );
        }
        let Some(known) = ancestor.variants() else {
            continue;
        };
        for (theirs, span) in variants {
            if known.contains(&&**theirs) {
                continue;
            }
            let place = heir.place(&join(&path, theirs), *span);
            report.error(
                (&place.path, place.span),
                "unknown-variant",
                format_args!("`{name}` has no variant `{theirs}`"),
                nearest_or_all(theirs, &known),
            );
        }
    }
}
