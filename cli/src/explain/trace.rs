//! Watches the decision being made and keeps what it found.

use super::words;
use crate::outcome::Failure;
use crate::request::{MadeUpMoment, MadeUpRequest, RequestArgs};
use coalmine::config::{Canaries, Canary, UNIT_COOKIE, WhenNoUnit};
use coalmine::policy::Part;
use coalmine::{Decision, HeaderEdit, Observer, Policy, Step, Timestamp, decide_observed};
use serde::Serialize;

/// The whole way of a request, in the order of the steps; what was not reached is not there.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The request's line: method, host and path.
    pub request: String,
    /// When it comes.
    pub at: Timestamp,
    /// The host as it is compared.
    pub host: String,
    /// The canary that governs the host; none: the request is not touched.
    pub canary: Option<String>,
    /// Where a pin may be, and what was found there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pins: Option<Pins>,
    /// The rules that were tried.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// Whose part of the line is where.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Territory>,
    /// Whether the shares follow a ramp, so that they depend on the time.
    pub ramp: bool,
    /// The unit, and where it falls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// The random draw, where the decision needed one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draw: Option<String>,
    /// What was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Outcome>,
}

/// Pins that were looked for and found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pins {
    /// Where one may be.
    pub looked_in: Vec<String>,
    /// What was sent.
    pub sent: Vec<Pin>,
}

/// A pin that was sent.
#[derive(Debug, Serialize)]
pub struct Pin {
    /// Where.
    pub at: String,
    /// What it says.
    pub word: String,
    /// Whether it is `never` or names a variant.
    pub known: bool,
}

/// A rule that was tried.
#[derive(Debug, Serialize)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Its condition, in words.
    pub when: String,
    /// What it gives, in words.
    pub gives: String,
    /// Whether the request fulfils it.
    pub matches: bool,
}

/// A variant's part of the line.
#[derive(Debug, Serialize)]
pub struct Territory {
    /// The variant.
    pub variant: String,
    /// Its share, as a percentage.
    pub share: String,
    /// Its first position in millionths.
    pub start: u32,
    /// Behind its last position in millionths.
    pub end: u32,
}

/// What is kept together, and where it falls.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unit {
    /// Where it was looked for.
    pub looked_in: Vec<String>,
    /// Where it was found or what was taken for it; none if there was no unit.
    pub found_in: Option<String>,
    /// The unit itself; none for a draw that is not kept.
    pub value: Option<String>,
    /// The 64-bit hash in hexadecimal: the bucket times 2^64.
    pub hash: Option<String>,
    /// Its position in millionths.
    pub position: Option<u32>,
    /// The salt it was hashed with.
    pub salt: String,
    /// What the canary says about requests without one, where that mattered.
    pub when_no_unit: Option<WhenNoUnit>,
}

/// What was decided.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The variant that serves.
    pub variant: String,
    /// Why.
    pub reason: String,
    /// Whether it is the canary's default.
    pub is_default: bool,
    /// The header that carries a decision.
    pub variant_header: String,
    /// What happens to it: `keep`, `replace` or `remove`.
    pub edit: &'static str,
    /// Whether the client sent something in it.
    pub client_sent_it: bool,
    /// The `set-cookie` of the response, where a unit is issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_cookie: Option<String>,
}

/// Decides about a request and keeps how.
///
/// # Errors
/// It is not clear which host is meant, or there is no entropy for a draw.
pub fn explain_request(canaries: &Canaries, args: &RequestArgs) -> Result<Explanation, Failure> {
    let policy = Policy::compile(canaries);
    let host = args.host_among(canaries)?;
    let request = MadeUpRequest::new(args, &host);
    let moment = MadeUpMoment::new(args)?;
    let mut watch = Watch {
        canaries,
        explanation: Explanation {
            request: args.line(&host),
            at: coalmine::Moment::now(&moment),
            host,
            canary: None,
            pins: None,
            rules: Vec::new(),
            parts: Vec::new(),
            ramp: false,
            unit: None,
            draw: None,
            decision: None,
        },
        canary: None,
        names: Vec::new(),
        unit_cookie: None,
        client_sent_it: false,
    };
    let decision = decide_observed(&policy, &request, &moment, &mut watch);
    let client_sent_it = watch.client_sent_it;
    let mut explanation = watch.explanation;
    explanation.draw = moment.draw_used();
    if let (Some(unit), Some(draw)) = (&mut explanation.unit, &explanation.draw)
        && unit.when_no_unit == Some(WhenNoUnit::Random)
    {
        // A draw that nobody keeps is no unit, but it falls on the line all the same.
        let draw = u128::from_str_radix(draw, 16).unwrap_or_default();
        let bucket = coalmine::bucket::Bucket::from_draw(draw);
        unit.hash = Some(format!("{:016x}", bucket.hash()));
        unit.position = Some(bucket.position().millionths());
        unit.found_in = Some("a random draw".to_owned());
    }
    explanation.decision =
        decision.map(|decision| outcome(&decision, &policy, args, client_sent_it));
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
    unit_cookie: Option<String>,
    client_sent_it: bool,
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
            Step::Pin { at, word, known } => {
                if let Some(pins) = &mut self.explanation.pins {
                    pins.sent.push(Pin {
                        at: words::place(at),
                        word: lossy(word),
                        known,
                    });
                }
            }
            Step::Rule { rule, matches } => self.rule(rule, matches),
            Step::Part(part) => self.part(part),
            Step::Unit { at, unit, bucket } => {
                let found_in = at.map(words::place);
                let known = self.unit();
                known.found_in = found_in.or_else(|| taken(known.when_no_unit));
                known.value = Some(lossy(unit));
                known.hash = Some(format!("{:016x}", bucket.hash()));
                known.position = Some(bucket.position().millionths());
            }
            Step::NoUnit(what) => self.unit().when_no_unit = Some(what),
        }
    }
}

impl Watch<'_> {
    fn enter(&mut self, name: &str) {
        let found = self.canaries.canaries.iter();
        self.canary = found.into_iter().find(|canary| canary.full_name() == name);
        self.explanation.canary = Some(name.to_owned());
        let Some(canary) = self.canary else {
            return;
        };
        let spec = &canary.spec;
        self.names = spec.variants.iter().map(|(name, _)| name.clone()).collect();
        self.names.sort();
        self.explanation.ramp = !spec.ramp.is_empty();
        if spec.when_no_unit == WhenNoUnit::IssueCookie {
            let cookie = spec.issue_cookie.as_ref();
            let named = cookie.and_then(|cookie| cookie.name.clone());
            self.unit_cookie = Some(named.unwrap_or_else(|| UNIT_COOKIE.to_owned()));
        }
        if !spec.pins.is_empty() {
            self.explanation.pins = Some(Pins {
                looked_in: words::pin_places(&spec.pins),
                sent: Vec::new(),
            });
        }
    }

    fn rule(&mut self, rule: usize, matches: bool) {
        if let Some(rule) = self.canary.and_then(|canary| canary.spec.rules.get(rule)) {
            self.explanation.rules.push(Rule {
                name: rule.name.clone(),
                when: words::condition(&rule.when),
                gives: words::outcome(&rule.outcome),
                matches,
            });
        }
    }

    fn part(&mut self, part: Part) {
        let name = self.names.get(part.variant.index());
        self.explanation.parts.push(Territory {
            variant: name.cloned().unwrap_or_default(),
            share: part.share.to_string(),
            start: part.start,
            end: part.start.saturating_add(part.share.millionths()),
        });
    }

    fn unit(&mut self) -> &mut Unit {
        let canary = self.canary;
        let unit_cookie = self.unit_cookie.as_deref();
        self.explanation.unit.get_or_insert_with(|| Unit {
            looked_in: canary
                .map(|canary| words::unit_places(canary, unit_cookie))
                .unwrap_or_default(),
            found_in: None,
            value: None,
            hash: None,
            position: None,
            salt: canary.map(Canary::salt).unwrap_or_default(),
            when_no_unit: None,
        })
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
