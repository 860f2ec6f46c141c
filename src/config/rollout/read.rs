//! Reading `rollout`, but for its freezes.

use super::read_freeze::read_freeze;
use super::read_query::read_queries;
use super::{Analysis, Limit, Rollout, Step};
use crate::bucket::Share;
use crate::config::Shares;
use crate::config::amount::{read_length_to_days, read_number};
use crate::config::context::Context;
use crate::config::fields::{Field, Fields};
use crate::config::names::known_variant;
use crate::config::read_shares::read_share;
use crate::config::report::Report;

/// Requests before a step, if nobody says.
const MIN_REQUESTS: u32 = 100;

/// Evidence is not read more often, in milliseconds.
const LEAST_EVERY: u32 = 100;

/// How many a count may be.
const COUNT: (u32, u32) = (1, 1_000_000_000);

/// The share above which the default has fewer users left than the variant.
const HALF: u32 = 500_000;

pub(in crate::config) fn read_rollout(
    field: &Field<'_>,
    (beside, shares): (&Fields<'_>, &Shares),
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Option<Rollout> {
    const FIELDS: &[&str] = &["variant", "revision", "steps", "analysis", "freeze"];
    let fields = field.fields(report, FIELDS)?;
    let variant = read_variant(field, &fields, context, report);
    let revision = fields.get("revision").and_then(|field| {
        let text = field.filled(report)?;
        Some(text.to_owned())
    });
    let max = context
        .variants
        .iter()
        .find(|(name, _)| Some(name) == variant.as_ref())
        .and_then(|(_, variant)| variant.max);
    let others = shares
        .iter()
        .filter(|(name, _)| Some(name) != variant.as_ref());
    let others = others.map(|(_, share)| share.millionths()).sum::<u32>();
    let steps = read_steps(&fields, max, others, report);
    let analysis = match fields.get("analysis") {
        Some(field) => read_analysis(&field, report),
        None => Some(Analysis::default()),
    };
    let freeze = fields
        .get("freeze")
        .and_then(|field| field.list(report))
        .unwrap_or_default()
        .iter()
        .filter_map(|field| read_freeze(field, report))
        .collect();
    if let Some(ramp) = beside.get("ramp") {
        report.error(
            ramp.key_place(),
            "ramp-beside-rollout",
            format_args!(
                "a ramp moves shares by the clock, and a rollout by evidence: only one can"
            ),
            "take one of them out",
        );
    }
    let counted = beside.get("evidence").is_some();
    let written = fields.get("analysis").and_then(|field| field.peek());
    let queries = written.as_ref().and_then(|fields| fields.get("queries"));
    // Those that are wrong are told by themselves.
    if !counted && queries.is_none_or(|field| field.items().is_empty()) {
        report.error(
            field.key_place(),
            "rollout-without-evidence",
            format_args!("there is nothing to judge the variant by"),
            "write `evidence: {}` beside it, or `queries` under `analysis`",
        );
    }
    if let Some(limit) = written.and_then(|fields| fields.get("limit"))
        && !counted
    {
        report.error(
            limit.key_place(),
            "limit-without-evidence",
            format_args!("the limit looks at what the filter counts, which is nothing here"),
            "write `evidence: {}` beside the rollout, or take the limit out",
        );
    }
    Some(Rollout {
        variant: variant?,
        revision,
        steps: steps?,
        analysis: analysis?,
        freeze,
    })
}

/// The one that is named, or the only one there is beside the default.
fn read_variant(
    rollout: &Field<'_>,
    fields: &Fields<'_>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Option<String> {
    let Some(field) = fields.get("variant") else {
        let mut others = context
            .variants
            .iter()
            .filter(|(name, _)| name != context.default);
        if let (Some((only, _)), None) = (others.next(), others.next()) {
            return Some(only.clone());
        }
        report.error(
            rollout.key_place(),
            "missing-field",
            format_args!("`variant` is missing, and there are several beside the default"),
            "name the variant that is rolled out",
        );
        return None;
    };
    let name = known_variant(field.text(report)?, &field, context.variants, report)?;
    if name == context.default {
        report.error(
            field.value_place(),
            "rollout-of-the-default",
            format_args!("`{name}` is the default, which everyone has who has no other"),
            "name the variant that is rolled out",
        );
        return None;
    }
    Some(name)
}

/// `others` is what other variants have of the line, in millionths.
fn read_steps(
    fields: &Fields<'_>,
    max: Option<Share>,
    others: u32,
    report: &mut Report<'_>,
) -> Option<Vec<Step>> {
    let list = fields
        .required(report, "steps", "write `steps: [{share: 1%, for: 10m}]`")?
        .filled_list(report, "a rollout needs a step")?;
    let mut steps: Vec<Step> = Vec::with_capacity(list.len());
    for field in &list {
        let Some((step, share)) = read_step(field, report) else {
            continue;
        };
        if let Some(before) = steps.last()
            && step.share <= before.share
        {
            report.error(
                share.value_place(),
                "step-order",
                format_args!(
                    "{} is not more than the {} before it",
                    step.share, before.share
                ),
                "let shares grow from step to step; a rollback needs no step",
            );
        }
        if step.share != Share::ALL
            && step.share.millionths().saturating_add(others) > Share::ALL.millionths()
        {
            report.error(
                share.value_place(),
                "over-100",
                format_args!(
                    "with the shares of the other variants, {} is more than everyone",
                    step.share
                ),
                "make it smaller, or the others",
            );
        } else if let Some(max) = max
            && step.share > max
        {
            report.error(
                share.value_place(),
                "over-max",
                format_args!(
                    "the variant may have {max} at most, and this is {}",
                    step.share
                ),
                "make it smaller, or its `max` larger (with a new salt: territories move)",
            );
        } else if step.share.millionths() > HALF && step.share != Share::ALL {
            report.warning(
                share.value_place(),
                "step-over-half",
                format_args!("above 50% the control cohort is smaller than the variant: only the limit watches this step"),
                "let the last step be 50% or less; everyone follows it by itself",
            );
        } else if step.share == Share::ALL {
            report.error(
                share.value_place(),
                "step-of-everyone",
                format_args!(
                    "everyone is where the rollout goes by itself when its steps are done"
                ),
                "take this step out",
            );
        }
        steps.push(step);
    }
    (!steps.is_empty()).then_some(steps)
}

/// A step, and where its share stands.
fn read_step<'n>(field: &Field<'n>, report: &mut Report<'_>) -> Option<(Step, Field<'n>)> {
    let fields = field.fields(report, &["share", "for", "minRequests", "approve"])?;
    let place = fields.required(report, "share", "write `share: 1%`");
    let share = place.as_ref().and_then(|field| read_share(field, report));
    if let (Some(Share::NONE), Some(field)) = (share, &place) {
        report.error(
            field.value_place(),
            "bad-share",
            format_args!("a step of nobody shows nothing"),
            "write more, like `0.1%`",
        );
        return None;
    }
    let hold = fields
        .required(report, "for", "write `for: 10m`")
        .and_then(|field| read_length_to_days(&field, report));
    let min_requests = match fields.get("minRequests") {
        Some(field) => read_number(&field, COUNT, report),
        None => Some(MIN_REQUESTS),
    };
    let approve = fields
        .get("approve")
        .and_then(|field| field.boolean(report));
    let step = Step {
        share: share?,
        hold: hold?,
        min_requests: min_requests?,
        approve: approve.unwrap_or_default(),
    };
    Some((step, place?))
}

fn read_analysis(field: &Field<'_>, report: &mut Report<'_>) -> Option<Analysis> {
    const FIELDS: &[&str] = &[
        "every",
        "delay",
        "tolerance",
        "falseRollback",
        "limit",
        "alertAfter",
        "queries",
    ];
    let fields = field.fields(report, FIELDS)?;
    let usual = Analysis::default();
    let mut length = |name, usual| match fields.get(name) {
        Some(field) => read_length_to_days(&field, report),
        None => Some(usual),
    };
    let (every, delay, alert_after) = (
        length("every", usual.every),
        length("delay", usual.delay),
        length("alertAfter", usual.alert_after),
    );
    if let (Some(..LEAST_EVERY), Some(field)) = (every, fields.get("every")) {
        report.error(
            field.value_place(),
            "too-often",
            format_args!("Prometheus has nothing new that often"),
            "write at least `100ms`, or `30s` where proxies are read every 15 s",
        );
    }
    let mut share = |name, usual| match fields.get(name) {
        Some(field) => read_share(&field, report),
        None => Some(usual),
    };
    let tolerance = share("tolerance", usual.tolerance);
    let false_rollback = share("falseRollback", usual.false_rollback);
    if let (Some(share), Some(field)) = (false_rollback, fields.get("falseRollback"))
        && !(1..=100_000).contains(&share.millionths())
    {
        report.error(
            field.value_place(),
            "bad-share",
            format_args!("no test keeps a promise of never, and more than one in ten is none"),
            "write more than 0% and at most 10%, like `1%`",
        );
    }
    let limit = match fields.get("limit") {
        Some(field) => read_limit(&field, report),
        None => Some(Limit::default()),
    };
    let limit = limit.map(|mut limit| {
        let written = fields.get("limit").and_then(|field| field.peek());
        if written.is_none_or(|fields| fields.get("window").is_none()) {
            limit.window = limit.window.max(every.unwrap_or_default());
        }
        limit
    });
    if let (Some(limit), Some(every), Some(field)) = (&limit, every, fields.get("limit"))
        && limit.window < every
    {
        report.error(
            field.key_place(),
            "window-too-short",
            format_args!("its window is shorter than the time from one reading to the next"),
            "let `window` be `every` at least",
        );
    }
    let queries = fields.get("queries");
    let queries = queries.map(|field| read_queries(&field, report));
    Some(Analysis {
        every: every?,
        delay: delay?,
        tolerance: tolerance?,
        false_rollback: false_rollback?,
        limit: limit?,
        alert_after: alert_after?,
        queries: queries.unwrap_or_default(),
    })
}

fn read_limit(field: &Field<'_>, report: &mut Report<'_>) -> Option<Limit> {
    let fields = field.fields(report, &["maxErrorRate", "minRequests", "window"])?;
    let usual = Limit::default();
    let max_error_rate = match fields.get("maxErrorRate") {
        Some(field) => read_share(&field, report),
        None => Some(usual.max_error_rate),
    };
    let min_requests = match fields.get("minRequests") {
        Some(field) => read_number(&field, COUNT, report),
        None => Some(usual.min_requests),
    };
    let window = match fields.get("window") {
        Some(field) => read_length_to_days(&field, report),
        None => Some(usual.window),
    };
    Some(Limit {
        max_error_rate: max_error_rate?,
        min_requests: min_requests?,
        window: window?,
    })
}
