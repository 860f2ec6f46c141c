//! What a request pins, words and tokens.

use super::cause::{Cause, Causes};
use crate::decide::{Observer, Step, observes};
use crate::policy::{CanaryPolicy, PinWord, Values};
use crate::{Moment, Request, Timestamp, bytes};

/// So many tokens of one request are looked at.
const MAX_TOKENS: u32 = 4;

/// What a request pins, and why what else it had counts for nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pinned {
    pub(crate) word: Option<PinWord>,
    pub(crate) refused: Causes,
}

/// Whether a canary that reads signed pins takes this for a token and not for a word: a token has
/// dots, the name of a variant none.
pub fn is_token(word: &[u8]) -> bool {
    bytes::find(word, b'.').is_some()
}

/// What the request pins: `never` wherever it stands, else the first that names a variant.
pub(crate) fn pinned<R: Request>(
    canary: &CanaryPolicy,
    values: &Values<'_, R>,
    moment: &impl Moment,
    observer: &mut impl Observer,
) -> Pinned {
    let mut pinned = Pinned::default();
    let mut tokens = Tokens::default();
    for slot in &canary.pins {
        let never = values.any(*slot, |sent| {
            let word = sent.trim_ascii();
            let meaning = match canary.signers {
                None => Ok(canary.pin_word(word)),
                Some(_) => tokens.meaning(word, canary, moment),
            };
            let refused = meaning.err();
            let meaning = meaning.unwrap_or_default();
            if observes(observer) {
                observer.step(Step::Pin {
                    at: canary.reads.describe(*slot),
                    word: sent,
                    known: meaning.is_some(),
                    refused,
                });
            }
            if let Some(cause) = refused {
                pinned.refused.insert(cause);
            }
            pinned.word = pinned.word.or(meaning);
            meaning == Some(PinWord::Never)
        });
        if never {
            pinned.word = Some(PinWord::Never);
            break;
        }
    }
    pinned
}

/// The tokens of one request.
#[derive(Default)]
struct Tokens {
    seen: u32,
    /// The time is asked for once, and only if there is a token.
    now: Option<Timestamp>,
}

impl Tokens {
    /// What a word or a token means where pins are signed; a word that is none means nothing.
    fn meaning(
        &mut self,
        word: &[u8],
        canary: &CanaryPolicy,
        moment: &impl Moment,
    ) -> Result<Option<PinWord>, Cause> {
        let Some(signers) = canary.signers.as_deref() else {
            return Ok(None);
        };
        if !is_token(word) {
            return match canary.pin_word(word) {
                Some(PinWord::Variant(_)) if signers.required => Err(Cause::Unsigned),
                // Opting out is always allowed.
                known => Ok(known),
            };
        }
        if self.seen >= MAX_TOKENS {
            return Err(Cause::TooMany);
        }
        self.seen = self.seen.saturating_add(1);
        let now = *self.now.get_or_insert_with(|| moment.now());
        let judged = signers.judge(word, canary, moment.verifier(), now);
        judged.map(Some)
    }
}
