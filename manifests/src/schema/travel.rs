//! `propagate` and `inherit`: decisions that travel.

use super::canary::{LABEL, variant_name};
use super::types::Schema;

/// `namespace/name`, or a name alone.
const FULL_NAME: &str =
    "^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";

pub(super) fn propagate() -> Schema {
    Schema::fields(vec![(
        "baggage",
        Schema::flag().about("As a member of the `baggage` header, beside those of others."),
    )])
    .needs(&["baggage"])
    .about("How its decisions go on to the next hop.")
}

pub(super) fn inherit() -> Schema {
    Schema::fields(vec![
        (
            "from",
            Schema::words(&["nobody", "mesh"]).about(
                "Who is believed: nobody, or whoever reaches this proxy, because an edge takes away what \
                 comes from outside.",
            ),
        ),
        (
            "canaries",
            ancestors().about(
                "By the full name of a canary that decided earlier, its variants and what they give here; \
                 the first that says something counts.",
            ),
        ),
    ])
    .needs(&["from", "canaries"])
    .about("Which decisions of earlier hops hold here.")
}

fn ancestors() -> Schema {
    let variants = Schema {
        property_names: Some(Box::new(Schema::pattern(LABEL))),
        min_properties: Some(1),
        ..Schema::map(variant_name())
    };
    Schema {
        property_names: Some(Box::new(Schema::pattern(FULL_NAME))),
        min_properties: Some(1),
        max_properties: Some(32),
        ..Schema::map(variants.most(64))
    }
}
