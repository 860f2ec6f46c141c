//! Whose signatures a canary takes, and whether a token is valid.

use super::cause::Cause;
use super::key::Key;
use super::token::{MAX_TOKEN, Parts, Said, buffer};
use super::verifier::{Verdict, Verifier};
use crate::Timestamp;
use crate::config::{Revoked, SignedPins, VERIFICATIONS_PER_SECOND};
use crate::policy::{CanaryPolicy, PinWord};

/// The one algorithm that is read (RFC 8037, section 3.1).
const ALGORITHM: &str = "EdDSA";

/// Clocks differ by so many seconds; a token is taken as long before and after its time.
const SKEW: i64 = 60;

/// 2026-01-01 in seconds since 1970: a clock that says an earlier time is not set, and could not
/// tell a token that expired.
const NO_EARLIER: i64 = 1_767_225_600;

/// Whose signatures a canary takes.
#[derive(Debug)]
pub(crate) struct Signers {
    keys: Vec<(Box<str>, Key)>,
    pub(crate) required: bool,
    // Few enough, and asked for seldom enough, that an index would be no help.
    revoked: Revoked,
    pub(super) verifications_per_second: u32,
    /// The counter of its first cause.
    pub(crate) first_counter: usize,
}

impl Signers {
    /// Keys that may not verify are left out: the reader has refused them.
    pub(crate) fn new(signed: &SignedPins, first_counter: usize) -> Self {
        let keys = signed.keys.iter();
        let keys = keys.filter_map(|(id, key)| Some((Box::from(id.as_str()), Key::new(key)?)));
        let budget = signed.verifications_per_second;
        Self {
            keys: keys.collect(),
            required: signed.required,
            revoked: signed.revoked.clone(),
            verifications_per_second: budget.unwrap_or(VERIFICATIONS_PER_SECOND),
            first_counter,
        }
    }

    /// What a token pins, by the order of the checks in [`Cause`]: what costs little comes first,
    /// a signature is verified last.
    ///
    /// # Errors
    /// It is not valid; why.
    #[inline(never)]
    pub(crate) fn judge(
        &self,
        token: &[u8],
        canary: &CanaryPolicy,
        verifier: Option<&Verifier>,
        now: Timestamp,
    ) -> Result<PinWord, Cause> {
        if token.len() > MAX_TOKEN {
            return Err(Cause::Malformed);
        }
        // What was verified for this canary before is as valid as it was, but for the time: keys and
        // revocations are those of the policy, which the verifier belongs to.
        let known = verifier.and_then(|verifier| verifier.known(token, canary.number()));
        if let Some(known) = known {
            in_time(&known, now)?;
            return Ok(known.word);
        }
        let parts = Parts::of(token).ok_or(Cause::Malformed)?;
        let key = self.key(&parts)?;
        let verdict = self.claims(&parts, canary)?;
        in_time(&verdict, now)?;
        let signature = parts.signature().ok_or(Cause::Malformed)?;
        let may_verify =
            |verifier: &Verifier| verifier.may_verify(canary.number(), now.unix_millis());
        if !verifier.is_none_or(may_verify) {
            return Err(Cause::Budget);
        }
        if !key.verify(parts.signed(), &signature) {
            return Err(Cause::Signature);
        }
        if let Some(verifier) = verifier {
            verifier.keep(token, canary.number(), verdict);
        }
        Ok(verdict.word)
    }

    /// The key that the header names.
    fn key(&self, parts: &Parts<'_>) -> Result<&Key, Cause> {
        let mut buffer = buffer();
        let header = parts.header_text(&mut buffer).and_then(Said::read);
        let header = header.ok_or(Cause::Malformed)?;
        if header.text("alg").ok_or(Cause::Malformed)? != ALGORITHM {
            return Err(Cause::Algorithm);
        }
        // What `crit` names has to be understood (RFC 7515, section 4.1.11), and nothing is here.
        if header.get("crit").is_some() {
            return Err(Cause::Malformed);
        }
        let kid = header.text("kid").ok_or(Cause::Malformed)?;
        if self.revoked.keys.iter().any(|known| known == kid) {
            return Err(Cause::Revoked);
        }
        let key = self.keys.iter().find(|(known, _)| **known == *kid);
        key.map(|(_, key)| key).ok_or(Cause::UnknownKey)
    }

    /// What the claims say, if they are for this canary.
    fn claims(&self, parts: &Parts<'_>, canary: &CanaryPolicy) -> Result<Verdict, Cause> {
        let mut buffer = buffer();
        let claims = parts.claims_text(&mut buffer).and_then(Said::read);
        let claims = claims.ok_or(Cause::Malformed)?;
        let subject = claims.text("sub").ok_or(Cause::Malformed)?;
        let variant = claims.text("variant").ok_or(Cause::Malformed)?;
        let expires = claims.seconds("exp").ok_or(Cause::Malformed)?;
        let audience = claims.get("aud").and_then(|said| said.has(canary.name()));
        let for_us = audience.ok_or(Cause::Malformed)?;
        let not_before = claims.seconds("nbf");
        if not_before.is_none() && claims.get("nbf").is_some() {
            return Err(Cause::Malformed);
        }
        if self.revoked.subjects.iter().any(|known| known == subject) {
            return Err(Cause::Revoked);
        }
        if !for_us {
            return Err(Cause::Audience);
        }
        let word = canary.pin_word(variant.as_bytes());
        Ok(Verdict {
            word: word.ok_or(Cause::Variant)?,
            expires,
            not_before,
        })
    }
}

/// Whether its time has come and is not over.
fn in_time(verdict: &Verdict, now: Timestamp) -> Result<(), Cause> {
    let now = now.unix_millis().div_euclid(1000);
    if now >= verdict.expires.saturating_add(SKEW) {
        return Err(Cause::Expired);
    }
    let not_before = verdict.not_before.unwrap_or(NO_EARLIER).max(NO_EARLIER);
    if now.saturating_add(SKEW) < not_before {
        return Err(Cause::NotYetValid);
    }
    Ok(())
}
