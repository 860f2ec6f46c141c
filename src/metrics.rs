//! What the filter counts: its metrics, their labels, and how many series they may come to.
//!
//! The names are an interface, as the fields of the config are: dashboards, alerts and rollouts are
//! made of them. `docs/metrics.md` tells users the same; a test holds it against this list.
//!
//! The ABI of WebAssembly filters has no labels. They stand in a metric's name, in the order of
//! [`LABELS`], each as `label=.=value;.;` with the metric's own name behind the last one. Who sets up
//! the proxy has it take them out of there: [`tag_regex`] is what that takes.

use crate::arm::SLICES;
use crate::baggage::Dropped;
use crate::config::{Canary, Spec};
use crate::pin::Cause;
use crate::reason::Reason;
use crate::response::{Class, Grpc};

/// What stands between a label and its value in the name of a metric.
pub const EQUALS: &str = "=.=";

/// What stands behind a label's value in the name of a metric.
pub const ENDS: &str = ";.;";

/// A label of some metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// What its values are.
    pub meaning: &'static str,
}

/// A metric of the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// How requests were decided.
    Decisions,
    /// How responses to the drawn ended.
    Responses,
    /// How long responses to the drawn took.
    Latency,
    /// Which of them took longer than a bound.
    SlowResponses,
    /// What gRPC says of the responses to the drawn.
    GrpcResponses,
    /// How responses to those ended who came to a variant without a draw.
    ChosenResponses,
    /// What guards did.
    GuardChanges,
    /// How many workers hold a variant back.
    GuardOpen,
    /// Decisions that could not go on to the next hop.
    Baggage,
    /// Pins that count for nothing.
    PinRefusals,
}

/// How a metric counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Up from 0, since the start of the proxy.
    Counter,
    /// What is so now, in all workers together.
    Gauge,
    /// Values, by the buckets of the proxy.
    Histogram,
}

/// All labels, in the order in which they stand in names.
pub const LABELS: [Label; 13] = [
    Label {
        name: "canary",
        meaning: "the canary, with its namespace and `/` in front if it has one",
    },
    Label {
        name: "variant",
        meaning: "the variant that the request was given",
    },
    Label {
        name: "reason",
        meaning: "why, as in [the order of decisions](config.md)",
    },
    Label {
        name: "choice",
        meaning: "how somebody came to a variant without a draw: `pin`, `rule`, `inherited`",
    },
    Label {
        name: "arm",
        meaning: "whom a drawn request is compared with: a variant, `control`, `rest`",
    },
    Label {
        name: "served",
        meaning: "the variant that served; another than the arm's if the guard held that back",
    },
    Label {
        name: "slice",
        meaning: "a sixteenth of the arm's users, `0` to `15`",
    },
    Label {
        name: "bound",
        meaning: "the time that was exceeded, in milliseconds",
    },
    Label {
        name: "class",
        meaning: "how the response ended: `ok`, `4xx`, `5xx`, `reset`, `cancelled`",
    },
    Label {
        name: "grpc_status",
        meaning: "the status of gRPC, `0` to `16`",
    },
    Label {
        name: "state",
        meaning: "of a [guard](guard.md): `open`, `half-open`, `closed`",
    },
    Label {
        name: "outcome",
        meaning: "why a decision does not go on: `full`, `malformed`",
    },
    Label {
        name: "cause",
        meaning: "why a pin [counts for nothing](signed-pins.md)",
    },
];

/// The upper bounds of Envoy's own histogram buckets, in milliseconds, which hold unless somebody
/// asks Envoy for others (`Histogram::Settings` in source/common/stats/histogram_impl.cc).
pub const BUCKETS: [f64; 19] = [
    0.5,
    1.0,
    5.0,
    10.0,
    25.0,
    50.0,
    100.0,
    250.0,
    500.0,
    1_000.0,
    2_500.0,
    5_000.0,
    10_000.0,
    30_000.0,
    60_000.0,
    300_000.0,
    600_000.0,
    1_800_000.0,
    3_600_000.0,
];

/// How many states a guard has.
const STATES: usize = 3;

/// The series of a histogram that are no bucket of [`BUCKETS`]: the one for all values, the sum and
/// the count.
const BESIDE_BUCKETS: usize = 3;

/// The regex by which Envoy (`stats_tags`) takes a label out of the name of a metric; the one that
/// Istio makes of an entry of `extraStatTags`.
pub fn tag_regex(label: &str) -> String {
    format!(r"({label}=\.=(.*?);\.;)")
}

// === impl Metric ===

impl Metric {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Decisions,
        Self::Responses,
        Self::Latency,
        Self::SlowResponses,
        Self::GrpcResponses,
        Self::ChosenResponses,
        Self::GuardChanges,
        Self::GuardOpen,
        Self::Baggage,
        Self::PinRefusals,
    ];

    /// Its name, as Prometheus has it: a histogram's series have `_bucket`, `_sum` and `_count`
    /// behind it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Decisions => "coalmine_decisions",
            Self::Responses => "coalmine_responses",
            Self::Latency => "coalmine_latency_milliseconds",
            Self::SlowResponses => "coalmine_slow_responses",
            Self::GrpcResponses => "coalmine_grpc_responses",
            Self::ChosenResponses => "coalmine_chosen_responses",
            Self::GuardChanges => "coalmine_guard_changes",
            Self::GuardOpen => "coalmine_guard_open",
            Self::Baggage => "coalmine_baggage",
            Self::PinRefusals => "coalmine_pin_refusals",
        }
    }

    /// How it counts.
    pub fn kind(self) -> Kind {
        match self {
            Self::Latency => Kind::Histogram,
            Self::GuardOpen => Kind::Gauge,
            _ => Kind::Counter,
        }
    }

    /// The names of its labels, in the order of [`LABELS`].
    pub fn labels(self) -> &'static [&'static str] {
        match self {
            Self::Decisions => &["canary", "variant", "reason"],
            Self::Responses => &["canary", "arm", "served", "slice", "class"],
            Self::Latency => &["canary", "arm", "served"],
            Self::SlowResponses => &["canary", "arm", "served", "slice", "bound"],
            Self::GrpcResponses => &["canary", "arm", "served", "grpc_status"],
            Self::ChosenResponses => &["canary", "variant", "choice", "class"],
            Self::GuardChanges => &["canary", "variant", "state"],
            Self::GuardOpen => &["canary", "variant"],
            Self::Baggage => &["canary", "outcome"],
            Self::PinRefusals => &["canary", "cause"],
        }
    }

    /// What it counts.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Decisions => "requests that a canary governs",
            Self::Responses => "responses to those who were drawn",
            Self::Latency => "the time from the headers of those requests to those of the response",
            Self::SlowResponses => {
                "those of these responses that took longer than a bound, once for each bound"
            }
            Self::GrpcResponses => "those of these responses that are of gRPC",
            Self::ChosenResponses => {
                "responses to those who came to a variant beside the default without a draw"
            }
            Self::GuardChanges => "changes of a guard to a state, in all workers",
            Self::GuardOpen => "the workers that hold a guarded variant back, or try it",
            Self::Baggage => "decisions that could not go on to the next hop",
            Self::PinRefusals => "requests with a pin that was refused, once for each cause",
        }
    }

    /// How many series of it a proxy can have of a canary, whatever its users do. In most proxies
    /// it is far fewer, since a series is there from the first time that it is counted in.
    pub fn most_series(self, canary: &Canary) -> usize {
        let spec = &canary.spec;
        let evidence = |series: usize| spec.evidence.as_ref().map_or(0, |_| series);
        let classes = Class::ALL.len();
        match self {
            Self::Decisions => {
                let reasons = Reason::FIXED.saturating_add(spec.rules.len());
                spec.variants.len().saturating_mul(reasons)
            }
            Self::Responses => {
                let cells = usize::from(SLICES).saturating_mul(classes);
                evidence(rows(spec).saturating_mul(cells))
            }
            Self::Latency => {
                let series = BUCKETS.len().saturating_add(BESIDE_BUCKETS);
                evidence(rows(spec).saturating_mul(series))
            }
            Self::SlowResponses => {
                let bounds = spec.evidence.as_ref();
                let bounds = bounds.map_or(0, |evidence| evidence.slower_than.len());
                let cells = usize::from(SLICES).saturating_mul(bounds);
                rows(spec).saturating_mul(cells)
            }
            Self::GrpcResponses => evidence(rows(spec).saturating_mul(Grpc::STATUSES)),
            Self::ChosenResponses => {
                let series = beside_default(spec).saturating_mul(choices(spec));
                evidence(series.saturating_mul(classes))
            }
            Self::GuardChanges => guarded(spec).saturating_mul(STATES),
            Self::GuardOpen => guarded(spec),
            Self::Baggage if spec.propagate.is_some_and(|propagate| propagate.baggage) => {
                Dropped::ALL
            }
            Self::Baggage => 0,
            Self::PinRefusals if spec.pins.signed.is_some() => Cause::ALL.len(),
            Self::PinRefusals => 0,
        }
    }
}

fn beside_default(spec: &Spec) -> usize {
    spec.variants.len().saturating_sub(1)
}

/// How many variants have a guard.
fn guarded(spec: &Spec) -> usize {
    match &spec.guard {
        None => 0,
        Some(guard) if guard.variant.is_some() => 1,
        Some(_) => beside_default(spec),
    }
}

/// The pairs of an arm and a variant that serves it: each variant beside the default by itself and,
/// if it is guarded, by the default; the control cohort and the rest by the default.
fn rows(spec: &Spec) -> usize {
    let rest = spec.evidence.as_ref().is_some_and(|evidence| evidence.rest);
    let of_default = if rest { 2 } else { 1usize };
    beside_default(spec)
        .saturating_add(guarded(spec))
        .saturating_add(of_default)
}

/// The ways that there are to come to a variant without a draw.
fn choices(spec: &Spec) -> usize {
    [
        !spec.pins.is_empty(),
        !spec.rules.is_empty(),
        spec.inherit.is_some(),
    ]
    .into_iter()
    .map(usize::from)
    .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_stand_in_one_order() {
        for metric in Metric::ALL {
            let places = metric.labels().iter().map(|name| {
                let place = LABELS.iter().position(|label| label.name == *name);
                place.unwrap_or(usize::MAX)
            });
            let places: Vec<usize> = places.collect();
            assert!(places.is_sorted(), "{}", metric.name());
            assert!(!places.contains(&usize::MAX), "{}", metric.name());
        }
    }

    /// Or the proxy would take one out of the other.
    #[test]
    fn no_label_ends_as_another_does() {
        for label in LABELS {
            let others = LABELS.iter().filter(|other| other.name != label.name);
            let ends_so = others.filter(|other| other.name.ends_with(label.name));
            assert_eq!(ends_so.count(), 0, "{}", label.name);
        }
    }
}
