//! What a request brings: pins, the unit, and the cookie for whoever has none.

use super::amount::read_seconds;
use super::context::Context;
use super::fields::{Field, Fields};
use super::names::{attribute, choice, header_name, token};
use super::report::Report;
use super::signed::read_signed;
use super::{IssueCookie, Pins, SameSite, UnitSource, WhenNoUnit};

/// A header that decides: never the one that carries decisions, which clients can only forge.
pub(super) fn deciding_header(
    field: &Field<'_>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Option<String> {
    let name = header_name(field, report)?;
    if name == "host" {
        report.error(
            field.value_place(),
            "bad-name",
            format_args!("`host` is no header to a proxy, which has it as `:authority` in every version of HTTP"),
            "write a rule with `host: {...}`",
        );
        return None;
    }
    if name == context.variant_header {
        report.error(
            field.value_place(),
            "variant-header",
            format_args!(
                "`{name}` carries the decision, so what a client sends in it counts for nothing"
            ),
            "take another header",
        );
        return None;
    }
    Some(name)
}

pub(super) fn read_pins(
    field: &Field<'_>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Option<Pins> {
    let fields = field.fields(report, &["header", "cookie", "query", "signed"])?;
    let nowhere = ["header", "cookie", "query"]
        .iter()
        .all(|name| fields.get(name).is_none());
    if let (Some(signed), true) = (fields.get("signed"), nowhere) {
        report.error(
            signed.key_place(),
            "no-place",
            format_args!("a signed pin is looked for nowhere"),
            "write where beside it: `header`, `cookie` or `query`",
        );
    }
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
        signed: fields
            .get("signed")
            .and_then(|field| read_signed(&field, report)),
    })
}

pub(super) fn read_unit(
    field: &Field<'_>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Vec<UnitSource> {
    const SOURCES: &[&str] = &["header", "cookie", "query"];
    const SEVERAL: &str = "make an item of each: `[{header: x-user-id}, {cookie: session}]`";
    let list = field.list(report).unwrap_or_default();
    let read = |field: Field<'_>| {
        let fields = field.fields(report, SOURCES)?;
        let (source, field) = fields.one_of(report, SOURCES, SEVERAL)?;
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

pub(super) const WHEN_NO_UNIT: &[(&str, WhenNoUnit)] = &[
    ("default", WhenNoUnit::Default),
    ("random", WhenNoUnit::Random),
    ("issue-cookie", WhenNoUnit::IssueCookie),
    ("source-address", WhenNoUnit::SourceAddress),
];

pub(super) fn read_issue_cookie(
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
            format_args!("no cookie is issued here, so `issueCookie` means nothing"),
            "write `whenNoUnit: issue-cookie` as well, or take it out",
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
    let named = |prefix: &str| {
        let name = cookie.name.as_deref();
        name.is_some_and(|name| name.starts_with(prefix))
    };
    let host_only = cookie.domain.is_none() && matches!(cookie.path.as_deref(), None | Some("/"));
    if (named("__Host-") && !host_only)
        || ((named("__Host-") || named("__Secure-")) && cookie.secure != Some(true))
    {
        report.error(
            field.key_place(),
            "bad-cookie",
            format_args!("browsers drop a cookie of this name with these attributes"),
            "`__Secure-` needs `secure: true`; `__Host-` needs it too, the path `/` and no domain",
        );
    }
    if cookie
        .path
        .as_deref()
        .is_some_and(|path| !path.starts_with('/'))
    {
        report.error(
            field.key_place(),
            "bad-cookie",
            format_args!("browsers ignore a cookie's `path` that does not start with `/`"),
            None,
        );
    }
    if cookie.same_site == Some(SameSite::None) && cookie.secure == Some(false) {
        report.error(
            field.key_place(),
            "insecure-cookie",
            format_args!("browsers drop a cookie with `sameSite: None` that is not `secure`"),
            "write `secure: true`",
        );
    }
    Some(cookie)
}
