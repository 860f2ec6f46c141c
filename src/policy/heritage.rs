//! Which decisions of earlier hops hold here.

use super::VariantId;
use super::reads::{Reads, Slot, Source, Values};
use super::table::Table;
use crate::Request;
use crate::baggage::{self, Member, elements, raw_key};
use crate::config::{Callers, Inherit};

/// At most this many canaries are listed: what each said is kept on the stack for a request.
pub(crate) const MAX_ANCESTORS: usize = 32;

/// The canaries whose decisions hold here, in the order in which they count.
#[derive(Debug)]
pub(crate) struct Heritage {
    baggage: Slot,
    /// Their numbers, by the keys of their members.
    numbers: Table<usize>,
    ancestors: Vec<Ancestor>,
}

/// A canary that decided earlier.
#[derive(Debug)]
struct Ancestor {
    name: Box<str>,
    /// Its variants, and what they give here.
    variants: Table<VariantId>,
}

/// What the baggage says of a canary that decided earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard<'r> {
    /// Nothing.
    Nothing,
    /// Something that is not well-formed.
    Malformed,
    /// One thing and another, which is no word to go by.
    Contradiction,
    /// A variant that gives nothing here.
    Unmapped(&'r [u8]),
    /// A variant, and what it gives.
    Variant(&'r [u8], VariantId),
}

/// What the members with one key say, until all are read.
#[derive(Clone, Copy)]
enum Said<'r> {
    Nothing,
    Malformed,
    Value(&'r [u8]),
    Contradiction,
}

impl Heritage {
    /// `None` if nobody is believed.
    pub(super) fn of(
        inherit: &Inherit,
        variant: impl Fn(&str) -> Option<VariantId>,
        reads: &mut Reads,
    ) -> Option<Self> {
        if inherit.from == Callers::Nobody {
            return None;
        }
        let baggage = reads.slot(Source::Header, baggage::HEADER)?;
        let mut numbers = Table::default();
        let mut ancestors = Vec::new();
        for heritage in inherit.canaries.iter().take(MAX_ANCESTORS) {
            let key = baggage::key(&heritage.canary);
            numbers.entry(key.as_bytes(), || ancestors.len());
            let mut variants = Table::default();
            for (theirs, ours) in &heritage.variants {
                if let Some(ours) = variant(ours) {
                    variants.entry(theirs.as_bytes(), || ours);
                }
            }
            let name = heritage.canary.as_str().into();
            ancestors.push(Ancestor { name, variants });
        }
        Some(Self {
            baggage,
            numbers,
            ancestors,
        })
    }

    /// What the first canary gives that gives something; `tell` hears what was found of each until
    /// then.
    pub(crate) fn inherited<'h, 'r, R: Request>(
        &'h self,
        values: &Values<'r, R>,
        mut tell: impl FnMut(&'h str, Heard<'r>),
    ) -> Option<VariantId> {
        let mut said = [Said::Nothing; MAX_ANCESTORS];
        values.any(self.baggage, |line| {
            for element in elements(line) {
                if let Some(said) = self.about(element, &mut said) {
                    *said = said.and(Member::read(element));
                }
            }
            false
        });
        for (ancestor, said) in self.ancestors.iter().zip(said) {
            let heard = ancestor.heard(said);
            tell(&ancestor.name, heard);
            if let Heard::Variant(_, variant) = heard {
                return Some(variant);
            }
        }
        None
    }

    /// What was said so far of the canary that an element is about.
    fn about<'s, 'r>(&self, element: &[u8], said: &'s mut [Said<'r>]) -> Option<&'s mut Said<'r>> {
        let key = raw_key(element);
        if !key.starts_with(baggage::PREFIX.as_bytes()) {
            return None;
        }
        said.get_mut(*self.numbers.get(key)?)
    }
}

impl Ancestor {
    fn heard<'r>(&self, said: Said<'r>) -> Heard<'r> {
        match said {
            Said::Nothing => Heard::Nothing,
            Said::Malformed => Heard::Malformed,
            Said::Contradiction => Heard::Contradiction,
            Said::Value(value) => match self.variants.get(value) {
                Some(variant) => Heard::Variant(value, *variant),
                None => Heard::Unmapped(value),
            },
        }
    }
}

impl<'r> Said<'r> {
    /// With another member of the same key; what is not well-formed says nothing.
    fn and(self, member: Option<Member<'r>>) -> Self {
        match (self, member) {
            (Self::Nothing, None) => Self::Malformed,
            (said, None) => said,
            (Self::Nothing | Self::Malformed, Some(member)) => Self::Value(member.value),
            (Self::Value(known), Some(member)) if known == member.value => self,
            _ => Self::Contradiction,
        }
    }
}
