//! `rules`: what may stand in `when`.

use super::canary::{deciding_header, shares, token, variant_name};
use super::types::Schema;

/// Where the condition is defined, which conditions refer to.
pub(super) const CONDITION: &str = "#/$defs/condition";

const CONDITIONS: &[&str] = &[
    "all", "any", "not", "header", "cookie", "query", "path", "method", "host",
];

/// `rules`
pub(super) fn rules() -> Schema {
    let rule = Schema::fields(vec![
        (
            "name",
            Schema::pattern("^[A-Za-z0-9_-]{1,63}$")
                .most(63)
                .about("Its name: decisions are counted by the reason `rule:<name>`."),
        ),
        (
            "when",
            Schema::reference(CONDITION).about("What the request must be like."),
        ),
        (
            "route",
            variant_name().about("The variant that it gets then. Write this or `shares`."),
        ),
        (
            "shares",
            shares().about("The shares that it is drawn by then. Write this or `route`."),
        ),
    ])
    .needs(&["name", "when"])
    .one_of(&["route", "shares"]);
    Schema::list(rule).most(128).about(
        "Conditions that decide before the shares. The first that matches wins; a rule that another \
         above it hides is an error.",
    )
}

/// A condition, which may have conditions in it.
pub(super) fn condition() -> Schema {
    let several = |about: &str| {
        Schema::filled_list(Schema::reference(CONDITION))
            .most(64)
            .about(about)
    };
    Schema::fields(vec![
        ("all", several("Every one of these conditions.")),
        ("any", several("At least one of these conditions.")),
        (
            "not",
            Schema::reference(CONDITION).about("Not this condition."),
        ),
        (
            "header",
            named(deciding_header())
                .about("A header of the request; of a repeated one a single value is enough."),
        ),
        ("cookie", named(token()).about("A cookie of the request.")),
        (
            "query",
            named(Schema::filled()).about("A query parameter, compared as sent."),
        ),
        (
            "path",
            always_there(|| "^[^?#]*$").about("The path without its query."),
        ),
        (
            "method",
            always_there(|| "").about("The method, like `GET`."),
        ),
        (
            "host",
            always_there(|| r"^([^A-Z:]*|[^A-Z]*\[[^A-Z]*)$")
                .about("The host, in lower case and without a port."),
        ),
    ])
    .one_of(CONDITIONS)
    .about("What a request must be like: one of the fields.")
}

/// A test on what has a name.
fn named(name: Schema) -> Schema {
    let mut fields = vec![(
        "name",
        name.about("The name of the header, cookie or parameter."),
    )];
    fields.extend(tests(|schema| schema));
    fields.push((
        "present",
        Schema::flag().about("Whether it is there at all."),
    ));
    let choices: Vec<&str> = fields.iter().skip(1).map(|(name, _)| *name).collect();
    Schema::fields(fields).needs(&["name"]).one_of(&choices)
}

/// A test on what every request has, whose values can only be like `pattern`.
fn always_there(pattern: impl Fn() -> &'static str) -> Schema {
    let pattern = pattern();
    let fields = tests(|mut schema| {
        schema.pattern = (!pattern.is_empty()).then_some(pattern);
        schema
    });
    let choices: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    Schema::fields(fields).one_of(&choices)
}

/// The tests on a value, each of them once.
fn tests(value: impl Fn(Schema) -> Schema) -> Vec<(&'static str, Schema)> {
    vec![
        (
            "exact",
            value(Schema::text()).about("Equal, byte for byte."),
        ),
        ("prefix", value(Schema::filled()).about("Starts so.")),
        ("suffix", value(Schema::filled()).about("Ends so.")),
        (
            "contains",
            value(Schema::filled()).about("Has it somewhere."),
        ),
        (
            "in",
            Schema::filled_list(value(Schema::text()))
                .about("One of these; any number costs a request the same."),
        ),
        (
            "regex",
            Schema::filled().about(
                "The whole value matches; the syntax is that of Rust's `regex` without Unicode classes.",
            ),
        ),
    ]
}
