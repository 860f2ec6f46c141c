//! `propagate` and `inherit`: decisions that travel from one hop to the next.

use super::context::Context;
use super::fields::Field;
use super::names::{check_key, choice, known_variant};
use super::report::Report;
use super::write;
use crate::policy::MAX_ANCESTORS;
use serde::{Serialize, Serializer};

/// How a canary's decisions go on to the next hop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Propagate {
    /// As a member of the `baggage` header (W3C Baggage).
    pub baggage: bool,
}

/// From whom a canary takes decisions of earlier hops, and which.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inherit {
    /// Which callers are believed.
    pub from: Callers,
    /// By the full name of the canary that decided earlier, in the order in which they count.
    #[serde(serialize_with = "write_heritage")]
    pub canaries: Vec<Heritage>,
}

/// Which callers are believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Callers {
    /// Nobody: whatever came with the request counts for nothing.
    #[default]
    Nobody,
    /// Whoever can reach this proxy, because an edge takes away what came from outside.
    Mesh,
}

/// What the decisions of one earlier canary mean here.
#[derive(Clone, Debug, PartialEq)]
pub struct Heritage {
    /// The full name of the earlier canary: `namespace/name`, or its name alone.
    pub canary: String,
    /// Its variants, each with the variant of this canary that it gives. Others give nothing.
    pub variants: Vec<(String, String)>,
}

pub(super) fn read_propagate(field: &Field<'_>, report: &mut Report<'_>) -> Option<Propagate> {
    let fields = field.fields(report, &["baggage"])?;
    let baggage = fields.required(report, "baggage", "write `propagate: {baggage: true}`")?;
    Some(Propagate {
        baggage: baggage.boolean(report)?,
    })
}

pub(super) fn read_inherit(
    field: &Field<'_>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Option<Inherit> {
    const CALLERS: &[(&str, Callers)] = &[("nobody", Callers::Nobody), ("mesh", Callers::Mesh)];
    let fields = field.fields(report, &["from", "canaries"])?;
    let from = fields
        .required(report, "from", "write `from: mesh`, or `from: nobody`")
        .and_then(|field| choice(&field, report, CALLERS));
    let canaries = fields
        .required(
            report,
            "canaries",
            "write `canaries: {<namespace/name>: {<its variant>: <variant here>}}`",
        )
        .and_then(|field| field.map(report));
    let listed: Vec<_> = canaries.iter().flat_map(|map| map.entries()).collect();
    if let Some((_, field)) = listed.get(MAX_ANCESTORS) {
        report.error(
            field.key_place(),
            "too-many",
            format_args!("it inherits from more than {MAX_ANCESTORS} canaries"),
            "list those alone whose versions have to match",
        );
    }
    if let (Some(place), []) = (
        fields.get("canaries").filter(|_| canaries.is_some()),
        listed.as_slice(),
    ) {
        report.error(
            place.key_place(),
            "empty",
            format_args!("it does not say whose decisions hold here"),
            "write `{<namespace/name>: {<its variant>: <variant here>}}`",
        );
    }
    let canaries = listed
        .iter()
        .filter_map(|(canary, field)| read_heritage(canary, field, context, report))
        .collect();
    Some(Inherit {
        from: from?,
        canaries,
    })
}

fn read_heritage(
    canary: &str,
    field: &Field<'_>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Option<Heritage> {
    let mut known = true;
    for label in canary.splitn(2, '/') {
        known &= check_key(label, field, report);
    }
    let map = field.map(report)?;
    let mut variants = Vec::new();
    for (theirs, field) in map.entries() {
        let good = check_key(theirs, &field, report);
        let ours = field
            .text(report)
            .and_then(|ours| known_variant(ours, &field, context.variants, report));
        if let (true, Some(ours)) = (good, ours) {
            variants.push((theirs.to_owned(), ours));
        }
    }
    if map.entries().next().is_none() {
        report.error(
            field.key_place(),
            "empty",
            format_args!("it does not say what its decisions mean here"),
            "write `{<its variant>: <variant here>}`",
        );
    }
    known.then(|| Heritage {
        canary: canary.to_owned(),
        variants,
    })
}

/// As a map of maps.
fn write_heritage<S: Serializer>(heritage: &[Heritage], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(transparent)]
    struct Variants<'v> {
        #[serde(serialize_with = "write::as_map")]
        variants: &'v [(String, String)],
    }
    serializer.collect_map(
        heritage
            .iter()
            .map(|Heritage { canary, variants }| (canary, Variants { variants })),
    )
}
