//! Responses by arm: `coalmine_responses`, `coalmine_latency_milliseconds`, `coalmine_slow_responses`,
//! `coalmine_grpc_responses`, and `coalmine_chosen_responses` of those who were not drawn.

use crate::host::Host;
use crate::metric::{Label, Metric};
use coalmine::arm::{Arm, Drawn, SLICES};
use coalmine::config::MAX_BOUNDS;
use coalmine::metrics::Metric as Name;
use coalmine::policy::CanaryPolicy;
use coalmine::response::{Class, Grpc};
use coalmine::{Policy, Reason, VariantId};
use core::cell::OnceCell;

const CLASSES: usize = Class::ALL.len();

/// The metrics of a policy, a row for each arm and variant that serves it, made when it is first
/// counted in: most canaries of a proxy see no request.
#[derive(Debug)]
pub(crate) struct Evidence(Vec<OnceCell<Box<Canary>>>);

/// Those of one canary.
#[derive(Debug)]
struct Canary {
    rows: Vec<OnceCell<Box<Row>>>,
    chosen: Vec<[[Metric; CLASSES]; Choice::ALL.len()]>,
}

/// Those of one arm and the variant that served it.
#[derive(Debug, Default)]
struct Row {
    slices: [[Metric; CLASSES]; SLICES as usize],
    latency: Metric,
    /// Made when the first response was slow: in most rows none ever is.
    slow: OnceCell<Box<[[Metric; MAX_BOUNDS]; SLICES as usize]>>,
    grpc: [Metric; Grpc::STATUSES],
}

/// How somebody came to a variant without a draw.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Choice {
    Pin,
    Rule,
    Inherited,
}

/// What is counted of one response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    pub(crate) class: Class,
    /// From the request's headers to those of the response, in nanoseconds, if any came.
    pub(crate) latency: Option<u64>,
    pub(crate) grpc: Option<Grpc>,
}

// === impl Choice ===

impl Choice {
    const ALL: [Self; 3] = [Self::Pin, Self::Rule, Self::Inherited];

    /// The choice behind a reason, if it is one.
    pub(crate) fn of(reason: Reason) -> Option<Self> {
        match reason {
            Reason::Pin => Some(Self::Pin),
            Reason::Rule(_) => Some(Self::Rule),
            Reason::Inherited => Some(Self::Inherited),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Pin => "pin",
            Self::Rule => "rule",
            Self::Inherited => "inherited",
        }
    }
}

// === impl Evidence ===

impl Evidence {
    pub(crate) fn of(policy: &Policy) -> Self {
        let mut canaries = Vec::new();
        canaries.resize_with(policy.canaries().len(), OnceCell::new);
        Self(canaries)
    }

    fn canary(&self, policy: &CanaryPolicy) -> Option<&Canary> {
        let cell = self.0.get(policy.number())?;
        Some(cell.get_or_init(|| Box::new(Canary::of(policy.variant_names().len()))))
    }

    /// Counts the response to somebody who was drawn.
    pub(crate) fn count_drawn(
        &self,
        host: &Host,
        policy: &CanaryPolicy,
        (drawn, served): (Drawn, VariantId),
        counted: Counted,
    ) {
        let row = self.canary(policy).and_then(|c| c.row(drawn.arm, served));
        let Some(row) = row else {
            return;
        };
        let labels = || row_labels(policy, drawn.arm, served);
        let slice = row.slices.get(usize::from(drawn.slice));
        if let Some(metric) = slice.and_then(|slice| slice.get(counted.class.index())) {
            metric.count(host, || {
                let [canary, arm, served] = labels();
                let slice = Label("slice", drawn.slice);
                let class = Label("class", counted.class.name());
                format!(
                    "{canary}{arm}{served}{slice}{class}{}",
                    Name::Responses.name()
                )
            });
        }
        if let Some(latency) = counted.latency {
            row.latency.record(host, latency / 1_000_000, || {
                let [canary, arm, served] = labels();
                format!("{canary}{arm}{served}{}", Name::Latency.name())
            });
        }
        if let Some(Grpc::Status(status)) = counted.grpc
            && let Some(metric) = row.grpc.get(usize::from(status))
        {
            metric.count(host, || {
                let [canary, arm, served] = labels();
                let status = Label("grpc_status", status);
                format!(
                    "{canary}{arm}{served}{status}{}",
                    Name::GrpcResponses.name()
                )
            });
        }
    }

    /// Counts the response to somebody who was drawn, which exceeded the first of the policy's
    /// bounds. Kept out of line, as most responses exceed none.
    #[cold]
    #[inline(never)]
    pub(crate) fn count_slow<'b>(
        &self,
        host: &Host,
        policy: &CanaryPolicy,
        (drawn, served): (Drawn, VariantId),
        exceeded: impl Iterator<Item = &'b u32>,
    ) {
        let row = self.canary(policy).and_then(|c| c.row(drawn.arm, served));
        let slices = row.map(|row| row.slow.get_or_init(Box::default));
        let Some(bounds) = slices.and_then(|slices| slices.get(usize::from(drawn.slice))) else {
            return;
        };
        for (metric, bound) in bounds.iter().zip(exceeded) {
            metric.count(host, || {
                let [canary, arm, served] = row_labels(policy, drawn.arm, served);
                let slice = Label("slice", drawn.slice);
                let bound = Label("bound", bound);
                format!(
                    "{canary}{arm}{served}{slice}{bound}{}",
                    Name::SlowResponses.name()
                )
            });
        }
    }

    /// Counts the response to somebody who came to a variant without a draw.
    pub(crate) fn count_chosen(
        &self,
        host: &Host,
        policy: &CanaryPolicy,
        (choice, served): (Choice, VariantId),
        class: Class,
    ) {
        let metric = self.canary(policy).and_then(|canary| {
            let choices = canary.chosen.get(served.index())?;
            choices.get(choice as usize)?.get(class.index())
        });
        if let Some(metric) = metric {
            metric.count(host, || {
                format!(
                    "{}{}{}{}{}",
                    Label("canary", policy.name()),
                    Label("variant", policy.variant_name(served)),
                    Label("choice", choice.name()),
                    Label("class", class.name()),
                    Name::ChosenResponses.name(),
                )
            });
        }
    }
}

fn row_labels(policy: &CanaryPolicy, arm: Arm, served: VariantId) -> [Label<&str>; 3] {
    [
        Label("canary", policy.name()),
        Label("arm", arm.name(policy)),
        Label("served", policy.variant_name(served)),
    ]
}

// === impl Canary ===

impl Canary {
    fn of(variants: usize) -> Self {
        // The control cohort and the rest stand behind the variants.
        let arms = variants.saturating_add(2);
        let mut rows = Vec::new();
        rows.resize_with(arms.saturating_mul(variants), OnceCell::new);
        let mut chosen = Vec::new();
        chosen.resize_with(variants, Default::default);
        Self { rows, chosen }
    }

    fn row(&self, arm: Arm, served: VariantId) -> Option<&Row> {
        let variants = self.chosen.len();
        let arm = match arm {
            Arm::Variant(variant) => variant.index(),
            Arm::Control => variants,
            Arm::Rest => variants.saturating_add(1),
        };
        let index = arm.saturating_mul(variants).saturating_add(served.index());
        Some(self.rows.get(index)?.get_or_init(Box::default))
    }
}
