//! What `inherit` says of canaries that are read together with it.

use super::fields::{Field, Report, nearest_or_all};
use super::reader::{Ancestor, Taken};
use super::{Callers, Canary};
use crate::diagnostic::Diagnostic;
use crate::node::Node;

/// What a canary inherits, kept until all canaries are read: the map in `inherit`.
pub(super) struct Heir {
    source: usize,
    path: String,
    listed: Node,
}

impl Heir {
    /// What is kept of a canary, if it inherits anything.
    pub(super) fn of(canary: &Canary, source: usize, field: &Field<'_>) -> Option<Self> {
        let inherit = canary.spec.inherit.as_ref()?;
        if inherit.from == Callers::Nobody {
            return None;
        }
        let spec = field.peek()?.get("spec")?.peek()?;
        let listed = spec.get("inherit")?.peek()?.get("canaries")?;
        Some(Self {
            source,
            listed: listed.node.clone(),
            path: listed.path,
        })
    }
}

/// Checks every `inherit` against the canaries it lists, as far as they are among those read. Those of
/// other teams may be elsewhere.
pub(super) fn check_ancestors(taken: &dyn Taken, heirs: &[Heir], found: &mut Vec<Diagnostic>) {
    for heir in heirs {
        let mut report = Report {
            source: heir.source,
            found,
        };
        let listed = Field::at(heir.path.clone(), &heir.listed);
        for (name, field) in listed.peek().iter().flat_map(|listed| listed.entries()) {
            if let Some(ancestor) = taken.ancestor(name) {
                check_ancestor(name, &ancestor, &field, &mut report);
            }
        }
    }
}

fn check_ancestor(name: &str, ancestor: &Ancestor<'_>, field: &Field<'_>, report: &mut Report<'_>) {
    if !ancestor.travels {
        report.warning(
            field.key_place(),
            "nothing-to-inherit",
            format!("the decisions of `{name}` do not travel, so nothing of them arrives here"),
            format!("write `propagate: {{baggage: true}}` into the spec of `{name}`"),
        );
    }
    let known = &ancestor.variants;
    for (theirs, field) in field.peek().iter().flat_map(|map| map.entries()) {
        if !known.contains(&theirs) {
            report.error(
                field.key_place(),
                "unknown-variant",
                format!("`{name}` has no variant `{theirs}`"),
                nearest_or_all(theirs, known),
            );
        }
    }
}
