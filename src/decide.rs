//! The order of precedence, for one request.
//!
//! 1. scope: which canary governs the host; none: touch nothing
//! 2. clean: what the client sent in the variant header is no evidence
//! 3. pin: `never` beats everything, then the first valid pin that names a variant
//! 4. inherited: the decision of an earlier hop, where this one believes it
//! 5. rules, the first that matches
//! 6. shares, by the unit's bucket
//! 7. default
//!
//! What 4, 5 and 6 have chosen a guard may hold back; then the default serves. A pin it lets pass.

use crate::arm::Drawn;
use crate::bucket::Bucket;
use crate::config::WhenNoUnit;
use crate::pin::{Cause, pinned};
use crate::policy::{
    CanaryPolicy, Heard, HostName, Line, Part, PinWord, Policy, RuleOutcome, Sent, Slot, Source,
    Values, VariantId,
};
use crate::request::without_port;
use crate::{Decision, HeaderEdit, IssuedUnit, Moment, Reason, Request};

/// Which variant answers a request, and why; `None` if no canary governs its host.
pub fn decide<'p, R: Request>(
    policy: &'p Policy,
    request: &R,
    moment: &impl Moment,
) -> Option<Decision<'p>> {
    decide_observed(policy, request, moment, &mut ())
}

/// Watches a decision being made, for explanations.
pub trait Observer {
    /// Whether it watches at all; steps that only explain are left out if not.
    const WATCHES: bool = true;

    /// Something was found out.
    fn step(&mut self, step: Step<'_>);
}

/// Nobody watches.
impl Observer for () {
    const WATCHES: bool = false;

    fn step(&mut self, _: Step<'_>) {}
}

/// What a decision found out on its way, in the order it found it.
#[derive(Clone, Copy, Debug)]
pub enum Step<'s> {
    /// No canary governs this host (as compared: lower case, no port).
    OutOfScope {
        /// The host.
        host: &'s [u8],
    },
    /// This canary governs the host.
    InScope {
        /// The canary.
        canary: &'s CanaryPolicy,
        /// The host, as compared.
        host: &'s [u8],
    },
    /// The client sent something in the variant header.
    SentVariantHeader,
    /// A pin was sent.
    Pin {
        /// Header, cookie or query parameter, and its name.
        at: (Source, &'s [u8]),
        /// What it says.
        word: &'s [u8],
        /// Whether it is `never` or names a variant, with a signature where one is needed.
        known: bool,
        /// Why it counts for nothing, of a token or of a word without a signature.
        refused: Option<Cause>,
    },
    /// A canary whose decisions hold here was looked for in the baggage.
    Heard {
        /// Its full name.
        canary: &'s str,
        /// What was found.
        heard: Heard<'s>,
    },
    /// A rule was tried.
    Rule {
        /// Its number.
        rule: usize,
        /// Whether it matches.
        matches: bool,
    },
    /// What a condition of the rule that was told last finds, each condition before its parts, in
    /// the order written. Every part is looked at, also where an earlier one has settled the rule.
    Condition {
        /// Whether the request fulfils it.
        matches: bool,
        /// The values it tests, none if nothing was sent; `None` for a condition of conditions.
        values: Option<&'s [&'s [u8]]>,
    },
    /// The part of the line that a variant has at this moment.
    Part(Part),
    /// There is no unit at a place where it is looked for.
    NoUnitAt {
        /// Header, cookie or query parameter, and its name.
        at: (Source, &'s [u8]),
        /// Whether it was sent, with nothing in it.
        empty: bool,
    },
    /// The unit was found.
    Unit {
        /// Where; `None` for the client's address and an issued unit.
        at: Option<(Source, &'s [u8])>,
        /// The unit.
        unit: &'s [u8],
        /// Its bucket.
        bucket: Bucket,
    },
    /// There was no unit, and this is done about it.
    NoUnit(WhenNoUnit),
    /// The arm that it is counted in.
    Drawn(Drawn),
    /// The variant that was chosen has a guard.
    Guard {
        /// The variant.
        variant: VariantId,
        /// Whether it lets the variant serve.
        admits: bool,
    },
}

/// Like [`decide`], telling an [`Observer`] each step.
pub fn decide_observed<'p, R: Request>(
    policy: &'p Policy,
    request: &R,
    moment: &impl Moment,
    observer: &mut impl Observer,
) -> Option<Decision<'p>> {
    let mut buffer = HostName::buffer();
    let (_, authority) = request
        .headers()
        .find(|(name, _)| *name == b":authority" || *name == b"host")?;
    let host = HostName::normalize(authority, &mut buffer);
    let Some(canary) = policy.governing(&host) else {
        observer.step(Step::OutOfScope {
            host: host.as_bytes(),
        });
        return None;
    };
    observer.step(Step::InScope {
        canary,
        host: host.as_bytes(),
    });
    let mut values = Values::new(request, &canary.reads, &host);
    values.fill(policy.variant_header().as_bytes());
    let pinned = pinned(canary, &values, moment, observer);
    let choice = choose(canary, request, &values, pinned.word, moment, observer);
    let choice = guard(canary, choice, moment, observer);
    Some(Decision {
        canary,
        variant: choice.variant,
        reason: choice.reason,
        edit: clean(canary, choice.variant, &values, observer),
        issued: choice.issued,
        drawn: choice.drawn,
        refused: pinned.refused,
    })
}

/// A variant, why it was chosen, and what was drawn on the way.
struct Choice {
    variant: VariantId,
    reason: Reason,
    issued: Option<IssuedUnit>,
    drawn: Option<Drawn>,
}

impl Choice {
    /// Chosen without a draw.
    fn given(variant: VariantId, reason: Reason) -> Self {
        Self {
            variant,
            reason,
            issued: None,
            drawn: None,
        }
    }
}

/// Lets the default serve where a guard holds the variant back. Who pins wants to see the variant as
/// it is, and is not asked about: nobody closes a guard or opens one by pinning.
fn guard(
    canary: &CanaryPolicy,
    choice: Choice,
    moment: &impl Moment,
    observer: &mut impl Observer,
) -> Choice {
    let variant = choice.variant;
    let guarded = canary.guard().is_some_and(|guard| guard.covers(variant));
    if !guarded || choice.reason == Reason::Pin {
        return choice;
    }
    let admits = moment.admits(canary, variant);
    observer.step(Step::Guard { variant, admits });
    if admits {
        return choice;
    }
    Choice {
        variant: canary.default,
        reason: Reason::Guard,
        ..choice
    }
}

/// The variant header must end up saying what was decided, whatever it said before. Nothing is
/// written where it does already, since every write makes the proxy match its routes again.
fn clean<R: Request>(
    canary: &CanaryPolicy,
    variant: VariantId,
    values: &Values<'_, R>,
    observer: &mut impl Observer,
) -> HeaderEdit {
    let sent = values.variant_header;
    if sent != Sent::Nothing {
        observer.step(Step::SentVariantHeader);
    }
    if variant == canary.default {
        return match sent {
            Sent::Nothing => HeaderEdit::Keep,
            _ => HeaderEdit::Remove,
        };
    }
    match sent {
        Sent::Once(name) if name == canary.variant_name(variant).as_bytes() => HeaderEdit::Keep,
        _ => HeaderEdit::Replace,
    }
}

fn choose<R: Request>(
    canary: &CanaryPolicy,
    request: &R,
    values: &Values<'_, R>,
    pinned: Option<PinWord>,
    moment: &impl Moment,
    observer: &mut impl Observer,
) -> Choice {
    match pinned {
        Some(PinWord::Never) => return Choice::given(canary.default, Reason::Never),
        Some(PinWord::Variant(variant)) => return Choice::given(variant, Reason::Pin),
        None => {}
    }
    if let Some(heritage) = &canary.heritage
        && let Some(variant) = heritage.inherited(values, |canary, heard| {
            observer.step(Step::Heard { canary, heard });
        })
    {
        return Choice::given(variant, Reason::Inherited);
    }
    let (shares, by) = match matched(canary, values, observer) {
        Some((rule, RuleOutcome::Variant(variant))) => {
            return Choice::given(*variant, Reason::Rule(rule));
        }
        Some((rule, RuleOutcome::Shares(shares))) => (Some(shares), Reason::Rule(rule)),
        None => (None, Reason::Share),
    };
    let now = (shares.is_none() && canary.line.moves()).then(|| moment.now());
    let parts = || canary.line.parts(shares, now);
    if observes(observer) {
        parts().for_each(|part| observer.step(Step::Part(part)));
    }
    let nobody = parts().all(|part| part.share.millionths() == 0);
    if nobody {
        let reason = if shares.is_some() {
            by
        } else {
            Reason::Default
        };
        return Choice::given(canary.default, reason);
    }
    let draw = draw(canary, request, values, moment, observer);
    let owner = draw
        .bucket
        .and_then(|bucket| Line::owner(bucket.position(), parts()));
    let reason = match (by, draw.reason) {
        // A rule stays the reason, whatever its shares were drawn by.
        (Reason::Rule(rule), _) => Reason::Rule(rule),
        (_, reason) => reason,
    };
    // A rule chose whom it draws: they are no arm of the canary's.
    let drawn = draw
        .bucket
        .filter(|_| canary.evidence.is_some() && shares.is_none())
        .map(|bucket| Drawn::of(canary, bucket, owner, parts()));
    if let Some(drawn) = drawn {
        observer.step(Step::Drawn(drawn));
    }
    Choice {
        variant: owner.unwrap_or(canary.default),
        reason,
        issued: draw.issued,
        drawn,
    }
}

/// Whether it is worth while to find out what a step would tell.
pub(crate) fn observes<O: Observer>(_: &O) -> bool {
    O::WATCHES
}

/// The first rule that matches, and what it gives.
fn matched<'p, R: Request>(
    canary: &'p CanaryPolicy,
    values: &Values<'_, R>,
    observer: &mut impl Observer,
) -> Option<(usize, &'p RuleOutcome)> {
    let found = canary.rules.first_match(values);
    if observes(observer) {
        let tried = found.map_or(canary.rules.len(), |rule| rule.saturating_add(1));
        for rule in 0..tried {
            observer.step(Step::Rule {
                rule,
                matches: found == Some(rule),
            });
            canary.rules.observe(rule, values, &mut |matches, values| {
                observer.step(Step::Condition { matches, values });
            });
        }
    }
    let rule = found?;
    Some((rule, canary.rules.outcome(rule)?))
}

/// Where a request falls on the line, and what that was drawn by.
struct Draw {
    bucket: Option<Bucket>,
    reason: Reason,
    issued: Option<IssuedUnit>,
}

fn draw<R: Request>(
    canary: &CanaryPolicy,
    request: &R,
    values: &Values<'_, R>,
    moment: &impl Moment,
    observer: &mut impl Observer,
) -> Draw {
    let by_unit = |unit: &[u8], slot: Option<Slot>, observer: &mut _| {
        let bucket = Bucket::of_salted(&canary.salted, unit);
        if observes(observer) {
            let at = slot.map(|slot| canary.reads.describe(slot));
            Observer::step(observer, Step::Unit { at, unit, bucket });
        }
        Draw {
            bucket: Some(bucket),
            reason: Reason::Share,
            issued: None,
        }
    };
    for slot in &canary.units {
        if let Some(unit) = values.first_filled(*slot) {
            return by_unit(unit, Some(*slot), observer);
        }
        if observes(observer) {
            observer.step(Step::NoUnitAt {
                at: canary.reads.describe(*slot),
                empty: values.present() & slot.bit() != 0,
            });
        }
    }
    observer.step(Step::NoUnit(canary.when_no_unit));
    let nothing = Draw {
        bucket: None,
        reason: Reason::NoUnit,
        issued: None,
    };
    match canary.when_no_unit {
        WhenNoUnit::Default => nothing,
        WhenNoUnit::Random => Draw {
            bucket: Some(Bucket::from_draw(moment.draw())),
            reason: Reason::Random,
            issued: None,
        },
        WhenNoUnit::IssueCookie => {
            let issued = IssuedUnit::from_draw(moment.draw());
            Draw {
                issued: Some(issued),
                ..by_unit(issued.as_bytes(), None, observer)
            }
        }
        WhenNoUnit::SourceAddress => match request.source_address() {
            Some(address) if !address.is_empty() => by_unit(without_port(&address), None, observer),
            _ => nothing,
        },
    }
}
