//! The compiled plan: what [`crate::decide()`] looks things up in.
//!
//! | file | what |
//! |---|---|
//! | `hosts` | which canary governs a host |
//! | `reads` | which headers, cookies and parameters a canary reads, and their values in a request |
//! | `condition` | conditions over those values |
//! | `rules` | rules in order, with an index by what they need |
//! | `keys` | what a rule can be found by |
//! | `needles` | rules by a text that must be somewhere in a value |
//! | `line` | who owns which part of the line, and ramps |
//! | `heritage` | which decisions of earlier hops hold here |
//! | `cookie` | the cookie that carries an issued unit |
//! | `guarded` | which variants have a guard |
//! | `table` | a hash table from byte strings |
//! | `compile` | from [`Canaries`] to a [`Policy`] |

mod compile;
mod condition;
mod cookie;
mod guarded;
mod heritage;
mod hosts;
mod keys;
mod line;
mod needles;
mod reads;
mod rules;
mod table;

pub use compile::MAX_VARIANTS;
pub(crate) use compile::{compile_regex, reads_too_much};
pub use cookie::{IssuedUnit, UnitCookie};
pub use guarded::Guarded;
pub use heritage::Heard;
pub(crate) use heritage::{Heritage, MAX_ANCESTORS};
pub use hosts::host_names;
pub(crate) use hosts::{HostName, is_host};
pub(crate) use line::Line;
pub use line::Part;
pub use reads::Source;
pub(crate) use reads::{MAX_SLOTS, Sent, Slot, Values};
pub(crate) use rules::{RuleOutcome, Rules};

use crate::bucket::{Position, Share};
use crate::config::{Canaries, Evidence, NEVER, WhenNoUnit, read_json_into};
use crate::diagnostic::Diagnostic;
use crate::pin::{Cause, Signers};
use crate::{Reason, Timestamp};
use compile::Builder;
use hosts::Hosts;
use reads::Reads;
pub(crate) use table::Table;

/// Everything a plugin decides by, compiled. Made by [`Policy::compile`]; immutable.
#[derive(Debug)]
pub struct Policy {
    variant_header: Box<str>,
    hosts: Hosts,
    canaries: Vec<CanaryPolicy>,
    counters: usize,
    edge: bool,
    refusal_counters: usize,
}

/// A variant of a canary, by its number in the order of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VariantId(u8);

/// One canary, compiled.
#[derive(Debug)]
pub struct CanaryPolicy {
    number: usize,
    pub(crate) name: Box<str>,
    /// In the byte order of their names, which the territories on the line follow.
    pub(crate) variants: Box<[Box<str>]>,
    pub(crate) default: VariantId,
    pub(crate) reads: Reads,
    pub(crate) pins: Box<[Slot]>,
    pub(crate) heritage: Option<Box<Heritage>>,
    /// Whose signatures make a pin valid; without them it is taken at its word.
    pub(crate) signers: Option<Box<Signers>>,
    pub(crate) rules: Rules,
    pub(crate) line: Line,
    pub(crate) units: Box<[Slot]>,
    pub(crate) when_no_unit: WhenNoUnit,
    pub(crate) cookie: Option<Box<UnitCookie>>,
    pub(crate) guard: Option<Box<Guarded>>,
    /// The salt, and the separator behind it.
    pub(crate) salted: Box<[u8]>,
    pub(crate) evidence: Option<Evidence>,
    pub(crate) member_key: Option<Box<str>>,
    first_counter: usize,
}

/// What a pin's word means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PinWord {
    Never,
    Variant(VariantId),
}

// === impl VariantId ===

impl VariantId {
    pub(crate) fn from_index(index: usize) -> Self {
        // compile() has at most MAX_VARIANTS of them.
        Self(u8::try_from(index).unwrap_or(u8::MAX))
    }

    /// Its number in the byte order of the variants' names.
    #[inline]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

// === impl Policy ===

impl Policy {
    /// Compiles what [`config::read`](crate::config::read()) found no error in. Anything that the
    /// reader would have refused is left out rather than trusted.
    pub fn compile(canaries: &Canaries) -> Self {
        let mut builder = Builder::default();
        builder.reserve(canaries.canaries.len());
        for canary in &canaries.canaries {
            builder.add(canary, canaries.edge);
        }
        builder.build(&canaries.variant_header, canaries.edge)
    }

    /// Reads what the plugin is configured with, as [`config::read_json`](crate::config::read_json()) does,
    /// and compiles each canary as it is read: of it nothing is kept meanwhile but names, hosts, and what it
    /// inherits.
    ///
    /// # Errors
    /// Every problem, if one of them is an error.
    pub fn read_json(bytes: &[u8]) -> Result<Self, Vec<Diagnostic>> {
        let mut builder = Builder::default();
        let settings = read_json_into(bytes, &mut builder)?;
        Ok(builder.build(&settings.variant_header, settings.edge))
    }

    /// The request header that carries a decision to the route, in lower case.
    #[inline]
    pub fn variant_header(&self) -> &str {
        &self.variant_header
    }

    /// Whether the proxy stands at the edge, where nothing that came with a request in our name is
    /// believed or passed on.
    #[inline]
    pub fn edge(&self) -> bool {
        self.edge
    }

    /// The canaries, in the order read.
    pub fn canaries(&self) -> &[CanaryPolicy] {
        &self.canaries
    }

    /// The canary that governs a host, written as a client sends it.
    pub fn canary_of(&self, host: &[u8]) -> Option<&CanaryPolicy> {
        let mut buffer = HostName::buffer();
        self.governing(&HostName::normalize(host, &mut buffer))
    }

    #[inline]
    pub(crate) fn governing(&self, host: &HostName<'_>) -> Option<&CanaryPolicy> {
        self.canaries.get(self.hosts.find(host)?)
    }

    /// How many counters there are: one for each canary, variant and reason.
    pub fn counters(&self) -> usize {
        self.counters
    }

    /// How many counters there are of refused pins: one for each cause and canary whose pins are signed.
    pub fn refusal_counters(&self) -> usize {
        self.refusal_counters
    }
}

// === impl CanaryPolicy ===

impl CanaryPolicy {
    /// Its number among [`Policy::canaries`].
    #[inline]
    pub fn number(&self) -> usize {
        self.number
    }

    /// `namespace/name`, or the name alone.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of a variant of this canary.
    #[inline]
    pub fn variant_name(&self, variant: VariantId) -> &str {
        self.variants
            .get(variant.index())
            .map_or("", |name| name.as_ref())
    }

    /// The names of its variants, in the order of their numbers.
    pub fn variant_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.variants.iter().map(AsRef::as_ref)
    }

    /// What a pin's word means.
    pub(crate) fn pin_word(&self, word: &[u8]) -> Option<PinWord> {
        if word == NEVER.as_bytes() {
            return Some(PinWord::Never);
        }
        let names = &self.variants;
        let found = names.binary_search_by(|name| name.as_bytes().cmp(word));
        found.ok().map(VariantId::from_index).map(PinWord::Variant)
    }

    /// The variants, in the order of their numbers.
    pub fn variants(&self) -> impl ExactSizeIterator<Item = VariantId> + use<> {
        (0..self.variants.len()).map(VariantId::from_index)
    }

    /// The part of the line that each variant beside the default has at a time.
    pub fn parts(&self, now: Timestamp) -> impl Iterator<Item = Part> {
        self.line.parts(None, Some(now))
    }

    /// The variant for whoever is not drawn, pinned or ruled elsewhere.
    pub fn default_variant(&self) -> VariantId {
        self.default
    }

    /// The least share with which a variant owns a position; `None` if no share reaches it. (The
    /// variant's `max` may still stand in the way.)
    pub fn least_share(&self, variant: VariantId, position: Position) -> Option<Share> {
        self.line.least_share(variant, position)
    }

    /// What is counted of its responses; `None`: nothing.
    #[inline]
    pub fn evidence(&self) -> Option<&Evidence> {
        self.evidence.as_ref()
    }

    /// The cookie that carries an issued unit, where one is issued.
    #[inline]
    pub fn unit_cookie(&self) -> Option<&UnitCookie> {
        self.cookie.as_deref()
    }

    /// Its guard, if it has one.
    pub fn guard(&self) -> Option<&Guarded> {
        self.guard.as_deref()
    }

    /// Which counter a variant given for a reason counts in.
    #[inline]
    pub(crate) fn counter(&self, variant: VariantId, reason: Reason) -> usize {
        variant
            .index()
            .saturating_mul(self.reasons())
            .saturating_add(reason.index())
            .saturating_add(self.first_counter)
    }

    /// Whether a token is a valid pin here at a time, and for which variant: `Ok(None)` is `never`.
    /// `None` if no pins are signed here.
    pub fn judge_pin(
        &self,
        token: &[u8],
        now: Timestamp,
    ) -> Option<Result<Option<VariantId>, Cause>> {
        let judged = self.signers.as_deref()?.judge(token, self, None, now);
        Some(judged.map(|word| match word {
            PinWord::Never => None,
            PinWord::Variant(variant) => Some(variant),
        }))
    }

    /// Which counter a refused pin counts in, from 0 to [`Policy::refusal_counters`].
    pub fn refusal_counter(&self, cause: Cause) -> Option<usize> {
        let signers = self.signers.as_deref()?;
        signers.first_counter.checked_add(cause.index())
    }

    /// How many reasons there are here.
    #[inline]
    fn reasons(&self) -> usize {
        Reason::FIXED.saturating_add(self.rules.len())
    }

    /// The name of a rule by its number.
    pub fn rule_name(&self, rule: usize) -> &str {
        self.rules.name(rule)
    }
}
