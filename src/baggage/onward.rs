//! What becomes of the header on its way to the next hop.
//!
//! Whatever is written, the members of others keep their bytes and their order, and what is left in
//! our name is what was decided, or nothing: a member of an earlier hop that says something else is
//! taken out also where ours cannot be added.

use super::disguise::speaks_for_us;
use super::member::{Member, elements, raw_key, trim};
use super::{MAX_BYTES, MAX_MEMBERS};

/// What has to happen to the `baggage` header of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaggageEdit {
    /// Nothing: it says already what it should.
    Keep,
    /// Replace all of its lines by this one.
    Replace(Vec<u8>),
    /// Take it away: nothing is left in it.
    Remove,
}

/// Why a decision does not travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// With it the header would pass the limits of the specification.
    Full,
    /// The header is not well-formed, and who knows where a list that is none ends.
    Malformed,
}

/// What becomes of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Onward {
    /// What has to happen to it.
    pub edit: BaggageEdit,
    /// Why the decision is not in it, if it should be and is not.
    pub dropped: Option<Dropped>,
}

impl Dropped {
    /// How many causes there are.
    pub const ALL: usize = 2;

    /// Its number.
    pub fn index(self) -> usize {
        match self {
            Self::Full => 0,
            Self::Malformed => 1,
        }
    }

    /// Its name in metrics and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Malformed => "malformed",
        }
    }
}

/// What becomes of the `lines` of a header, in their order: at the edge all members that speak for us
/// are taken out, and `ours`, key and value, is put in.
pub fn onward<'h, L: Iterator<Item = &'h [u8]>>(
    lines: impl Fn() -> L,
    edge: bool,
    ours: Option<(&[u8], &[u8])>,
) -> Onward {
    let goes = |element: &[u8]| {
        ours.is_some_and(|(key, _)| raw_key(element) == key) || (edge && speaks_for_us(element))
    };
    let mut said = Said::default();
    for element in lines().flat_map(elements) {
        let member = Member::read(element);
        if goes(element) {
            let as_decided = !edge && member.map(|member| member.value) == ours.map(|own| own.1);
            said.own = Some(said.own.unwrap_or(true) && as_decided);
        } else {
            said.others = said.others.saturating_add(1);
            said.malformed |= member.is_none();
        }
    }
    let kept = |dropped| Onward {
        edit: BaggageEdit::Keep,
        dropped,
    };
    if said.own == Some(true) {
        return kept(None);
    }
    let rest = || join(lines().flat_map(elements).filter(|element| !goes(element)));
    let dropped = match ours {
        None => None,
        Some(_) if said.malformed => Some(Dropped::Malformed),
        Some(_) if said.others >= MAX_MEMBERS => Some(Dropped::Full),
        Some((key, value)) => {
            let mut whole = rest();
            if !whole.is_empty() {
                whole.push(b',');
            }
            whole.extend_from_slice(key);
            whole.push(b'=');
            whole.extend_from_slice(value);
            if whole.len() <= MAX_BYTES {
                return Onward {
                    edit: replace(whole, lines()),
                    dropped: None,
                };
            }
            Some(Dropped::Full)
        }
    };
    if said.own.is_none() {
        return kept(dropped);
    }
    let edit = match rest() {
        rest if rest.is_empty() => BaggageEdit::Remove,
        rest => BaggageEdit::Replace(rest),
    };
    Onward { edit, dropped }
}

/// Every write makes the proxy match its routes again, so one that changes nothing is none.
fn replace<'h>(line: Vec<u8>, mut lines: impl Iterator<Item = &'h [u8]>) -> BaggageEdit {
    if lines.next() == Some(line.as_slice()) && lines.next().is_none() {
        return BaggageEdit::Keep;
    }
    BaggageEdit::Replace(line)
}

/// What the elements of a header are.
#[derive(Default)]
struct Said {
    /// Whether all members of ours say what was decided; `None` if there is none.
    own: Option<bool>,
    /// How many members others have.
    others: usize,
    /// Whether one of those is not well-formed.
    malformed: bool,
}

/// Elements as one line, without blanks at its ends.
fn join<'h>(elements: impl Iterator<Item = &'h [u8]>) -> Vec<u8> {
    let mut line = Vec::new();
    for element in elements {
        if !line.is_empty() {
            line.push(b',');
        }
        line.extend_from_slice(element);
    }
    trim(&line).to_vec()
}
