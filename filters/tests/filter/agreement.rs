//! `explain`, `simulate`, the decision and the filter never disagree, whatever the policy.
//! `COALMINE_POLICIES=100000` says how many policies are tried.

use crate::host::Vm;
use crate::policies::{NOW, Random};
use coalmine::arm::Arm;
use coalmine::config::{WhenNoUnit, plugin_json};
use coalmine::pin::Cause;
use coalmine::{Policy, Timestamp, decide};
use coalmine_analysis::simulate::Watched;
use coalmine_cli::explain::{Decided, Explanation, explain_compiled};
use coalmine_cli::request::{MadeUpMoment, MadeUpRequest, RequestArgs};
use std::collections::{BTreeMap, BTreeSet};

/// How many requests each policy gets.
const REQUESTS: usize = 4;

fn policies() -> usize {
    let wanted = std::env::var("COALMINE_POLICIES");
    wanted.map_or(2_000, |wanted| {
        wanted.parse().expect("COALMINE_POLICIES is a number")
    })
}

#[test]
fn all_answers_agree() {
    let mut random = Random::new(4);
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let policies = policies();
    let mut causes = BTreeSet::new();
    let mut vm = Vm::start();
    for _ in 0..policies {
        one_policy(&mut random, &mut vm, &mut reasons, &mut causes);
    }
    println!("{policies} policies with {REQUESTS} requests each: {reasons:?}");
    let seen: BTreeSet<&str> = reasons.keys().map(String::as_str).collect();
    let all = [
        "default",
        "inherited",
        "never",
        "no-unit",
        "pin",
        "random",
        "rule",
        "share",
        "untouched",
    ];
    assert_eq!(seen, all.into(), "not every reason was tried");
    // Too many tokens, and those that no budget is left for, are not among random requests.
    let all = Cause::ALL
        .into_iter()
        .filter(|cause| !matches!(cause, Cause::TooMany | Cause::Budget));
    let all: BTreeSet<String> = all.map(|cause| cause.word().to_owned()).collect();
    assert_eq!(causes, all, "not every cause was tried");
}

fn one_policy(
    random: &mut Random,
    vm: &mut Vm,
    reasons: &mut BTreeMap<String, usize>,
    causes: &mut BTreeSet<String>,
) {
    let mut canaries = random.canaries(1);
    canaries.edge = random.below(6) == 0;
    let canary = &canaries.canaries[0];
    let json = plugin_json(&canaries).unwrap();
    assert!(vm.configure(&json), "{:?} {json}", vm.log());
    vm.log();
    let policy = Policy::compile(&canaries);
    let mut simulated = Watched::new(&policy, &canaries, 1);
    let mut explained: BTreeMap<(String, String), u64> = BTreeMap::new();
    let now = Timestamp::from_unix_millis(NOW);
    for _ in 0..REQUESTS {
        let asked = random.request(canary);
        let filtered = filter(vm, &asked);
        // The unit that the filter has drawn is the one that is asked about.
        let asked = RequestArgs {
            at: Some(now),
            draw: Some(filtered.draw.unwrap_or(1)),
            ..asked
        };
        let host = asked.host.clone().unwrap();
        let request = MadeUpRequest::new(&asked, &host);
        let explanation = explain_compiled(&canaries, &policy, &asked).unwrap();
        let moment = MadeUpMoment::new(&asked).unwrap();
        let decision = decide(&policy, &request, &moment);
        let decided = decision.map(|decision| {
            let variant = decision.variant_name().to_owned();
            (variant, decision.reason_name().to_string())
        });
        let said = explanation.decision.as_ref();
        let told = said.map(|said| (said.variant.clone(), said.reason.clone()));
        assert_eq!(told, decided, "{json}\n{asked:?}");
        let pins = explanation.pins.iter().flat_map(|pins| &pins.sent);
        let refused: BTreeSet<String> = pins
            .filter_map(|pin| pin.refused.map(str::to_owned))
            .collect();
        assert_eq!(filtered.refused, refused, "{json}\n{asked:?}");
        causes.extend(refused);
        simulated.decide(&request, now);
        let reason = told.as_ref().map_or("untouched", |(_, reason)| reason);
        let kind = reason.split(':').next().unwrap().to_owned();
        *reasons.entry(kind).or_default() += 1;
        // Nobody can repeat a draw that is not kept.
        let drawn = explanation.draw.is_some() && canary.spec.when_no_unit == WhenNoUnit::Random;
        if drawn {
            assert_eq!(filtered.reason(), Some(reason), "{json}\n{asked:?}");
        } else {
            let mut all = said.map(effects).unwrap_or_default();
            all.extend(baggage(&explanation));
            assert_eq!(filtered.edits, all, "{json}\n{asked:?}");
            assert_eq!(filtered.counted, told, "{json}\n{asked:?}");
            let all = canary
                .spec
                .evidence
                .as_ref()
                .is_some_and(|evidence| evidence.rest);
            let arm = explanation.counted.as_ref();
            let arm = arm.filter(|counted| all || counted.arm != Arm::REST);
            let arm = arm.map(|counted| (counted.arm.clone(), counted.slice.to_string()));
            assert_eq!(filtered.arm, arm, "{json}\n{asked:?}");
        }
        if let Some((variant, reason)) = told {
            // A unit that is not there is drawn anew by whoever simulates.
            let anew = explanation.draw.is_some();
            let variant = if anew { String::new() } else { variant };
            *explained.entry((variant, reason)).or_default() += 1;
        }
    }
    simulated_agrees(simulated, &explained, &json);
}

/// What the simulation counted is what was explained; of what it drew anew, the reasons.
fn simulated_agrees(
    simulated: Watched<'_>,
    explained: &BTreeMap<(String, String), u64>,
    json: &str,
) {
    let report = simulated.report();
    let outcomes = &report[0].outcomes;
    let by_reason = |pairs: &mut dyn Iterator<Item = (String, u64)>| {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for (reason, count) in pairs {
            *counts.entry(reason).or_default() += count;
        }
        counts
    };
    let mut said = explained
        .iter()
        .map(|((_, reason), count)| (reason.clone(), *count));
    let mut counted = outcomes
        .iter()
        .map(|one| (one.reason.clone(), one.requests));
    assert_eq!(by_reason(&mut counted), by_reason(&mut said), "{json}");
    for ((variant, reason), count) in explained
        .iter()
        .filter(|((variant, _), _)| !variant.is_empty())
    {
        let same = |one: &&coalmine_analysis::simulate::Outcome| {
            one.variant == *variant && one.reason == *reason
        };
        let simulated = outcomes.iter().find(same).map_or(0, |one| one.requests);
        let anew = explained
            .get(&(String::new(), reason.clone()))
            .copied()
            .unwrap_or_default();
        assert!(
            (*count..=count + anew).contains(&simulated),
            "{variant} {reason}: {simulated} for {count}\n{json}"
        );
    }
}

/// What the filter did.
struct Filtered {
    /// Variant and reason.
    counted: Option<(String, String)>,
    /// What became of the variant header and the baggage, and drops.
    edits: Vec<String>,
    /// The arm and slice that the response was counted in.
    arm: Option<(String, String)>,
    /// Why it refused pins.
    refused: BTreeSet<String>,
    /// The unit that it issued.
    draw: Option<u128>,
}

impl Filtered {
    fn reason(&self) -> Option<&str> {
        self.counted.as_ref().map(|(_, reason)| reason.as_str())
    }
}

fn filter(vm: &mut Vm, asked: &RequestArgs) -> Filtered {
    let headers = asked.header_list(asked.host.as_deref().unwrap());
    let headers: Vec<(&[u8], &[u8])> = headers
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect();
    vm.host(|host| {
        host.nanoseconds = u64::try_from(NOW).unwrap() * 1_000_000;
        host.source_address = asked
            .source_address
            .clone()
            .unwrap_or_default()
            .into_bytes();
    });
    let mut filtered = Filtered {
        counted: None,
        edits: Vec::new(),
        arm: None,
        refused: BTreeSet::new(),
        draw: None,
    };
    for effect in vm.request(&headers) {
        if effect.starts_with("record ") {
            assert!(
                effect.ends_with("coalmine_latency_milliseconds"),
                "{effect}"
            );
        } else if let Some(metric) = effect
            .strip_prefix("count ")
            .filter(|metric| !metric.ends_with("coalmine_baggage"))
        {
            let label = |name: &str| {
                let (_, rest) = metric.split_once(&format!("{name}=.="))?;
                Some(rest.split(";.;").next()?.to_owned())
            };
            match metric.rsplit(";.;").next().unwrap() {
                "coalmine_decisions" => filtered.counted = label("variant").zip(label("reason")),
                "coalmine_responses" => filtered.arm = label("arm").zip(label("slice")),
                "coalmine_chosen_responses" => {}
                "coalmine_pin_refusals" => filtered.refused.extend(label("cause")),
                other => panic!("what is {other}?"),
            }
        } else if let Some(cookie) = effect.strip_prefix("add set-cookie: ") {
            let value = cookie.split(['=', ';']).nth(1).unwrap();
            filtered.draw = Some(u128::from_str_radix(value, 16).unwrap());
        } else {
            filtered.edits.push(effect);
        }
    }
    assert_eq!(vm.log(), [], "{asked:?}");
    filtered
}

/// What the explanation says that becomes of the baggage, and whether a drop is counted.
fn baggage(explanation: &Explanation) -> Vec<String> {
    let Some(said) = &explanation.baggage else {
        return Vec::new();
    };
    let mut effects = match (said.edit, &said.value) {
        ("replace", Some(value)) => vec![format!("replace baggage: {value}")],
        ("remove", _) => vec!["remove baggage".to_owned()],
        _ => Vec::new(),
    };
    let canary = explanation.canary.as_deref().unwrap_or_default();
    let count =
        |outcome| format!("count canary=.={canary};.;outcome=.={outcome};.;coalmine_baggage");
    effects.extend(said.dropped.map(count));
    effects
}

/// What the explanation says that becomes of the variant header, in the words of the host.
fn effects(said: &Decided) -> Vec<String> {
    let Decided {
        variant_header: name,
        variant,
        ..
    } = said;
    match said.edit {
        "replace" => vec![format!("replace {name}: {variant}")],
        "remove" => vec![format!("remove {name}")],
        _ => Vec::new(),
    }
}
