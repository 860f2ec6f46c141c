//! `spec`: hosts, variants, pins, shares, units, cookie and ramp.

use super::fields::{Field, Fields, Report, nearest_or_all};
use super::read_rule::read_rules;
use super::{
    IssueCookie, NEVER, Pins, RampPoint, SameSite, Shape, Shares, Spec, UnitSource, Variant,
    WhenNoUnit,
};
use crate::Timestamp;
use crate::bucket::Share;

/// What the parts of a spec need to know of each other.
pub(super) struct Context<'c> {
    pub(super) variants: &'c [(String, Variant)],
    pub(super) default: &'c str,
    pub(super) variant_header: &'c str,
}

const FIELDS: &[&str] = &[
    "hosts",
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
];

pub(super) fn read_spec(
    field: &Field<'_>,
    report: &mut Report<'_>,
    variant_header: &str,
) -> Option<Spec> {
    let fields = field.fields(report, FIELDS)?;
    let hosts = read_hosts(&fields, report);
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
    let default = default?;
    Some(Spec {
        hosts: hosts?,
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
    })
}

const WHEN_NO_UNIT: &[(&str, WhenNoUnit)] = &[
    ("default", WhenNoUnit::Default),
    ("random", WhenNoUnit::Random),
    ("issue-cookie", WhenNoUnit::IssueCookie),
    ("source-address", WhenNoUnit::SourceAddress),
];

/// A word out of a few.
fn choice<T: Copy>(field: &Field<'_>, report: &mut Report<'_>, choices: &[(&str, T)]) -> Option<T> {
    let text = field.text(report)?;
    let found = choices.iter().find(|(word, _)| *word == text);
    if found.is_none() {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        report.error(
            field.value_place(),
            "unknown-word",
            format!("`{text}` is not known here"),
            nearest_or_all(text, &words),
        );
    }
    found.map(|(_, choice)| *choice)
}

/// A name that can be a DNS label, a subset in Istio and a label value in Prometheus.
pub(super) fn label(field: &Field<'_>, report: &mut Report<'_>) -> Option<String> {
    let text = field.text(report)?;
    check_label(text, field, report).then(|| text.to_owned())
}

fn check_label(text: &str, field: &Field<'_>, report: &mut Report<'_>) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let good = !text.is_empty()
        && text.len() <= 63
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-');
    if !good {
        report.error(
            field.value_place(),
            "bad-name",
            format!("`{text}` cannot be a name"),
            "use at most 63 of a-z, 0-9 and `-`, with a letter or digit at both ends".to_owned(),
        );
    }
    good
}

/// A header's name, in lower case.
pub(super) fn header_name(field: &Field<'_>, report: &mut Report<'_>) -> Option<String> {
    let name = token(field, report)?;
    Some(name.to_ascii_lowercase())
}

/// A header that decides: never the one that carries decisions, which clients can only forge.
pub(super) fn deciding_header(
    field: &Field<'_>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Option<String> {
    let name = header_name(field, report)?;
    if name == context.variant_header {
        report.error(
            field.value_place(),
            "variant-header",
            format!(
                "`{name}` carries the decision, so what a client sends in it counts for nothing"
            ),
            "take another header".to_owned(),
        );
        return None;
    }
    Some(name)
}

/// A name of a header or cookie: a token of RFC 9110, section 5.6.2.
pub(super) fn token<'n>(field: &Field<'n>, report: &mut Report<'_>) -> Option<&'n str> {
    let name = field.filled(report)?;
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.bytes().all(good) {
        return Some(name);
    }
    let help = match name {
        ":path" => Some("write `path: {...}`".to_owned()),
        ":method" => Some("write `method: {...}`".to_owned()),
        ":authority" => Some("write `host: {...}`".to_owned()),
        _ => None,
    };
    report.error(
        field.value_place(),
        "bad-name",
        format!("`{name}` cannot be the name of a header or cookie"),
        help,
    );
    None
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
        let name = host.strip_prefix("*.").unwrap_or(host);
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        if (name != "*" && !name.bytes().all(good)) || name.len() > 253 {
            report.error(
                field.value_place(),
                "bad-host",
                format!("`{host}` is not a host name"),
                "write a name like `reviews` or `shop.example.com`, `*.example.com` or `*`"
                    .to_owned(),
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
        if name == NEVER {
            report.error(
                field.key_place(),
                "bad-name",
                "`never` cannot be a variant: as a pin it opts out",
                "give it another name".to_owned(),
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
            "a canary needs two variants or more",
            "write `variants: {stable: {}, canary: {}}`".to_owned(),
        );
    }
    if variants.len() > crate::policy::MAX_VARIANTS {
        report.error(
            field.key_place(),
            "too-many-variants",
            format!(
                "{} variants are more than the {} there can be",
                variants.len(),
                crate::policy::MAX_VARIANTS
            ),
            None,
        );
    }
    Some(variants)
}

fn read_variant(field: &Field<'_>, report: &mut Report<'_>) -> Option<Variant> {
    let fields = field.fields(report, &["labels", "endpoints", "max"])?;
    let mut variant = Variant::default();
    if let Some(labels) = fields.get("labels").and_then(|field| field.map(report)) {
        for (name, field) in labels.entries() {
            if let Some(value) = field.text(report) {
                variant.labels.push((name.to_owned(), value.to_owned()));
            }
        }
    }
    let endpoints = fields.get("endpoints").and_then(|field| field.list(report));
    for field in endpoints.unwrap_or_default() {
        let Some(text) = field.text(report) else {
            continue;
        };
        let port = text.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        if matches!(port, Some(Ok(1..))) {
            variant.endpoints.push(text.to_owned());
        } else {
            report.error(
                field.value_place(),
                "bad-endpoint",
                format!("`{text}` is not an address with a port"),
                "write `host:port`, like `127.0.0.1:8080`".to_owned(),
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

/// The name, if it is a variant's.
pub(super) fn known_variant(
    name: &str,
    field: &Field<'_>,
    variants: &[(String, Variant)],
    report: &mut Report<'_>,
) -> Option<String> {
    if variants.iter().any(|(known, _)| known == name) {
        return Some(name.to_owned());
    }
    let known: Vec<&str> = variants.iter().map(|(known, _)| known.as_str()).collect();
    report.error(
        field.value_place(),
        "unknown-variant",
        format!("unknown variant `{name}`"),
        nearest_or_all(name, &known),
    );
    None
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
            format!(
                "with three or more variants beside the default each needs its `max`; {} has none",
                super::fields::list(&without)
            ),
            "write the most that each may ever get, like `max: 20%`".to_owned(),
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
            "the `max` of all variants together is over 100%",
            "make them smaller".to_owned(),
        );
    }
}

fn read_pins(field: &Field<'_>, context: &Context<'_>, report: &mut Report<'_>) -> Option<Pins> {
    let fields = field.fields(report, &["header", "cookie", "query"])?;
    Some(Pins {
        header: fields
            .get("header")
            .and_then(|field| deciding_header(&field, context, report)),
        cookie: fields
            .get("cookie")
            .and_then(|field| token(&field, report).map(str::to_owned)),
        query: fields
            .get("query")
            .and_then(|field| field.filled(report).map(str::to_owned)),
    })
}

fn read_share(field: &Field<'_>, report: &mut Report<'_>) -> Option<Share> {
    if let crate::node::Value::Number(number) = &field.node.value {
        field.wrong_kind(
            report,
            "a share",
            format!("write it as a percentage: `{number}%`"),
        );
        return None;
    }
    let text = field.text(report)?;
    match Share::parse(text) {
        Ok(share) => Some(share),
        Err(wrong) => {
            report.error(
                field.value_place(),
                "bad-share",
                format!("the share `{text}` {wrong}"),
                None,
            );
            None
        }
    }
}

/// Shares by variant.
pub(super) fn read_shares(
    field: &Field<'_>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Option<Shares> {
    let map = field.map(report)?;
    let shares = map
        .entries()
        .filter_map(|(name, field)| read_variant_share(name, &field, context, report))
        .collect();
    at_most_everyone(field, &shares, report);
    Some(shares)
}

fn read_variant_share(
    name: &str,
    field: &Field<'_>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Option<(String, Share)> {
    let share = read_share(field, report);
    let (path, span) = field.key_place();
    if name == context.default {
        report.error(
            (path, span),
            "default-share",
            format!("`{name}` is the default, which gets whatever the others leave"),
            "take it out".to_owned(),
        );
        return None;
    }
    let variant = context.variants.iter().find(|(known, _)| known == name);
    let Some((_, variant)) = variant else {
        let known: Vec<&str> = context
            .variants
            .iter()
            .map(|(known, _)| known.as_str())
            .filter(|known| *known != context.default)
            .collect();
        report.error(
            (path, span),
            "unknown-variant",
            format!("unknown variant `{name}`"),
            nearest_or_all(name, &known),
        );
        return None;
    };
    if let (Some(share), Some(max)) = (share, variant.max)
        && share > max
    {
        report.error(
            field.value_place(),
            "over-max",
            format!("`{name}` may have {max} at most, and this is {share}"),
            "make it smaller, or its `max` larger (with a new salt: territories move)".to_owned(),
        );
        return None;
    }
    Some((name.to_owned(), share?))
}

fn at_most_everyone(field: &Field<'_>, shares: &Shares, report: &mut Report<'_>) {
    let whole: u64 = shares
        .iter()
        .map(|(_, share)| u64::from(share.millionths()))
        .sum();
    if whole > u64::from(Share::ALL.millionths()) {
        let tenths = whole / 1000;
        report.error(
            field.key_place(),
            "over-100",
            format!("these shares add up to {}.{}%", tenths / 10, tenths % 10),
            "make them 100% or less together".to_owned(),
        );
    }
}

fn read_unit(field: &Field<'_>, context: &Context<'_>, report: &mut Report<'_>) -> Vec<UnitSource> {
    const SOURCES: &[&str] = &["header", "cookie", "query"];
    let list = field.list(report).unwrap_or_default();
    let read = |field: Field<'_>| {
        let fields = field.fields(report, SOURCES)?;
        let (source, field) = fields.one_of(report, SOURCES)?;
        match source {
            "header" => deciding_header(&field, context, report).map(UnitSource::Header),
            "cookie" => token(&field, report).map(|name| UnitSource::Cookie(name.to_owned())),
            _ => field
                .filled(report)
                .map(|name| UnitSource::Query(name.to_owned())),
        }
    };
    list.into_iter().filter_map(read).collect()
}

fn read_issue_cookie(
    fields: &Fields<'_>,
    when_no_unit: WhenNoUnit,
    report: &mut Report<'_>,
) -> Option<IssueCookie> {
    const SAME_SITE: &[(&str, SameSite)] = &[
        ("Lax", SameSite::Lax),
        ("Strict", SameSite::Strict),
        ("None", SameSite::None),
    ];
    let field = fields.get("issueCookie")?;
    if when_no_unit != WhenNoUnit::IssueCookie {
        report.error(
            field.key_place(),
            "unused-field",
            "no cookie is issued here, so `issueCookie` means nothing",
            "write `whenNoUnit: issue-cookie` as well, or take it out".to_owned(),
        );
    }
    let known = [
        "name", "path", "domain", "maxAge", "sameSite", "secure", "httpOnly",
    ];
    let fields = field.fields(report, &known)?;
    let cookie = IssueCookie {
        name: fields
            .get("name")
            .and_then(|field| token(&field, report).map(str::to_owned)),
        path: fields
            .get("path")
            .and_then(|field| attribute(&field, report)),
        domain: fields
            .get("domain")
            .and_then(|field| attribute(&field, report)),
        max_age: fields
            .get("maxAge")
            .and_then(|field| read_seconds(&field, report)),
        same_site: fields
            .get("sameSite")
            .and_then(|field| choice(&field, report, SAME_SITE)),
        secure: fields.get("secure").and_then(|field| field.boolean(report)),
        http_only: fields
            .get("httpOnly")
            .and_then(|field| field.boolean(report)),
    };
    if cookie.same_site == Some(SameSite::None) && cookie.secure == Some(false) {
        report.error(
            field.key_place(),
            "insecure-cookie",
            "browsers drop a cookie with `sameSite: None` that is not `secure`",
            "write `secure: true`".to_owned(),
        );
    }
    Some(cookie)
}

/// The value of a cookie's attribute: it must not be able to start another attribute or header.
fn attribute(field: &Field<'_>, report: &mut Report<'_>) -> Option<String> {
    let text = field.filled(report)?;
    if text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b';' && byte != b',')
    {
        return Some(text.to_owned());
    }
    report.error(
        field.value_place(),
        "bad-attribute",
        format!("`{text}` cannot be in a cookie's attributes"),
        "use visible ASCII without `;` and `,`".to_owned(),
    );
    None
}

/// A length of time in seconds: `90s`, `15m`, `12h`, `180d`.
fn read_seconds(field: &Field<'_>, report: &mut Report<'_>) -> Option<u32> {
    let text = field.text(report)?;
    let units = [('s', 1u32), ('m', 60), ('h', 3600), ('d', 86_400)];
    let seconds = units.iter().find_map(|(unit, seconds)| {
        let count: u32 = text.strip_suffix(*unit)?.parse().ok()?;
        count.checked_mul(*seconds)
    });
    if seconds.is_none() {
        report.error(
            field.value_place(),
            "bad-duration",
            format!("`{text}` is not a length of time"),
            "write a number and s, m, h or d, like `180d`".to_owned(),
        );
    }
    seconds
}

fn read_ramp(
    field: &Field<'_>,
    context: &Context<'_>,
    base: &Shares,
    report: &mut Report<'_>,
) -> Vec<RampPoint> {
    let list = field.list(report).unwrap_or_default();
    let mut points: Vec<RampPoint> = Vec::with_capacity(list.len());
    // Shares that a point does not name are those before it, so sums are of what is in force.
    let mut in_force = base.clone();
    for (index, field) in list.iter().enumerate() {
        let Some(point) = read_ramp_point(field, index == 0, context, report) else {
            continue;
        };
        if let Some(before) = points.last()
            && point.at <= before.at
        {
            let at = field.peek().and_then(|fields| fields.get("at"));
            report.error(
                at.as_ref().unwrap_or(field).value_place(),
                "ramp-order",
                format!(
                    "{} is not after the point before it, {}",
                    point.at, before.at
                ),
                "put the points in the order of time".to_owned(),
            );
        }
        for (name, share) in &point.shares {
            in_force.retain(|(known, _)| known != name);
            in_force.push((name.clone(), *share));
        }
        at_most_everyone(field, &in_force, report);
        points.push(point);
    }
    points
}

fn read_ramp_point(
    field: &Field<'_>,
    first: bool,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Option<RampPoint> {
    const SHAPES: &[(&str, Shape)] = &[("step", Shape::Step), ("linear", Shape::Linear)];
    let map = field.map(report)?;
    let at = map
        .required(report, "at", "write `at: 2026-11-24T09:00:00Z`")
        .and_then(|field| read_time(&field, report));
    let mut shape = Shape::Step;
    if let Some(field) = map.get("shape") {
        shape = choice(&field, report, SHAPES).unwrap_or_default();
        if first && shape == Shape::Linear {
            report.error(
                field.value_place(),
                "ramp-start",
                "the first point has no point before it to draw a line from",
                "put a point with the share to start from in front of it".to_owned(),
            );
        }
    }
    let shares: Shares = map
        .entries()
        .filter(|(name, _)| !["at", "shape"].contains(name))
        .filter_map(|(name, field)| read_variant_share(name, &field, context, report))
        .collect();
    Some(RampPoint {
        at: at?,
        shape,
        shares,
    })
}

fn read_time(field: &Field<'_>, report: &mut Report<'_>) -> Option<Timestamp> {
    let text = field.text(report)?;
    let time = Timestamp::parse(text);
    if time.is_none() {
        report.error(
            field.value_place(),
            "bad-time",
            format!("`{text}` is not a time"),
            "write RFC 3339 with an offset, like `2026-11-24T09:00:00Z`".to_owned(),
        );
    }
    time
}
