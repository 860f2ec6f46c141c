//! Which headers, cookies and parameters a canary reads, and their values in a request.
//!
//! Each has a slot. One pass over the headers fills the slots; what the canary does not read costs
//! a look at the length of its name. Of something repeated the first value is kept and the others
//! are found again by another pass, because nearly no request has any.

use super::hosts::HostName;
use crate::request::{pairs_of_cookie, parameters, split_path, value_in_pair};
use crate::{Request, bytes};
use core::cell::Cell;

/// At most this many headers, cookies and parameters are read by one canary.
pub(crate) const MAX_SLOTS: usize = 32;

/// Regexes look at this many bytes of one request, all together; what is beyond never matches.
/// Matching takes time in proportion to them, and a client must not be able to buy a worker's time
/// with large headers.
const MAX_REGEX_INPUT: usize = 8 * 1024;

/// The place of a value, 0 to 31.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(u8);

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A header.
    Header,
    /// A cookie.
    Cookie,
    /// A query parameter.
    Query,
}

/// What a canary reads.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    headers: Names,
    cookies: Names,
    queries: Names,
    overflowed: bool,
}

/// Names with their slots.
#[derive(Debug, Default)]
struct Names {
    /// Bit n is set if a name has n bytes (or 63 and more): most headers are passed over by it.
    lengths: u64,
    slots: Vec<(Box<[u8]>, Slot)>,
}

/// The values of one request.
pub(crate) struct Values<'r, R> {
    request: &'r R,
    reads: &'r Reads,
    pub(crate) host: &'r HostName<'r>,
    pub(crate) path: &'r [u8],
    pub(crate) method: &'r [u8],
    first: [Option<&'r [u8]>; MAX_SLOTS],
    present: u64,
    repeated: u64,
    /// How many bytes regexes may still look at.
    regex_input: Cell<usize>,
    /// Whether the variant header came with the request, and with what.
    pub(crate) variant_header: Sent<'r>,
}

/// What a client sent in the variant header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent<'r> {
    Nothing,
    Once(&'r [u8]),
    Repeatedly,
}

// === impl Slot ===

impl Slot {
    #[inline]
    pub(crate) fn bit(self) -> u64 {
        1u64.wrapping_shl(u32::from(self.0))
    }

    #[inline]
    fn index(self) -> usize {
        usize::from(self.0)
    }
}

// === impl Names ===

impl Names {
    #[inline]
    fn length_bit(name: &[u8]) -> u64 {
        1u64.wrapping_shl(u32::try_from(name.len()).unwrap_or(u32::MAX).min(63))
    }

    fn add(&mut self, name: &[u8], slot: Slot) {
        self.lengths |= Self::length_bit(name);
        self.slots.push((Box::from(name), slot));
    }

    #[inline]
    fn find(&self, name: &[u8]) -> Option<Slot> {
        if self.lengths & Self::length_bit(name) == 0 {
            return None;
        }
        self.slots
            .iter()
            .find(|(known, _)| bytes::equal(known, name))
            .map(|(_, slot)| *slot)
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}

// === impl Reads ===

impl Reads {
    /// The slot of a name; `None` when all are taken.
    pub(super) fn slot(&mut self, source: Source, name: &str) -> Option<Slot> {
        let name = name.as_bytes();
        let taken = self.sources().iter().fold(0usize, |all, (_, names)| {
            all.saturating_add(names.slots.len())
        });
        let names = match source {
            Source::Header => &mut self.headers,
            Source::Cookie => &mut self.cookies,
            Source::Query => &mut self.queries,
        };
        if let Some(slot) = names.find(name) {
            return Some(slot);
        }
        if taken >= MAX_SLOTS {
            self.overflowed = true;
            return None;
        }
        let slot = Slot(u8::try_from(taken).ok()?);
        names.add(name, slot);
        Some(slot)
    }

    /// Gives back the room that no more names need.
    pub(super) fn settle(&mut self) {
        self.headers.slots.shrink_to_fit();
        self.cookies.slots.shrink_to_fit();
        self.queries.slots.shrink_to_fit();
    }

    fn sources(&self) -> [(Source, &Names); 3] {
        [
            (Source::Header, &self.headers),
            (Source::Cookie, &self.cookies),
            (Source::Query, &self.queries),
        ]
    }

    /// Whether there were more names than slots.
    pub(super) fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Where a slot's value comes from, and its name there: for explanations and for the rare request, as
    /// names are found by slot only by looking through them.
    pub(crate) fn describe(&self, slot: Slot) -> (Source, &[u8]) {
        for (source, names) in self.sources() {
            if let Some((name, _)) = names.slots.iter().find(|(_, known)| *known == slot) {
                return (source, name);
            }
        }
        (Source::Header, &[])
    }
}

// === impl Values ===

impl<R> Values<'_, R> {
    /// Whether a regex may look at so many bytes more, which are used up then.
    pub(super) fn may_match(&self, bytes: usize) -> bool {
        let left = self.regex_input.get().checked_sub(bytes);
        if let Some(left) = left {
            self.regex_input.set(left);
        }
        left.is_some()
    }

    /// Gives regexes back what they have looked at.
    pub(super) fn match_anew(&self) {
        self.regex_input.set(MAX_REGEX_INPUT);
    }
}

impl<'r, R: Request> Values<'r, R> {
    /// Nothing yet. (Filling in place spares every request a copy of all slots.)
    pub(crate) fn new(request: &'r R, reads: &'r Reads, host: &'r HostName<'r>) -> Self {
        Self {
            request,
            reads,
            host,
            path: &[],
            method: &[],
            first: [None; MAX_SLOTS],
            present: 0,
            repeated: 0,
            regex_input: Cell::new(MAX_REGEX_INPUT),
            variant_header: Sent::Nothing,
        }
    }

    /// Reads the request.
    pub(crate) fn fill(&mut self, variant_header: &[u8]) {
        let reads = self.reads;
        for (name, value) in self.request.headers() {
            if let Some(slot) = reads.headers.find(name) {
                self.put(slot, value);
            }
            match name {
                b":path" => self.path = value,
                b":method" => self.method = value,
                b"cookie" if !reads.cookies.is_empty() => {
                    for pair in pairs_of_cookie(value) {
                        for (name, slot) in &reads.cookies.slots {
                            if let Some(value) = value_in_pair(pair, name) {
                                self.put(*slot, value);
                            }
                        }
                    }
                }
                name if bytes::equal(name, variant_header) => {
                    self.variant_header = match self.variant_header {
                        Sent::Nothing => Sent::Once(value),
                        _ => Sent::Repeatedly,
                    };
                }
                _ => {}
            }
        }
        let (path, query) = split_path(self.path);
        self.path = path;
        if !reads.queries.is_empty() && !query.is_empty() {
            for (name, value) in parameters(query) {
                if let Some(slot) = reads.queries.find(name) {
                    self.put(slot, value);
                }
            }
        }
    }

    fn put(&mut self, slot: Slot, value: &'r [u8]) {
        if self.present & slot.bit() == 0 {
            self.present |= slot.bit();
            if let Some(first) = self.first.get_mut(slot.index()) {
                *first = Some(value);
            }
        } else {
            self.repeated |= slot.bit();
        }
    }

    /// The slots that have a value, a bit each.
    pub(crate) fn present(&self) -> u64 {
        self.present
    }

    /// Whether one of the slot's values passes `test`, in the order sent.
    pub(crate) fn any(&self, slot: Slot, mut test: impl FnMut(&'r [u8]) -> bool) -> bool {
        let Some(first) = self.first.get(slot.index()).copied().flatten() else {
            return false;
        };
        test(first) || (self.repeated & slot.bit() != 0 && self.any_repeated(slot, &mut test))
    }

    /// The rare case: another pass over the request, for all values behind the first.
    #[cold]
    fn any_repeated(&self, slot: Slot, test: &mut dyn FnMut(&'r [u8]) -> bool) -> bool {
        let (source, wanted) = self.reads.describe(slot);
        let mut first = true;
        let mut test = |value| !core::mem::take(&mut first) && test(value);
        self.request.headers().any(|(name, value)| match source {
            Source::Header => name == wanted && test(value),
            Source::Cookie => {
                name == b"cookie"
                    && pairs_of_cookie(value)
                        .filter_map(|pair| value_in_pair(pair, wanted))
                        .any(&mut test)
            }
            Source::Query => {
                name == b":path"
                    && parameters(split_path(value).1)
                        .any(|(name, value)| name == wanted && test(value))
            }
        })
    }

    /// Every value of a slot, in the order sent.
    pub(super) fn all(&self, slot: Slot) -> Vec<&'r [u8]> {
        let mut all = Vec::new();
        self.any(slot, |value| {
            all.push(value);
            false
        });
        all
    }

    /// The first value of a slot that is not empty.
    pub(crate) fn first_filled(&self, slot: Slot) -> Option<&'r [u8]> {
        let mut filled = None;
        self.any(slot, |value| {
            if !value.is_empty() {
                filled = Some(value);
            }
            filled.is_some()
        });
        filled
    }
}
