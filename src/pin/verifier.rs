//! What outlives a request: tokens verified before, and the budget of verifications.

use super::budget::Budget;
use crate::bytes;
use crate::policy::{PinWord, Policy};
use core::cell::RefCell;
use xxhash_rust::xxh3::xxh3_64;

/// So many verified tokens are kept, the oldest making room. Nobody can put one here who cannot
/// sign, so forged tokens push nothing out.
const KEPT: usize = 128;

/// What outlives a request: tokens that were verified before, and how many may be verified now.
/// It belongs to one policy and one worker; with another policy it would take tokens that this one
/// refuses. It has no clock of its own.
#[derive(Debug)]
pub struct Verifier(RefCell<State>);

#[derive(Debug)]
struct State {
    known: Known,
    /// Of the whole worker: the largest of the canaries', or many canaries would add up to more
    /// than a worker has.
    all: Budget,
    /// Of each canary, by its number.
    canaries: Vec<Budget>,
}

/// Verified tokens.
#[derive(Debug, Default)]
struct Known {
    /// Digests, in the order of `tokens`: they tell most others apart without a look at the bytes.
    digests: Vec<u64>,
    tokens: Vec<Token>,
    /// Which one is replaced next.
    oldest: usize,
}

/// A verified token.
#[derive(Clone, Debug)]
struct Token {
    /// All of it. The digest is not cryptographic: somebody could find a forgery with the digest of
    /// a valid token, but not with its bytes.
    bytes: Box<[u8]>,
    canary: usize,
    verdict: Verdict,
}

/// What a valid token says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verdict {
    pub(super) word: PinWord,
    /// In seconds since 1970.
    pub(super) expires: i64,
    /// Likewise.
    pub(super) not_before: Option<i64>,
}

impl Verifier {
    /// For a policy: nothing verified yet, and the whole budget of each canary.
    pub fn of(policy: &Policy) -> Self {
        let budgets = policy.canaries().iter().map(|canary| {
            let signers = canary.signers.as_deref();
            signers.map_or(0, |signers| signers.verifications_per_second)
        });
        let largest = budgets.clone().max().unwrap_or(0);
        Self(RefCell::new(State {
            known: Known::default(),
            all: Budget::new(largest),
            canaries: match largest {
                // Most plugins sign no pins.
                0 => Vec::new(),
                _ => budgets.map(Budget::new).collect(),
            },
        }))
    }

    /// What a token says that was verified for this canary before.
    pub(super) fn known(&self, token: &[u8], canary: usize) -> Option<Verdict> {
        let state = self.0.try_borrow().ok()?;
        let known = state.known.find(token, canary)?;
        Some(known.verdict)
    }

    /// Whether a signature may be verified now, in milliseconds since 1970; then it counts.
    pub(super) fn may_verify(&self, canary: usize, now: i64) -> bool {
        let Ok(mut state) = self.0.try_borrow_mut() else {
            return false;
        };
        let state = &mut *state;
        let Some(own) = state.canaries.get_mut(canary) else {
            return false;
        };
        // Both are asked, so that both know the time.
        let (has, all_has) = (own.has(now), state.all.has(now));
        if has && all_has {
            own.take();
            state.all.take();
        }
        has && all_has
    }

    /// Keeps what was verified.
    pub(super) fn keep(&self, token: &[u8], canary: usize, verdict: Verdict) {
        if let Ok(mut state) = self.0.try_borrow_mut() {
            state.known.keep(Token {
                bytes: token.into(),
                canary,
                verdict,
            });
        }
    }
}

impl Known {
    fn find(&self, token: &[u8], canary: usize) -> Option<&Token> {
        if self.tokens.is_empty() {
            return None;
        }
        let digest = xxh3_64(token);
        let same = self.digests.iter().zip(&self.tokens);
        same.filter(|(known, _)| **known == digest)
            .map(|(_, known)| known)
            .find(|known| known.canary == canary && bytes::equal(&known.bytes, token))
    }

    fn keep(&mut self, token: Token) {
        let digest = xxh3_64(&token.bytes);
        if self.tokens.len() < KEPT {
            self.digests.push(digest);
            self.tokens.push(token);
            return;
        }
        let places = (
            self.digests.get_mut(self.oldest),
            self.tokens.get_mut(self.oldest),
        );
        if let (Some(known), Some(place)) = places {
            *known = digest;
            *place = token;
        }
        self.oldest = self.oldest.saturating_add(1) % KEPT;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room_and_one_canarys_token_is_not_anothers() {
        let verdict = |expires| Verdict {
            word: PinWord::Never,
            expires,
            not_before: None,
        };
        let bytes = |number: usize| number.to_string().into_bytes();
        let mut known = Known::default();
        for number in 0..3 * KEPT {
            assert!(known.find(&bytes(number), 1).is_none());
            known.keep(Token {
                bytes: bytes(number).into(),
                canary: 1,
                verdict: verdict(number as i64),
            });
            for kept in 0..=number {
                let found = known.find(&bytes(kept), 1);
                let expires = found.map(|token| token.verdict.expires);
                let expected = (number - kept < KEPT).then_some(kept as i64);
                assert_eq!(expires, expected, "{kept} after {number}");
                assert!(known.find(&bytes(kept), 2).is_none());
            }
        }
    }
}
