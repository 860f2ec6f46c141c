//! `spec`: hosts, variants and the default, and the order in which the rest is read.

use super::context::Context;
use super::evidence::read_evidence;
use super::fields::{Field, Fields, list};
use super::guard::read_guard;
use super::names::{check_label, choice, known_variant};
use super::protocol::read_protocol;
use super::read_rule::read_rules;
use super::read_shares::{read_ramp, read_share, read_shares};
use super::read_unit::{WHEN_NO_UNIT, read_issue_cookie, read_pins, read_unit};
use super::report::Report;
use super::service::read_service;
use super::travel::{read_inherit, read_propagate};
use super::{NEVER, Spec, Variant, WhenNoUnit};
use crate::bucket::Share;
use crate::node::Value;
use crate::policy::{MAX_VARIANTS, is_host};

const FIELDS: &[&str] = &[
    "hosts",
    "service",
    "protocol",
    "variants",
    "default",
    "pins",
    "rules",
    "shares",
    "unit",
    "whenNoUnit",
    "issueCookie",
    "salt",
    "ramp",
    "propagate",
    "inherit",
    "guard",
    "evidence",
    "rollout",
];

pub(super) fn read_spec(
    field: &Field<'_>,
    report: &mut Report<'_>,
    variant_header: &str,
) -> Option<Spec> {
    let fields = field.fields(report, FIELDS)?;
    let hosts = read_hosts(&fields, report);
    let service = fields
        .get("service")
        .and_then(|field| read_service(&field, report));
    let protocol = fields
        .get("protocol")
        .and_then(|field| read_protocol(&field, report))
        .unwrap_or_default();
    let variants = read_variants(&fields, report).unwrap_or_default();
    let default = read_default(&fields, &variants, report);
    let context = Context {
        variants: &variants,
        default: default.as_deref().unwrap_or_default(),
        variant_header,
    };
    need_territories(&fields, &context, report);
    let pins = fields
        .get("pins")
        .and_then(|field| read_pins(&field, &context, report))
        .unwrap_or_default();
    let rules = fields
        .get("rules")
        .map(|field| read_rules(&field, &context, report))
        .unwrap_or_default();
    let shares = fields
        .get("shares")
        .and_then(|field| read_shares(&field, &context, report))
        .unwrap_or_default();
    let unit = fields
        .get("unit")
        .map(|field| read_unit(&field, &context, report))
        .unwrap_or_default();
    let when_no_unit = fields
        .get("whenNoUnit")
        .and_then(|field| choice(&field, report, WHEN_NO_UNIT))
        .unwrap_or_default();
    let issue_cookie = read_issue_cookie(&fields, when_no_unit, report);
    let salt = fields
        .get("salt")
        .and_then(|field| field.filled(report).map(str::to_owned));
    let ramp = fields
        .get("ramp")
        .map(|field| read_ramp(&field, &context, &shares, report))
        .unwrap_or_default();
    let propagate = fields
        .get("propagate")
        .and_then(|field| read_propagate(&field, report));
    let inherit = fields
        .get("inherit")
        .and_then(|field| read_inherit(&field, &context, report));
    let guard = fields
        .get("guard")
        .and_then(|field| read_guard(&field, &context, report));
    let evidence = fields
        .get("evidence")
        .and_then(|field| read_evidence(&field, &context, report));
    #[cfg(feature = "rollout")]
    let rollout = fields.get("rollout").and_then(|field| {
        super::rollout::read_rollout(&field, (&fields, &shares), &context, report)
    });
    #[cfg(not(feature = "rollout"))]
    let rollout = None;
    // One with a mistake in it was meant to be a unit.
    let no_unit = fields
        .get("unit")
        .is_none_or(|field| matches!(&field.node.value, Value::List(items) if items.is_empty()));
    if no_unit && when_no_unit == WhenNoUnit::Default {
        warn_of_nobody(&fields, report);
    }
    let default = default?;
    Some(Spec {
        hosts: hosts?,
        service,
        protocol,
        variants,
        default,
        pins,
        rules,
        shares,
        unit,
        when_no_unit,
        issue_cookie,
        salt,
        ramp,
        propagate,
        inherit,
        guard,
        evidence,
        rollout,
    })
}

/// Says that shares draw nobody where no request can have a unit.
fn warn_of_nobody(fields: &Fields<'_>, report: &mut Report<'_>) {
    for field in ["shares", "ramp"]
        .iter()
        .filter_map(|name| fields.get(name))
    {
        report.warning(
            field.key_place(),
            "nobody-drawn",
            format_args!("nobody is drawn by these shares: no request has a unit, and such requests get the default"),
            "say what is kept together, like `unit: [{header: x-user-id}]`, or write `whenNoUnit: random`",
        );
    }
}

fn read_hosts(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Vec<String>> {
    let list = fields
        .required(report, "hosts", "write `hosts: [reviews]`")?
        .filled_list(report, "a canary needs a host to govern")?;
    let mut hosts = Vec::with_capacity(list.len());
    for field in list {
        let Some(host) = field.filled(report) else {
            continue;
        };
        if !is_host(host) {
            report.error(
                field.value_place(),
                "bad-host",
                format_args!("`{host}` is not a host name"),
                "write a name like `reviews` or `shop.example.com`, `*.example.com` or `*`",
            );
            continue;
        }
        hosts.push(host.to_owned());
    }
    Some(hosts)
}

fn read_variants(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Vec<(String, Variant)>> {
    let field = fields.required(
        report,
        "variants",
        "write `variants: {stable: {}, canary: {}}`",
    )?;
    let map = field.map(report)?;
    let mut variants = Vec::new();
    for (name, field) in map.entries() {
        let taken = match name {
            NEVER => Some("as a pin it opts out"),
            "at" | "shape" => Some("in a ramp it means something else"),
            _ => None,
        };
        if let Some(taken) = taken {
            report.error(
                field.key_place(),
                "bad-name",
                format_args!("`{name}` cannot be a variant: {taken}"),
                "give it another name",
            );
            continue;
        }
        if check_label(name, &field, report) {
            let variant = read_variant(&field, report).unwrap_or_default();
            variants.push((name.to_owned(), variant));
        }
    }
    if variants.len() < 2 && map.entries().count() < 2 {
        report.error(
            field.key_place(),
            "too-few-variants",
            format_args!("a canary needs two variants or more"),
            "write `variants: {stable: {}, canary: {}}`",
        );
    }
    if variants.len() > MAX_VARIANTS {
        report.error(
            field.key_place(),
            "too-many-variants",
            format_args!(
                "{} variants are more than the {} there can be",
                variants.len(),
                MAX_VARIANTS
            ),
            None,
        );
    }
    Some(variants)
}

fn read_variant(field: &Field<'_>, report: &mut Report<'_>) -> Option<Variant> {
    let fields = field.fields(report, &["labels", "service", "endpoints", "max"])?;
    let mut variant = Variant::default();
    if let Some(labels) = fields.get("labels").and_then(|field| field.map(report)) {
        for (name, field) in labels.entries() {
            if let Some(value) = field.text(report) {
                variant.labels.push((name.to_owned(), value.to_owned()));
            }
        }
    }
    variant.service = fields
        .get("service")
        .and_then(|field| read_service(&field, report));
    let endpoints = fields.get("endpoints").and_then(|field| field.list(report));
    for field in endpoints.unwrap_or_default() {
        let Some(text) = field.text(report) else {
            continue;
        };
        let good = text.rsplit_once(':').is_some_and(|(host, port)| {
            let digits = port.bytes().all(|byte| byte.is_ascii_digit());
            let address = host.starts_with('[') || !host.contains([':', '*']);
            is_host(host) && address && digits && matches!(port.parse::<u16>(), Ok(1..))
        });
        if good {
            variant.endpoints.push(text.to_owned());
        } else {
            report.error(
                field.value_place(),
                "bad-endpoint",
                format_args!("`{text}` is not an address with a port"),
                "write `host:port`, like `127.0.0.1:8080`",
            );
        }
    }
    variant.max = fields
        .get("max")
        .and_then(|field| read_share(&field, report));
    Some(variant)
}

fn read_default(
    fields: &Fields<'_>,
    variants: &[(String, Variant)],
    report: &mut Report<'_>,
) -> Option<String> {
    let field = fields.required(
        report,
        "default",
        "name the variant for everyone who is not drawn: `default: stable`",
    )?;
    let name = field.text(report)?;
    if !variants.is_empty() {
        known_variant(name, &field, variants, report)?;
    }
    Some(name.to_owned())
}

/// From three non-default variants on, each must own a territory (docs/bucketing.md says why).
fn need_territories(fields: &Fields<'_>, context: &Context<'_>, report: &mut Report<'_>) {
    let drawn = || {
        context
            .variants
            .iter()
            .filter(|(name, _)| name != context.default)
    };
    let Some(field) = fields.get("variants") else {
        return;
    };
    if context.default.is_empty() || drawn().count() < 3 {
        return;
    }
    let without: Vec<&str> = drawn()
        .filter(|(_, variant)| variant.max.is_none())
        .map(|(name, _)| name.as_str())
        .collect();
    if !without.is_empty() {
        report.error(
            field.key_place(),
            "missing-max",
            format_args!(
                "with three or more variants beside the default each needs its `max`; {} has none",
                list(&without)
            ),
            "write the most that each may ever get, like `max: 20%`",
        );
    }
    let whole: u64 = drawn()
        .filter_map(|(_, variant)| variant.max)
        .map(|max| u64::from(max.millionths()))
        .sum();
    if whole > u64::from(Share::ALL.millionths()) {
        report.error(
            field.key_place(),
            "over-100",
            format_args!("the `max` of all variants together is over 100%"),
            "make them smaller",
        );
    }
}
