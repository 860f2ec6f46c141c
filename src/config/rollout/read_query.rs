//! Reading `queries`: comparisons by PromQL, or by what proxies count anyway.

use super::{Origin, Proxies, Query, Ratio, Reporter, Untold};
use crate::config::Canary;
use crate::config::amount::read_number;
use crate::config::fields::{Field, Fields};
use crate::config::names::{choice, label};
use crate::config::report::Report;

/// Checks that are no queries.
const RESERVED: [&str; 2] = ["errors", "limit"];

/// The words of `from`.
const FROM: &[(&str, Proxies)] = &[
    (
        "istio",
        Proxies::Istio {
            reporter: Reporter::Source,
        },
    ),
    ("envoy", Proxies::Envoy),
];

const REPORTERS: &[(&str, Reporter)] = &[
    ("source", Reporter::Source),
    ("destination", Reporter::Destination),
    ("waypoint", Reporter::Waypoint),
];

pub(super) fn read_queries(field: &Field<'_>, report: &mut Report<'_>) -> Vec<Query> {
    let mut queries: Vec<Query> = Vec::new();
    for field in field.list(report).unwrap_or_default() {
        let Some(query) = read_query(&field, report) else {
            continue;
        };
        if RESERVED.contains(&query.name.as_str())
            || queries.iter().any(|other| other.name == query.name)
        {
            report.error(
                field.key_place(),
                "query-name-twice",
                format_args!("there is a check called `{}` already", query.name),
                "give the query another name",
            );
        }
        queries.push(query);
    }
    queries
}

fn read_query(field: &Field<'_>, report: &mut Report<'_>) -> Option<Query> {
    const FIELDS: &[&str] = &[
        "name",
        "from",
        "reporter",
        "canary",
        "control",
        "designEffect",
    ];
    let fields = field.fields(report, FIELDS)?;
    let origin = match fields.get("from") {
        Some(from) => read_proxies(&from, &fields, report).map(Origin::Proxies),
        None => read_written(&fields, report),
    };
    let reporter = fields.get("reporter");
    let istio = matches!(origin, Some(Origin::Proxies(Proxies::Istio { .. })));
    if let (Some(reporter), Some(_), false) = (reporter, &origin, istio) {
        report.error(
            reporter.key_place(),
            "reporter-without-istio",
            format_args!("only Istio's metrics have a reporter"),
            "write `from: istio` beside it, or take it out",
        );
    }
    let name = match (fields.get("name"), &origin) {
        (None, Some(Origin::Proxies(proxies))) => Some(proxies.name().to_owned()),
        (None, None) if fields.get("from").is_some() => None,
        _ => fields
            .required(report, "name", "write `name: checkout-errors`")
            .and_then(|field| label(&field, report)),
    };
    let design_effect = match fields.get("designEffect") {
        Some(field) => read_number(&field, (1, 10_000), report),
        None => Some(1),
    };
    Some(Query {
        name: name?,
        origin: origin?,
        design_effect: design_effect?,
    })
}

/// What proxies count anyway.
fn read_proxies(from: &Field<'_>, fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Proxies> {
    for name in ["canary", "control"] {
        if let Some(field) = fields.get(name) {
            report.error(
                field.key_place(),
                "one-too-many",
                format_args!("`{name}` stands beside `from`, which says what is counted"),
                "take one of them out",
            );
        }
    }
    let proxies = choice(from, report, FROM)?;
    match (proxies, fields.get("reporter")) {
        (Proxies::Istio { .. }, Some(field)) => Some(Proxies::Istio {
            reporter: choice(&field, report, REPORTERS)?,
        }),
        _ => Some(proxies),
    }
}

/// Two pairs of PromQL.
fn read_written(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Origin> {
    let mut ratio = |name: &'static str| {
        const HELP: &str =
            "write `{bad: ..., total: ...}` in PromQL, or `from: istio` or `from: envoy`";
        let field = fields.required(report, name, HELP)?;
        let fields = field.fields(report, &["bad", "total"])?;
        let mut text = |name| {
            let field = fields.required(report, name, "write PromQL that comes to one number")?;
            field.filled(report).map(str::to_owned)
        };
        let (bad, total) = (text("bad"), text("total"));
        Some(Ratio {
            bad: bad?,
            total: total?,
        })
    };
    let (canary, control) = (ratio("canary"), ratio("control"));
    Some(Origin::Written {
        canary: canary?,
        control: control?,
    })
}

/// Reports queries by proxies' counters that do not tell the two variants apart: this is known when
/// all of the canary is.
pub(in crate::config) fn check_queries(
    field: &Field<'_>,
    canary: &Canary,
    report: &mut Report<'_>,
) {
    let Some(rollout) = &canary.spec.rollout else {
        return;
    };
    let mut queries = Some(field.clone());
    for name in ["spec", "rollout", "analysis", "queries"] {
        queries = queries.and_then(|field| field.peek()?.get(name));
    }
    let default = &canary.spec.default;
    for query in queries.map(|field| field.items()).unwrap_or_default() {
        // What else is wrong with it has been reported.
        let mut unheard = Report {
            source: report.source,
            found: &mut Vec::new(),
        };
        let origin = read_query(&query, &mut unheard).map(|query| query.origin);
        let from = query.peek().and_then(|fields| fields.get("from"));
        let (Some(Origin::Proxies(proxies)), Some(from)) = (origin, from) else {
            continue;
        };
        let of = |variant| canary.selector(proxies, variant);
        let (code, message, help) = match (of(&rollout.variant), of(default)) {
            (Ok(one), Ok(other)) if one.meets(&other) => (
                "same-series",
                format!(
                    "the metrics of Istio do not tell `{}` from `{default}`",
                    rollout.variant
                ),
                "give them other versions in `labels`, or each a `service` of its own".to_owned(),
            ),
            (Ok(_), Ok(_)) => continue,
            (Err(why), _) => told(&why, &rollout.variant),
            (_, Err(why)) => told(&why, default),
        };
        report.error(from.value_place(), code, format_args!("{message}"), help);
    }
}

/// Why a variant is not told by proxies' counters: code, message and help.
fn told(why: &Untold, variant: &str) -> (&'static str, String, String) {
    let (code, message, help) = match why {
        Untold::Service => (
            "no-service",
            "no host can be the name of the service by which Istio's metrics know the variants"
                .to_owned(),
            "write `service: reviews.bookinfo.svc` beside `hosts`",
        ),
        Untold::Namespace(service) => (
            "no-namespace",
            format!(
                "Istio's metrics have full names of services, and `{service}` is in no namespace"
            ),
            "write `namespace` into `metadata`, or `reviews.bookinfo.svc` where the service is named",
        ),
        Untold::Version => (
            "no-version",
            format!(
                "the metrics of Istio do not tell variant `{variant}`: it has no label `version`, and no service of its own"
            ),
            "write `labels: {version: v1}`, or both pairs of counters in PromQL",
        ),
        Untold::Endpoints => (
            "no-endpoints",
            format!(
                "variant `{variant}` has no endpoints, so `render envoy` makes no cluster whose requests are counted"
            ),
            "write `endpoints: [\"host:port\"]` into the variant, or both pairs of counters in PromQL",
        ),
        Untold::Grpc => (
            "grpc-uncounted",
            "Envoy's clusters count statuses of HTTP, which are 200 where a gRPC call fails"
                .to_owned(),
            "write `evidence: {}`, which counts gRPC's statuses too",
        ),
    };
    (code, message, help.to_owned())
}
