//! `rules`: conditions, tests and what they give.

use super::context::Context;
use super::fields::{Field, Fields};
use super::implies::{Steps, implies, never_matches};
use super::names::{known_variant, token};
use super::read_shares::read_shares;
use super::read_unit::deciding_header;
use super::report::Report;
use super::{Condition, Named, Outcome, Rule, Test};
use crate::policy::{Table, compile_regex};

const CONDITIONS: &[&str] = &[
    "all", "any", "not", "header", "cookie", "query", "path", "method", "host",
];
const TESTS: &[&str] = &[
    "exact", "prefix", "suffix", "contains", "in", "regex", "present",
];
/// Conditions within conditions: enough for any policy that a person can still read.
const MAX_DEPTH: usize = 16;
/// How to write several conditions, or several tests of one thing.
const SEVERAL: &str = "put several conditions into a list: `all: [...]` or `any: [...]`";

pub(super) fn read_rules(
    field: &Field<'_>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Vec<Rule> {
    let mut earlier = Earlier {
        names: Table::default(),
        rules: Vec::new(),
        steps: Steps::new(),
    };
    for field in field.list(report).unwrap_or_default() {
        let Some((name, when, outcome)) = read_rule(&field, context, report) else {
            continue;
        };
        check_reachable(&name, &when, &mut earlier, &field, report);
        // A rule that gives nothing sound still shadows those below it.
        earlier.rules.push((name, when, outcome));
    }
    let rules = earlier.rules.into_iter().filter_map(|rule| {
        let (name, when, outcome) = rule;
        Some(Rule {
            name,
            when,
            outcome: outcome?,
        })
    });
    rules.collect()
}

/// The rules above one.
struct Earlier {
    names: Table<()>,
    rules: Vec<(String, Condition, Option<Outcome>)>,
    /// What is left to compare them all with each other.
    steps: Steps,
}

/// Reports a rule that no request gets to, and a name that is taken.
fn check_reachable(
    name: &str,
    when: &Condition,
    earlier: &mut Earlier,
    field: &Field<'_>,
    report: &mut Report<'_>,
) {
    if !earlier.names.add(name.as_bytes()) {
        report.error(
            field.key_place(),
            "repeated-rule",
            format_args!("there is a rule `{name}` already"),
            "give it another name: it is the reason that decisions are counted by",
        );
    }
    let Earlier { rules, steps, .. } = earlier;
    if let Some((first, ..)) = rules.iter().find(|(_, wide, _)| implies(when, wide, steps)) {
        report.error(
            field.key_place(),
            "unreachable-rule",
            format_args!(
                "rule `{name}` is never reached: whatever it matches, `{first}` above it matches first"
            ),
            "put it above the other, or take it out",
        );
    } else if never_matches(when, steps) {
        report.error(
            field.key_place(),
            "unreachable-rule",
            format_args!("rule `{name}` can match no request at all"),
            "its conditions contradict each other: take one out",
        );
    }
}

fn read_rule(
    field: &Field<'_>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Option<(String, Condition, Option<Outcome>)> {
    let fields = field.fields(report, &["name", "when", "route", "shares"])?;
    let name = fields
        .required(report, "name", "write `name: staff`")
        .and_then(|field| rule_name(&field, report));
    let when = fields
        .required(
            report,
            "when",
            "write `when: {header: {name: x-user-group, exact: staff}}`",
        )
        .and_then(|field| read_condition(&field, context, report, 0));
    let outcome = read_outcome(field, &fields, context, report);
    Some((name?, when?, outcome))
}

fn read_outcome(
    field: &Field<'_>,
    fields: &Fields<'_>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Option<Outcome> {
    match (fields.get("route"), fields.get("shares")) {
        (Some(route), None) => {
            let name = route.text(report)?;
            known_variant(name, &route, context.variants, report).map(Outcome::Route)
        }
        (None, Some(shares)) => read_shares(&shares, context, report).map(Outcome::Shares),
        (Some(_), Some(shares)) => {
            report.error(
                shares.key_place(),
                "one-too-many",
                format_args!("a rule gives a variant or shares, not both"),
                "keep `route` or `shares`",
            );
            None
        }
        (None, None) => {
            report.error(
                field.key_place(),
                "missing-field",
                format_args!("the rule does not say what it gives"),
                "write `route: canary` or `shares: {canary: 50%}`",
            );
            None
        }
    }
}

/// A name that can stand in a metric's label and in `rule:<name>`.
fn rule_name(field: &Field<'_>, report: &mut Report<'_>) -> Option<String> {
    let name = field.filled(report)?;
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.len() <= 63 && name.bytes().all(good) {
        return Some(name.to_owned());
    }
    report.error(
        field.value_place(),
        "bad-name",
        format_args!("`{name}` cannot be the name of a rule"),
        "use at most 63 of a-z, A-Z, 0-9, `-` and `_`",
    );
    None
}

fn read_condition(
    field: &Field<'_>,
    context: &Context<'_>,
    report: &mut Report<'_>,
    depth: usize,
) -> Option<Condition> {
    if depth > MAX_DEPTH {
        report.error(
            field.key_place(),
            "too-deep",
            format_args!("conditions are nested deeper than {MAX_DEPTH}"),
            "split the rule into several",
        );
        return None;
    }
    let deeper = depth.saturating_add(1);
    let fields = field.fields(report, CONDITIONS)?;
    let (kind, field) = fields.one_of(report, CONDITIONS, SEVERAL)?;
    Some(match kind {
        "all" => Condition::All(read_conditions(&field, context, report, deeper)?),
        "any" => Condition::Any(read_conditions(&field, context, report, deeper)?),
        "not" => Condition::Not(Box::new(read_condition(&field, context, report, deeper)?)),
        "header" => Condition::Header(read_named(&field, report, |field, report| {
            deciding_header(field, context, report)
        })?),
        "cookie" => Condition::Cookie(read_named(&field, report, |field, report| {
            token(field, report).map(str::to_owned)
        })?),
        "query" => Condition::Query(read_named(&field, report, |field, report| {
            field.filled(report).map(str::to_owned)
        })?),
        "path" => Condition::Path(read_always_there(&field, report, |value| {
            let mark = value.contains(['?', '#']);
            mark.then_some("the query is no part of the path: write `query: {...}` for it")
        })?),
        // A method of one's own may be in small letters.
        "method" => Condition::Method(read_always_there(&field, report, |_| None)?),
        _ => Condition::Host(read_always_there(&field, report, |value| {
            let never = value.contains(':') && !value.contains('[')
                || value.bytes().any(|byte| byte.is_ascii_uppercase());
            never.then_some("hosts are compared in lower case and without a port")
        })?),
    })
}

fn read_conditions(
    field: &Field<'_>,
    context: &Context<'_>,
    report: &mut Report<'_>,
    depth: usize,
) -> Option<Vec<Condition>> {
    let list = field.filled_list(report, "it lists no condition")?;
    let read: Vec<Option<Condition>> = list
        .iter()
        .map(|field| read_condition(field, context, report, depth))
        .collect();
    read.into_iter().collect()
}

fn read_named(
    field: &Field<'_>,
    report: &mut Report<'_>,
    name: impl FnOnce(&Field<'_>, &mut Report<'_>) -> Option<String>,
) -> Option<Named> {
    let known: Vec<&str> = ["name"].iter().chain(TESTS).copied().collect();
    let fields = field.fields(report, &known)?;
    let name = fields
        .required(report, "name", "say whose value to look at: `name: ...`")
        .and_then(|field| name(&field, report));
    let test = test_in(&fields, report);
    Some(Named {
        name: name?,
        test: test?,
    })
}

fn read_test(field: &Field<'_>, report: &mut Report<'_>) -> Option<Test> {
    let fields = field.fields(report, TESTS)?;
    test_in(&fields, report)
}

/// A test on something that every request has; `never` says why no request can have a value or a
/// part of it.
fn read_always_there(
    field: &Field<'_>,
    report: &mut Report<'_>,
    never: impl Fn(&str) -> Option<&'static str>,
) -> Option<Test> {
    let test = read_test(field, report)?;
    let values = match &test {
        Test::Exact(text) | Test::Prefix(text) | Test::Suffix(text) | Test::Contains(text) => {
            core::slice::from_ref(text)
        }
        Test::In(values) => values.as_slice(),
        Test::Regex(_) => &[],
        Test::Present(_) => {
            report.error(
                field.key_place(),
                "always-there",
                format_args!("every request has one, so `present` says nothing"),
                "take it out, or test its value",
            );
            return None;
        }
    };
    for value in values {
        if let Some(help) = never(value) {
            report.error(
                field.key_place(),
                "never-matches",
                format_args!("no request can match `{value}` here"),
                help.to_owned(),
            );
        }
    }
    Some(test)
}

fn test_in(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Test> {
    let (kind, field) = fields.one_of(report, TESTS, SEVERAL)?;
    let text = |report: &mut Report<'_>| field.text(report).map(str::to_owned);
    // An empty part is in every value, which `present` says better.
    let filled = |report: &mut Report<'_>| field.filled(report).map(str::to_owned);
    Some(match kind {
        "exact" => Test::Exact(text(report)?),
        "prefix" => Test::Prefix(filled(report)?),
        "suffix" => Test::Suffix(filled(report)?),
        "contains" => Test::Contains(filled(report)?),
        "in" => Test::In(read_values(&field, report)?),
        "regex" => Test::Regex(read_regex(&field, report)?),
        _ => Test::Present(field.boolean(report)?),
    })
}

fn read_values(field: &Field<'_>, report: &mut Report<'_>) -> Option<Vec<String>> {
    let list = field.filled_list(report, "it lists no value, so nothing can match")?;
    let read: Vec<Option<String>> = list
        .iter()
        .map(|field| field.text(report).map(str::to_owned))
        .collect();
    read.into_iter().collect()
}

fn read_regex(field: &Field<'_>, report: &mut Report<'_>) -> Option<String> {
    let text = field.filled(report)?;
    match compile_regex(text) {
        Ok(_) => Some(text.to_owned()),
        Err(error) => {
            let message = error.to_string();
            let (message, help) = if message.contains("size limit") {
                (
                    format!("the regex `{text}` becomes too large to run on every request"),
                    "make its repetitions smaller, or use `prefix`, `contains` or `in`".to_owned(),
                )
            } else {
                (
                    format!("bad regex `{text}`: {message}"),
                    "the syntax is that of Rust's `regex` crate, without Unicode classes"
                        .to_owned(),
                )
            };
            report.error(
                field.value_place(),
                "bad-regex",
                format_args!("{message}"),
                help,
            );
            None
        }
    }
}
