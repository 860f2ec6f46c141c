//! Recording rules and alerts for Prometheus: a group for each canary, with what it can need.
//!
//! Every rule names its canary, so that the files of several teams can be loaded beside each other.

use super::measure::{Measure, arms_of_default, only};
use crate::{Error, to_yaml};
use coalmine::arm::Arm;
use coalmine::bucket::Share;
use coalmine::config::{Canaries, Canary, Spec};
use coalmine::metrics::Metric;
use serde::Serialize;
use std::collections::BTreeMap;

/// Over how long rates are taken.
const WINDOW: &str = "5m";

/// The same in seconds.
const WINDOW_SECONDS: u32 = 300;

/// A variant fails clearly more if it fails so many times as often as its control cohort,
const TIMES: u32 = 2;

/// and by so much more of its requests besides: with few requests twice of little is chance,
const MORE: f64 = 0.02;

/// of so many requests at least in [`WINDOW`],
const MIN_REQUESTS: u32 = 100;

/// for so long.
const FAILS_FOR: &str = "10m";

/// For so long after it closed a guard is told, since a scrape may come between two openings.
const GUARD_WINDOW: &str = "5m";

/// A window without a drawn request, which has to last for [`UNDRAWN_FOR`]: 15 minutes together.
const UNDRAWN_WINDOW: &str = "10m";

/// See [`UNDRAWN_WINDOW`]: a Prometheus that has just started knows nothing yet.
const UNDRAWN_FOR: &str = "5m";

/// Refused pins spike if there are so many times as many as in the hour before,
const REFUSALS_TIMES: u32 = 5;

/// and so many more a second besides.
const REFUSALS_MORE: f64 = 0.1;

/// The reasons of who was drawn, as a regex.
const DRAWN: &str = "share|random";

/// The reason of everybody while no variant has a share.
const NO_SHARE: &str = "default";

/// A rule of Prometheus: what it records, or what it alerts to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rule {
    /// The series that a recording rule makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// The name of an alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<&'static str>,
    /// The query.
    pub expr: String,
    /// How long it has to hold until the alert fires.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub holds: Option<&'static str>,
    /// Labels of the series or the alert, beside those of its query.
    pub labels: BTreeMap<&'static str, String>,
    /// What people are told.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct Group {
    name: String,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
struct Groups {
    groups: Vec<Group>,
}

/// A file of rules for Prometheus, as YAML.
///
/// # Errors
/// None that canaries can cause.
pub fn alerts(canaries: &Canaries) -> Result<String, Error> {
    let group = |canary: &Canary| Group {
        name: format!("coalmine {}", canary.full_name()),
        rules: rules(canary),
    };
    let groups = canaries.canaries.iter().map(group).collect();
    to_yaml(&Groups { groups }).map_err(Error::Yaml)
}

/// The rules of a canary: those of its evidence, its guard and its signed pins only if it has such.
pub fn rules(canary: &Canary) -> Vec<Rule> {
    let spec = &canary.spec;
    let name = canary.full_name();
    let of = only(&name);
    let mut measures = vec![Measure::Decisions];
    if let Some(evidence) = &spec.evidence {
        measures.extend([Measure::Responses, Measure::Failed]);
        measures.extend((!evidence.slower_than.is_empty()).then_some(Measure::Slow));
    }
    let record = |measure: Measure| Rule::record(&name, measure, &of);
    let mut rules: Vec<Rule> = measures.into_iter().map(record).collect();
    if spec.evidence.is_some() {
        rules.push(fails(canary, &of));
    }
    if spec.guard.is_some() {
        rules.push(guard_is_open(&name, &of));
    }
    for (variant, _) in &spec.variants {
        if gets_a_share(spec, variant) {
            rules.push(nobody_is_drawn(canary, variant, &of));
        }
    }
    if spec.pins.signed.is_some() {
        rules.push(pins_are_refused(&name, &of));
    }
    rules
}

fn fails(canary: &Canary, of: &str) -> Rule {
    let failed = Measure::Failed.recorded(WINDOW);
    let responses = Measure::Responses.recorded(WINDOW);
    let (control, default) = (Arm::CONTROL, arms_of_default());
    let variants = format!("{{{of},arm!~\"{default}\"}}");
    let expr = format!(
        "{failed}{variants} > on (canary) group_left () \
         {TIMES} * {failed}{{{of},arm=\"{control}\"}} + {MORE} \
         and on (canary, arm) {responses}{variants} * {WINDOW_SECONDS} >= {MIN_REQUESTS}"
    );
    let name = canary.full_name();
    let act = match &canary.spec.rollout {
        Some(_) => format!(
            "Take it back: `coalmine rollout abort canaries/ --canary {name} --config xds/coalmine.json`."
        ),
        None => "Take it back: set its share to 0% in the canary's file, and bring that to the \
                 proxies as ever; `coalmine diff old.yaml new.yaml` says who moves."
            .to_owned(),
    };
    Rule::alert(
        &name,
        "CoalmineVariantFails",
        expr,
        Some(FAILS_FOR),
        "critical",
        format!(
            "Variant {{{{ $labels.arm }}}} of {name} fails {{{{ $value | humanizePercentage }}}} of its requests, \
             clearly more than its control cohort"
        ),
        format!(
            "For {FAILS_FOR} it has failed more than {TIMES} times as often as the users of the default \
             that it is compared with. {act}"
        ),
    )
}

fn guard_is_open(canary: &str, of: &str) -> Rule {
    let (metric, by) = (Metric::GuardOpen.name(), Measure::GuardOpen.by().join(", "));
    let expr = format!("sum by ({by}) (max_over_time({metric}{{{of}}}[{GUARD_WINDOW}])) > 0");
    Rule::alert(
        canary,
        "CoalmineGuardOpen",
        expr,
        None,
        "critical",
        format!(
            "The guard holds variant {{{{ $labels.variant }}}} of {canary} back in {{{{ $value }}}} workers"
        ),
        format!(
            "It failed more than its guard allows, so the default serves its users. See in which proxies: \
             `coalmine status {canary}`; then look at the version's logs, with a pin to reach it."
        ),
    )
}

fn nobody_is_drawn(canary: &Canary, variant: &str, of: &str) -> Rule {
    let decisions = Metric::Decisions.name();
    let counted = |with: &str| format!("increase({decisions}{{{of},{with}}}[{UNDRAWN_WINDOW}])");
    let drawn = counted(&format!("variant=\"{variant}\",reason=~\"{DRAWN}\""));
    let without_share = counted(&format!("reason=\"{NO_SHARE}\""));
    // Where a ramp has not begun, or a rollout is over, proxies say that nobody has a share.
    let mut expr =
        format!("(sum({drawn}) or vector(0)) == 0 unless on () (sum({without_share}) > 0)");
    if canary.spec.guard.is_some() {
        let open = Metric::GuardOpen.name();
        expr += &format!(
            " unless on () (max(max_over_time({open}{{{of},variant=\"{variant}\"}}[{UNDRAWN_WINDOW}])) > 0)"
        );
    }
    let name = canary.full_name();
    let mut rule = Rule::alert(
        &name,
        "CoalmineNobodyDrawn",
        expr,
        Some(UNDRAWN_FOR),
        "warning",
        // Templates know the labels of the query alone, and here it has none.
        format!("Nobody has been drawn into variant {variant} of {name} for 15 minutes"),
        format!(
            "It has a share, so somebody should be. Ask whether the proxies have the filter and this config: \
             `coalmine status {name}`. If they do, see whether any request comes and has a unit: \
             `sum by (variant, reason) (rate({decisions}{{{}}}[{UNDRAWN_WINDOW}]))`.",
            of.replace('"', "'")
        ),
    );
    rule.labels.insert("variant", variant.to_owned());
    rule
}

fn pins_are_refused(canary: &str, of: &str) -> Rule {
    let now = Measure::PinRefusals.query(of, WINDOW);
    let by = Measure::PinRefusals.by().join(", ");
    let metric = Metric::PinRefusals.name();
    let before = format!("sum by ({by}) (rate({metric}{{{of}}}[1h] offset {WINDOW}))");
    // A cause that is new was refused for nobody before.
    let expr = format!("{now} > {REFUSALS_TIMES} * ({before} or 0 * {now}) + {REFUSALS_MORE}");
    Rule::alert(
        canary,
        "CoalminePinRefusals",
        expr,
        Some(WINDOW),
        "warning",
        format!(
            "{{{{ $value | humanize }}}} pins a second are refused by {canary}: {{{{ $labels.cause }}}}"
        ),
        format!(
            "That is more than {REFUSALS_TIMES} times as many as in the hour before. Ask what is wrong with a \
             tester's token: `coalmine pin verify canaries/ $TOKEN`. Where the cause is `signature` or \
             `algorithm` somebody may be trying tokens out."
        ),
    )
}

/// Whether a variant is drawn at some time, as far as the file says.
fn gets_a_share(spec: &Spec, variant: &str) -> bool {
    let names = |(name, share): &(String, Share)| name == variant && *share != Share::NONE;
    let at_some_point = spec.ramp.iter().any(|point| point.shares.iter().any(names));
    let rollout = spec.rollout.as_ref();
    let walks = rollout.is_some_and(|rollout| rollout.variant == variant);
    variant != spec.default && (spec.shares.iter().any(names) || at_some_point || walks)
}

// === impl Rule ===

impl Rule {
    fn record(canary: &str, measure: Measure, of: &str) -> Self {
        Self {
            record: Some(measure.recorded(WINDOW)),
            alert: None,
            expr: measure.query(of, WINDOW),
            holds: None,
            // Two rules that differ in their query alone are one to promtool.
            labels: BTreeMap::from([("canary", canary.to_owned())]),
            annotations: BTreeMap::new(),
        }
    }

    fn alert(
        canary: &str,
        name: &'static str,
        expr: String,
        holds: Option<&'static str>,
        severity: &str,
        summary: String,
        description: String,
    ) -> Self {
        Self {
            record: None,
            alert: Some(name),
            expr,
            holds,
            labels: BTreeMap::from([
                ("canary", canary.to_owned()),
                ("severity", severity.to_owned()),
            ]),
            annotations: BTreeMap::from([("summary", summary), ("description", description)]),
        }
    }
}
