//! `guard`: when the filter itself takes a variant out of service, and for how long.

use super::amount::{read_millis, read_number};
use super::context::Context;
use super::fields::Field;
use super::names::known_variant;
use super::read_shares::read_share;
use super::report::Report;
use super::write;
use crate::bucket::Share;
use serde::Serialize;

/// The filter's circuit breaker for variants that fail.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Guard {
    /// Which variant it guards; every one beside the default, each for itself, if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Over how long responses are counted, in milliseconds.
    #[serde(serialize_with = "write::millis")]
    pub window: u32,
    /// With fewer responses in the window nothing is concluded.
    pub min_requests: u32,
    /// The part of the responses that may fail.
    pub max_error_rate: Share,
    /// A response that begins later than this, in milliseconds, has failed as well, and so has a
    /// request that waits longer. At most half of the window.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "write::maybe_millis"
    )]
    pub max_latency: Option<u32>,
    /// How long the variant gives nothing, in milliseconds.
    #[serde(serialize_with = "write::millis")]
    pub cool_down: u32,
    /// How many requests it is tried with after that.
    pub probes: u32,
    /// Whether workers of one proxy tell each other that a variant is out of service.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub shared: bool,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            variant: None,
            window: 10_000,
            min_requests: 20,
            max_error_rate: Share::from_millionths(200_000).unwrap_or(Share::ALL),
            max_latency: None,
            cool_down: 60_000,
            probes: 5,
            shared: false,
        }
    }
}

pub(super) fn read_guard(
    field: &Field<'_>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Option<Guard> {
    const FIELDS: &[&str] = &[
        "variant",
        "window",
        "minRequests",
        "maxErrorRate",
        "maxLatency",
        "coolDown",
        "probes",
        "shared",
    ];
    const COUNT: (u32, u32) = (1, 1_000_000);
    let fields = field.fields(report, FIELDS)?;
    let usual = Guard::default();
    let variant = fields.get("variant").and_then(|field| {
        let name = field.text(report)?;
        let name = known_variant(name, &field, context.variants, report)?;
        if name == context.default {
            report.error(
                field.value_place(),
                "guarded-default",
                format_args!(
                    "`{name}` is the default, which serves whoever is taken from the others"
                ),
                "name the variant that is to be taken out of service",
            );
            return None;
        }
        Some(name)
    });
    let mut millis = |name, usual| {
        let field = fields.get(name);
        field.map_or(Some(usual), |field| read_millis(&field, report))
    };
    let (window, cool_down) = (
        millis("window", usual.window),
        millis("coolDown", usual.cool_down),
    );
    let max_latency = fields
        .get("maxLatency")
        .map(|field| read_millis(&field, report).ok_or(()))
        .transpose();
    let mut count = |name, usual| {
        let field = fields.get(name);
        field.map_or(Some(usual), |field| read_number(&field, COUNT, report))
    };
    let (min_requests, probes) = (
        count("minRequests", usual.min_requests),
        count("probes", usual.probes),
    );
    let max_error_rate = fields
        .get("maxErrorRate")
        .map_or(Some(usual.max_error_rate), |field| {
            read_share(&field, report)
        });
    let shared = fields.get("shared").and_then(|field| field.boolean(report));
    if let (Some(Share::ALL), Some(field)) = (max_error_rate, fields.get("maxErrorRate")) {
        report.error(
            field.value_place(),
            "guard-without-effect",
            format_args!("the guard never acts: no more than 100% of the responses can fail"),
            "write less, like `20%`",
        );
    }
    if let (Some(window), Ok(Some(most)), Some(field)) =
        (window, max_latency, fields.get("maxLatency"))
        && most > window / 2
    {
        report.error(
            field.value_place(),
            "max-latency-too-long",
            format_args!("this is more than half of the window: requests that hang would leave it before they count"),
            format!(
                "write at most `{}ms`, or a window of at least `{}ms`",
                window / 2,
                most.saturating_mul(2)
            ),
        );
    }
    Some(Guard {
        variant,
        window: window?,
        min_requests: min_requests?,
        max_error_rate: max_error_rate?,
        max_latency: max_latency.ok()?,
        cool_down: cool_down?,
        probes: probes?,
        shared: shared.unwrap_or_default(),
    })
}
