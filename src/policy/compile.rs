//! From the config as written to the plan that decides.

use super::condition::{Condition, Test, start_of_regex};
use super::cookie::{UnitCookie, name_of};
use super::guarded::Guarded;
use super::heritage::Heritage;
use super::hosts::{Hosts, host_names};
use super::keys::Key;
use super::line::{FixedShares, Growth, Line, RampPoint, Territory};
use super::reads::{Reads, Slot, Source};
use super::rules::{Rule, RuleOutcome, Rules};
use super::table::Table;
use super::{CanaryPolicy, Policy, VariantId};
use crate::baggage;
use crate::bucket::SEPARATOR;
use crate::config::{
    self, Canary, Named, Outcome, Shape, Shares, Spec, Taken, UnitSource, WhenNoUnit,
};
use crate::pin::{Cause, Signers};
use regex_lite::{Regex, RegexBuilder};

/// At most this many variants in a canary.
pub const MAX_VARIANTS: usize = 64;

/// A compiled regex may take this many bytes: some hundred characters with repetitions. Every
/// worker holds its own, and matching takes time in proportion to it.
const MAX_REGEX: usize = 16 * 1024;

/// A regex that must match a whole value.
pub(crate) fn compile_regex(regex: &str) -> Result<Regex, regex_lite::Error> {
    // By itself first, so that a stray parenthesis cannot be balanced by the frame.
    let builder = |regex: &str| {
        RegexBuilder::new(regex)
            .size_limit(MAX_REGEX)
            .nest_limit(50)
            .build()
    };
    builder(regex)?;
    builder(&format!("^(?:{regex})$"))
}

/// A policy in the making, canary by canary.
#[derive(Default)]
pub(super) struct Builder {
    hosts: Hosts,
    canaries: Vec<CanaryPolicy>,
    counters: usize,
    refusal_counters: usize,
}

impl Builder {
    /// The policy of all that was added.
    pub(super) fn build(self, variant_header: &str, edge: bool) -> Policy {
        Policy {
            variant_header: variant_header.into(),
            hosts: self.hosts,
            canaries: self.canaries,
            counters: self.counters,
            edge,
            refusal_counters: self.refusal_counters,
        }
    }

    /// Makes room for so many canaries.
    pub(super) fn reserve(&mut self, count: usize) {
        self.canaries.reserve_exact(count);
    }

    /// Compiles a canary for a proxy that stands at the edge, or for another.
    pub(super) fn add(&mut self, canary: &Canary, edge: bool) {
        let number = self.canaries.len();
        for host in &canary.spec.hosts {
            for name in host_names(host, canary.namespace.as_deref()) {
                self.hosts.add(&name, number);
            }
        }
        let signed = canary.spec.pins.signed.as_ref();
        let signers = signed.map(|signed| Box::new(Signers::new(signed, self.refusal_counters)));
        if signers.is_some() {
            let causes = Cause::ALL.len();
            self.refusal_counters = self.refusal_counters.saturating_add(causes);
        }
        let canary = CanaryPolicy {
            signers,
            ..compile_canary(canary, number, self.counters, edge)
        };
        let counters = canary.variants.len().saturating_mul(canary.reasons());
        self.counters = self.counters.saturating_add(counters);
        self.canaries.push(canary);
    }
}

/// A config is compiled while it is read, so that nothing of it as written stays.
impl Taken for Builder {
    fn expect(&mut self, count: usize) {
        self.reserve(count);
    }

    fn take(&mut self, canary: Canary, edge: bool) {
        self.add(&canary, edge);
    }
}

/// Whether a canary reads more headers, cookies and parameters than there are slots.
pub(crate) fn reads_too_much(canary: &Canary) -> bool {
    compile_canary(canary, 0, 0, false).reads.overflowed()
}

/// The names of variants as numbers.
struct Variants<'c> {
    names: Vec<&'c str>,
}

impl<'c> Variants<'c> {
    fn of(spec: &'c Spec) -> Self {
        let mut names: Vec<&str> = Vec::with_capacity(spec.variants.len().min(MAX_VARIANTS));
        for (name, _) in spec.variants.iter().take(MAX_VARIANTS) {
            // They are few: a sort of the standard library's has more code than all of this.
            let place = names.partition_point(|known| *known < name.as_str());
            names.insert(place, name);
        }
        Self { names }
    }

    fn id(&self, name: &str) -> Option<VariantId> {
        self.names
            .binary_search(&name)
            .ok()
            .map(VariantId::from_index)
    }

    fn shares(&self, shares: &Shares) -> FixedShares {
        let mut fixed = FixedShares::none(self.names.len());
        for (name, share) in shares {
            if let Some(variant) = self.id(name) {
                fixed.set(variant, *share);
            }
        }
        fixed
    }
}

fn compile_canary(
    canary: &Canary,
    number: usize,
    first_counter: usize,
    edge: bool,
) -> CanaryPolicy {
    let spec = &canary.spec;
    let variants = Variants::of(spec);
    let default = variants.id(&spec.default).unwrap_or(VariantId(0));
    let mut reads = Reads::default();
    let pins = [
        (Source::Header, &spec.pins.header),
        (Source::Cookie, &spec.pins.cookie),
        (Source::Query, &spec.pins.query),
    ]
    .into_iter()
    .filter_map(|(source, name)| reads.slot(source, name.as_deref()?))
    .collect();
    // At the edge, whatever came with the request came from outside.
    let heritage = spec.inherit.as_ref().filter(|_| !edge);
    let heritage =
        heritage.and_then(|inherit| Heritage::of(inherit, |name| variants.id(name), &mut reads));
    let mut rules = Vec::with_capacity(spec.rules.len());
    for rule in &spec.rules {
        let outcome = match &rule.outcome {
            Outcome::Route(name) => RuleOutcome::Variant(variants.id(name).unwrap_or(default)),
            Outcome::Shares(shares) => RuleOutcome::Shares(variants.shares(shares)),
        };
        let condition = compile_condition(&rule.when, &mut reads);
        let key = Key::of(&rule.when, &mut reads);
        rules.push((Rule::new(&rule.name, condition, outcome), key));
    }
    let rules = Rules::of(rules);
    let mut units: Vec<Slot> = spec
        .unit
        .iter()
        .filter_map(|source| match source {
            UnitSource::Header(name) => reads.slot(Source::Header, name),
            UnitSource::Cookie(name) => reads.slot(Source::Cookie, name),
            UnitSource::Query(name) => reads.slot(Source::Query, name),
        })
        .collect();
    let mut cookie = None;
    if spec.when_no_unit == WhenNoUnit::IssueCookie {
        // What was issued before is the last place to look for a unit.
        let name = name_of(spec.issue_cookie.as_ref());
        units.extend(reads.slot(Source::Cookie, name));
        let issued = spec.issue_cookie.clone().unwrap_or_default();
        cookie = Some(Box::new(UnitCookie::new(&issued)));
    }
    reads.settle();
    let propagates = spec.propagate.is_some_and(|propagate| propagate.baggage);
    let member_key = propagates.then(|| baggage::key(&canary.full_name()).into());
    let mut salted = canary.salt().into_bytes();
    salted.push(SEPARATOR);
    CanaryPolicy {
        number,
        name: canary.full_name().into(),
        line: compile_line(spec, &variants, default),
        variants: variants.names.iter().map(|name| Box::from(*name)).collect(),
        default,
        reads,
        pins,
        heritage: heritage.map(Box::new),
        signers: None,
        rules,
        units: units.into(),
        when_no_unit: spec.when_no_unit,
        cookie,
        guard: spec
            .guard
            .as_ref()
            .map(|guard| Box::new(compile_guard(guard, &variants, default))),
        salted: salted.into(),
        evidence: spec.evidence.clone(),
        member_key,
        first_counter,
    }
}

fn compile_guard(guard: &config::Guard, variants: &Variants<'_>, default: VariantId) -> Guarded {
    let named = guard.variant.as_deref();
    let guarded = (0..variants.names.len())
        .map(VariantId::from_index)
        .filter(|variant| {
            let is_named = named.is_none_or(|named| variants.id(named) == Some(*variant));
            *variant != default && is_named
        });
    Guarded::new(guard.into(), guard.shared, guarded)
}

fn compile_line(spec: &Spec, variants: &Variants<'_>, default: VariantId) -> Line {
    let drawn: Vec<VariantId> = (0..variants.names.len())
        .map(VariantId::from_index)
        .filter(|variant| *variant != default)
        .collect();
    let territory = |variant, grows| Territory { variant, grows };
    let territories = match drawn.as_slice() {
        [] => Vec::new(),
        [one] => vec![territory(*one, Growth::From(0))],
        [low, high] => vec![
            territory(*low, Growth::From(0)),
            territory(*high, Growth::FromTheEnd),
        ],
        more => {
            let max = |variant: &VariantId| {
                let name = variants.names.get(variant.index());
                spec.variants
                    .iter()
                    .find(|(known, _)| Some(&known.as_str()) == name)
                    .and_then(|(_, variant)| variant.max)
                    .map_or(0, |max| max.millionths())
            };
            let mut start = 0u32;
            let mut territories = Vec::with_capacity(more.len());
            for variant in more {
                territories.push(territory(*variant, Growth::From(start)));
                start = start.saturating_add(max(variant));
            }
            territories
        }
    };
    let base = variants.shares(&spec.shares);
    let mut in_force = base.clone();
    let mut ramp = Vec::with_capacity(spec.ramp.len());
    for point in &spec.ramp {
        for (name, share) in &point.shares {
            if let Some(variant) = variants.id(name) {
                in_force.set(variant, *share);
            }
        }
        ramp.push(RampPoint {
            at: point.at,
            linear: point.shape == Shape::Linear,
            shares: in_force.clone(),
        });
    }
    Line::new(territories, base, ramp)
}

fn compile_condition(condition: &config::Condition, reads: &mut Reads) -> Condition {
    let mut parts = |parts: &[config::Condition]| {
        parts
            .iter()
            .map(|part| compile_condition(part, reads))
            .collect()
    };
    match condition {
        config::Condition::All(list) => Condition::All(parts(list)),
        config::Condition::Any(list) => Condition::Any(parts(list)),
        config::Condition::Not(part) => Condition::Not(Box::new(compile_condition(part, reads))),
        config::Condition::Header(named) => compile_named(Source::Header, named, reads),
        config::Condition::Cookie(named) => compile_named(Source::Cookie, named, reads),
        config::Condition::Query(named) => compile_named(Source::Query, named, reads),
        config::Condition::Path(test) => Condition::Path(compile_test(test)),
        config::Condition::Method(test) => Condition::Method(compile_test(test)),
        config::Condition::Host(test) => Condition::Host(compile_test(test)),
    }
}

fn compile_named(source: Source, named: &Named, reads: &mut Reads) -> Condition {
    match reads.slot(source, &named.name) {
        Some(slot) => Condition::Value(slot, compile_test(&named.test)),
        // More names than slots: the reader refuses it.
        None => Condition::Path(Test::Nothing),
    }
}

fn compile_test(test: &config::Test) -> Test {
    let bytes = |text: &str| Box::from(text.as_bytes());
    match test {
        config::Test::Exact(text) => Test::Exact(bytes(text)),
        config::Test::Prefix(text) => Test::Prefix(bytes(text)),
        config::Test::Suffix(text) => Test::Suffix(bytes(text)),
        config::Test::Contains(text) => Test::Contains(bytes(text)),
        config::Test::In(values) => {
            let mut table = Table::default();
            for value in values {
                table.entry(value.as_bytes(), || ());
            }
            Test::In(table)
        }
        config::Test::Regex(regex) => match compile_regex(regex) {
            Ok(compiled) => Test::Regex(bytes(start_of_regex(regex)), compiled),
            Err(_) => Test::Nothing,
        },
        config::Test::Present(true) => Test::Present,
        config::Test::Present(false) => Test::Absent,
    }
}
