//! Watches the decision being made and keeps what it found.

use super::explanation::{Counted, Explanation, Outcome, Pin, Pins, Rule, Territory, Tried, Unit};
use super::travel::{Baggage, Inherited};
use super::{next, words};
use crate::outcome::Failure;
use crate::pin::Said;
use crate::request::{MadeUpMoment, MadeUpRequest, RequestArgs};
use coalmine::arm::{Arm, Drawn};
use coalmine::bucket::{Bucket, Position};
use coalmine::config::{Canaries, Canary, Condition, NEVER, UNIT_COOKIE, WhenNoUnit};
use coalmine::pin::{Cause, is_token};
use coalmine::policy::Part;
use coalmine::{
    Decision, HeaderEdit, Moment, Observer, Policy, Reason, Step, VariantId, decide_observed,
};

/// Decides about a request and keeps how.
///
/// # Errors
/// It is not clear which host is meant, or there is no entropy for a draw.
pub fn explain_request(canaries: &Canaries, args: &RequestArgs) -> Result<Explanation, Failure> {
    explain_compiled(canaries, &Policy::compile(canaries), args)
}

/// The same with canaries that are compiled already, for many requests.
///
/// # Errors
/// As [`explain_request`].
pub fn explain_compiled(
    canaries: &Canaries,
    policy: &Policy,
    args: &RequestArgs,
) -> Result<Explanation, Failure> {
    let host = args.host_among(canaries)?;
    let request = MadeUpRequest::new(args, &host);
    let moment = MadeUpMoment::new(args)?;
    let mut watch = Watch {
        canaries,
        explanation: Explanation {
            request: args.line(&host),
            at: moment.now(),
            host,
            canary: None,
            pins: None,
            inherited: None,
            rules: Vec::new(),
            parts: Vec::new(),
            ramp: false,
            unit: None,
            counted: None,
            guard: None,
            draw: None,
            decision: None,
            baggage: None,
            next: None,
            unknown: Vec::new(),
            answered: None,
        },
        canary: None,
        names: Vec::new(),
        parts: Vec::new(),
        unit_cookie: None,
        client_sent_it: false,
        position: None,
        conditions: Vec::new(),
    };
    let decision = decide_observed(policy, &request, &moment, &mut watch);
    watch.end_rule();
    watch.explanation.draw = moment.draw_used();
    if let (Some(unit), Some(_)) = (&mut watch.explanation.unit, &watch.explanation.draw)
        && unit.when_no_unit == Some(WhenNoUnit::Random)
    {
        // A draw that nobody keeps is no unit, but it falls on the line all the same.
        let bucket = Bucket::from_draw(moment.draw());
        unit.hash = Some(format!("{:016x}", bucket.hash()));
        unit.position = Some(bucket.position().millionths());
        unit.found_in = Some("a random draw".to_owned());
    }
    if let Some(decision) = &decision {
        watch.say_least_shares(decision);
        watch.explanation.next = watch
            .canary
            .filter(|canary| !canary.spec.ramp.is_empty())
            .and_then(|canary| next::change(policy, canary, &request, &moment, decision));
    }
    let client_sent_it = watch.client_sent_it;
    let mut explanation = watch.explanation;
    explanation.baggage = Baggage::of(policy, &request, decision.as_ref());
    if decision.is_some_and(|decision| matches!(decision.reason, Reason::Never | Reason::Pin)) {
        explanation.inherited = None;
    }
    explanation.decision =
        decision.map(|decision| outcome(&decision, policy, args, client_sent_it));
    Ok(explanation)
}

fn outcome(
    decision: &Decision<'_>,
    policy: &Policy,
    args: &RequestArgs,
    client_sent_it: bool,
) -> Outcome {
    let cookie = decision.canary.unit_cookie();
    let issued = cookie.zip(decision.issued.as_ref());
    Outcome {
        variant: decision.variant_name().to_owned(),
        reason: decision.reason_name().to_string(),
        is_default: decision.variant == decision.canary.default_variant(),
        variant_header: policy.variant_header().to_owned(),
        edit: match decision.edit {
            HeaderEdit::Keep => "keep",
            HeaderEdit::Replace => "replace",
            HeaderEdit::Remove => "remove",
        },
        client_sent_it,
        set_cookie: issued.map(|(cookie, unit)| cookie.set_cookie(unit, args.tls)),
    }
}

struct Watch<'c> {
    canaries: &'c Canaries,
    explanation: Explanation,
    canary: Option<&'c Canary>,
    /// The variants' names in the byte order that their numbers follow.
    names: Vec<String>,
    /// The variants whose parts of the line were told.
    parts: Vec<VariantId>,
    unit_cookie: Option<String>,
    client_sent_it: bool,
    position: Option<Position>,
    /// What the conditions of the last rule found: whether they match, and the values they test.
    conditions: Vec<(bool, Option<Vec<String>>)>,
}

impl Observer for Watch<'_> {
    fn step(&mut self, step: Step<'_>) {
        match step {
            Step::OutOfScope { host } => self.explanation.host = lossy(host),
            Step::InScope { canary, host } => {
                self.explanation.host = lossy(host);
                self.enter(canary.name());
            }
            Step::SentVariantHeader => self.client_sent_it = true,
            Step::Pin {
                at,
                word,
                known,
                refused,
            } => {
                if let Some(pins) = &mut self.explanation.pins {
                    let signed = self
                        .canary
                        .is_some_and(|canary| canary.spec.pins.signed.is_some());
                    // Of a token what it says is shown, and never the token: whoever has it can use it.
                    let token = (signed && is_token(word))
                        .then(|| Said::of(word.trim_ascii()).unwrap_or_default());
                    if token.is_some() {
                        let request = &mut self.explanation.request;
                        *request = request.replace(lossy(word.trim_ascii()).as_str(), "<token>");
                    }
                    pins.sent.push(Pin {
                        at: words::place(at),
                        word: match &token {
                            Some(said) => said.variant.clone().unwrap_or_default(),
                            None => lossy(word),
                        },
                        known,
                        refused: refused.map(Cause::word),
                        token,
                        cause: refused,
                    });
                }
            }
            Step::Heard { canary, heard } => {
                if let Some(inherited) = &mut self.explanation.inherited {
                    inherited.add(canary, heard, &self.names);
                }
            }
            Step::Rule { rule, matches } => self.begin_rule(rule, matches),
            Step::Condition { matches, values } => {
                let values = values.map(|values| values.iter().map(|value| lossy(value)).collect());
                self.conditions.push((matches, values));
            }
            Step::Part(part) => self.part(part),
            Step::NoUnitAt { at, empty } => {
                let unit = self.unit();
                if empty {
                    unit.empty_in.push(words::place(at));
                }
            }
            Step::Unit { at, unit, bucket } => {
                let found_in = at.map(words::place);
                self.position = Some(bucket.position());
                let known = self.unit();
                known.found_in = found_in.or_else(|| taken(known.when_no_unit));
                known.value = Some(lossy(unit));
                known.hash = Some(format!("{:016x}", bucket.hash()));
                known.position = Some(bucket.position().millionths());
            }
            Step::NoUnit(what) => self.unit().when_no_unit = Some(what),
            Step::Drawn(Drawn { arm, slice }) => {
                let arm = match arm {
                    Arm::Variant(variant) => self.names.get(variant.index()).cloned(),
                    Arm::Control => Some(Arm::CONTROL.to_owned()),
                    Arm::Rest => Some(Arm::REST.to_owned()),
                };
                self.explanation.counted = arm.map(|arm| Counted { arm, slice });
            }
            Step::Guard { variant, .. } => {
                self.explanation.guard = self.names.get(variant.index()).cloned();
            }
        }
    }
}

impl Watch<'_> {
    fn enter(&mut self, name: &str) {
        let mut found = self.canaries.canaries.iter();
        self.canary = found.find(|canary| canary.full_name() == name);
        self.explanation.canary = Some(name.to_owned());
        let Some(canary) = self.canary else {
            return;
        };
        let spec = &canary.spec;
        self.names = spec.variants.iter().map(|(name, _)| name.clone()).collect();
        self.names.sort();
        self.explanation.ramp = !spec.ramp.is_empty();
        self.explanation.inherited = Inherited::of(canary, self.canaries);
        if spec.when_no_unit == WhenNoUnit::IssueCookie {
            let cookie = spec.issue_cookie.as_ref();
            let named = cookie.and_then(|cookie| cookie.name.clone());
            self.unit_cookie = Some(named.unwrap_or_else(|| UNIT_COOKIE.to_owned()));
        }
        if !spec.pins.is_empty() {
            let never = [NEVER.to_owned()];
            self.explanation.pins = Some(Pins {
                looked_in: words::pin_places(&spec.pins),
                words: self.names.iter().chain(&never).cloned().collect(),
                signature_required: spec
                    .pins
                    .signed
                    .as_ref()
                    .is_some_and(|signed| signed.required),
                sent: Vec::new(),
            });
        }
    }

    fn begin_rule(&mut self, rule: usize, matches: bool) {
        self.end_rule();
        if let Some(rule) = self.canary.and_then(|canary| canary.spec.rules.get(rule)) {
            self.explanation.rules.push(Rule {
                name: rule.name.clone(),
                gives: words::outcome(&rule.outcome),
                matches,
                when: Tried {
                    says: words::condition(&rule.when),
                    matches,
                    found: None,
                    parts: Vec::new(),
                },
            });
        }
    }

    /// Puts what the conditions of the last rule found on their places.
    fn end_rule(&mut self) {
        let number = self.explanation.rules.len().checked_sub(1);
        let written = self
            .canary
            .zip(number)
            .and_then(|(canary, number)| canary.spec.rules.get(number));
        if let (Some(written), Some(rule)) = (written, self.explanation.rules.last_mut())
            && !self.conditions.is_empty()
        {
            rule.when = tried(&written.when, &mut self.conditions.drain(..));
        }
    }

    fn part(&mut self, part: Part) {
        let name = self.names.get(part.variant.index());
        self.parts.push(part.variant);
        self.explanation.parts.push(Territory {
            variant: name.cloned().unwrap_or_default(),
            share: part.share.to_string(),
            start: part.start,
            end: part.start.saturating_add(part.share.millionths()),
            owns_unit_from: None,
        });
    }

    /// From which share on each variant owns the unit's position.
    fn say_least_shares(&mut self, decision: &Decision<'_>) {
        let (Some(position), Some(canary)) = (self.position, self.canary) else {
            return;
        };
        for (part, variant) in self.explanation.parts.iter_mut().zip(&self.parts) {
            let mut variants = canary.spec.variants.iter();
            let max = variants
                .find(|(name, _)| *name == part.variant)
                .and_then(|(_, variant)| variant.max);
            part.owns_unit_from = decision
                .canary
                .least_share(*variant, position)
                .filter(|share| max.is_none_or(|max| *share <= max))
                .map(|share| share.to_string());
        }
    }

    fn unit(&mut self) -> &mut Unit {
        let canary = self.canary;
        let unit_cookie = self.unit_cookie.as_deref();
        self.explanation.unit.get_or_insert_with(|| Unit {
            looked_in: canary
                .map(|canary| words::unit_places(canary, unit_cookie))
                .unwrap_or_default(),
            empty_in: Vec::new(),
            found_in: None,
            value: None,
            hash: None,
            position: None,
            salt: canary.map(Canary::salt).unwrap_or_default(),
            when_no_unit: None,
        })
    }
}

/// A condition with what it and its parts found, which come in the order written.
fn tried(
    condition: &Condition,
    found: &mut impl Iterator<Item = (bool, Option<Vec<String>>)>,
) -> Tried {
    let (matches, values) = found.next().unwrap_or_default();
    let parts = match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.as_slice(),
        Condition::Not(part) => std::slice::from_ref(part.as_ref()),
        _ => &[],
    };
    Tried {
        says: words::condition(condition),
        matches,
        found: values,
        parts: parts.iter().map(|part| tried(part, found)).collect(),
    }
}

/// What was taken for a unit that the request does not have.
fn taken(when_no_unit: Option<WhenNoUnit>) -> Option<String> {
    match when_no_unit? {
        WhenNoUnit::IssueCookie => Some("a new unit".to_owned()),
        WhenNoUnit::SourceAddress => Some("the client's address".to_owned()),
        WhenNoUnit::Default | WhenNoUnit::Random => None,
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
