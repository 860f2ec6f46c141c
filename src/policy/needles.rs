//! Rules by a text that must be somewhere in a value, found in one pass over it.
//!
//! Of each text one piece of four bytes is the key, one that few other texts have. The pass
//! looks at every four bytes of the value, first in a bit set and then, if the bit is there, in a hash
//! table. So a hundred prefixes cost hardly more than one. A rule has one text, and so is proposed once, however
//! often its piece stands there.

use super::keys::SHORTEST;
use super::table::Table;

/// Four bytes.
pub(super) type Piece = [u8; SHORTEST];

/// At most this many pieces, so that those found in a request have a place on the stack.
const MAX_PIECES: usize = 1024;

/// So much of a text is looked at for its key: whoever configures long ones waits no longer for it.
const LONGEST: usize = 64;

/// A bit for each of them.
type Bits = [u64; MAX_PIECES / 64];

/// The rules that are found in one place by their texts.
#[derive(Debug, Default)]
pub(super) struct Needles {
    /// So many bytes of a value can have one.
    reach: usize,
    /// A bit for the hash of each piece.
    marks: Bits,
    /// Rules by piece, in their order.
    rules: Table<Vec<usize>>,
}

/// Which pieces are in a value.
#[derive(Default)]
pub(super) struct Found(Bits);

/// How often a piece is in the texts of one place, by its hash: it only says which is the rarer.
pub(super) struct Frequency([u16; MAX_PIECES]);

impl Default for Frequency {
    fn default() -> Self {
        Self([0; MAX_PIECES])
    }
}

impl Frequency {
    /// Counts the pieces of a text.
    pub(super) fn count(&mut self, text: &[u8]) {
        for piece in keys(text) {
            if let Some(number) = self.0.get_mut(hash(piece)) {
                *number = number.saturating_add(1);
            }
        }
    }

    /// The rarest piece of a text, and how often it is in all of them.
    pub(super) fn rarest<'t>(&self, text: &'t [u8]) -> Option<(&'t Piece, u16)> {
        let often = |piece| self.0.get(hash(piece)).copied().unwrap_or_default();
        let pieces = keys(text).map(|piece| (piece, often(piece)));
        pieces.min_by_key(|(_, often)| *often)
    }
}

impl Needles {
    /// Adds the next rule by a piece of its text, which stands within the first `reach` bytes of a value;
    /// false if there is no room for it.
    pub(super) fn add(&mut self, rule: usize, piece: &Piece, reach: usize) -> bool {
        if self.rules.len() >= MAX_PIECES && self.rules.get(piece).is_none() {
            return false;
        }
        let Some(rules) = self.rules.entry(piece, Vec::new) else {
            return false;
        };
        rules.push(rule);
        let (word, bit) = place(hash(piece));
        if let Some(word) = self.marks.get_mut(word) {
            *word |= bit;
        }
        self.reach = self.reach.max(reach);
        true
    }

    /// Looks for the pieces that are in a value.
    pub(super) fn look(&self, value: &[u8], found: &mut Found) {
        let value = value.get(..self.reach).unwrap_or(value);
        for piece in pieces(value) {
            let (word, bit) = place(hash(piece));
            if self.marks.get(word).is_some_and(|word| word & bit != 0)
                && let Some(number) = self.rules.place(piece)
            {
                found.add(number);
            }
        }
    }

    /// The rules of the pieces that were found, each list in the order of the rules.
    pub(super) fn proposed(&self, found: &Found) -> impl Iterator<Item = &[usize]> {
        let lists = found.numbers().filter_map(|number| self.rules.at(number));
        lists.map(Vec::as_slice)
    }

    /// Gives back the room that no more rules need.
    pub(super) fn settle(&mut self) {
        self.rules.settle();
        self.rules.values_mut().for_each(Vec::shrink_to_fit);
    }
}

impl Found {
    fn add(&mut self, number: usize) {
        let (word, bit) = place(number);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    fn numbers(&self) -> impl Iterator<Item = usize> {
        let words = self.0.iter().enumerate().filter(|(_, word)| **word != 0);
        words.flat_map(|(at, word)| {
            let bits = (0..64).filter(move |bit| word & 1u64.wrapping_shl(*bit) != 0);
            bits.map(move |bit| at.wrapping_mul(64).wrapping_add(bit as usize))
        })
    }
}

/// The pieces of a text that it may be found by.
fn keys(text: &[u8]) -> impl Iterator<Item = &Piece> {
    pieces(text.get(..LONGEST).unwrap_or(text))
}

fn pieces(text: &[u8]) -> impl Iterator<Item = &Piece> {
    text.array_windows()
}

/// A number below [`MAX_PIECES`].
#[inline]
fn hash(piece: &Piece) -> usize {
    // Knuth's multiplicative hash: its highest bits depend on all four bytes.
    let hash = u32::from_le_bytes(*piece).wrapping_mul(0x9e37_79b1);
    hash.wrapping_shr(u32::BITS.wrapping_sub(MAX_PIECES.ilog2())) as usize
}

/// The word and the bit of a number.
#[inline]
fn place(number: usize) -> (usize, u64) {
    let bit = u32::try_from(number % 64).unwrap_or_default();
    (number / 64, 1u64.wrapping_shl(bit))
}
