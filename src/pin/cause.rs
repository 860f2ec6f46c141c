//! Why a pin was refused.

/// Why a pin was refused: the first check that fails, what costs little being checked first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// It names a variant without a signature, and this canary wants one.
    Unsigned,
    /// The request has more tokens than are looked at.
    TooMany,
    /// It is no token: its form, its base64url, its JSON, or what is in that.
    Malformed,
    /// It says another algorithm than `EdDSA`.
    Algorithm,
    /// Its key is not among the canary's.
    UnknownKey,
    /// Its key or its subject is revoked.
    Revoked,
    /// It is for another canary.
    Audience,
    /// It is for a variant that the canary does not have.
    Variant,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// The budget of verifications is used up.
    Budget,
    /// Its key did not sign it.
    Signature,
}

/// Several causes, each at most once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Causes(u16);

// === impl Cause ===

impl Cause {
    /// All of them, each at its [`Cause::index`].
    pub const ALL: [Self; 12] = [
        Self::Unsigned,
        Self::TooMany,
        Self::Malformed,
        Self::Algorithm,
        Self::UnknownKey,
        Self::Revoked,
        Self::Audience,
        Self::Variant,
        Self::Expired,
        Self::NotYetValid,
        Self::Budget,
        Self::Signature,
    ];

    /// Its number, from 0.
    pub fn index(self) -> usize {
        self as usize
    }

    /// Its name in metrics and messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::TooMany => "too-many",
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown-key",
            Self::Revoked => "revoked",
            Self::Audience => "audience",
            Self::Variant => "variant",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::Budget => "budget",
            Self::Signature => "signature",
        }
    }
}

// === impl Causes ===

impl Causes {
    /// Adds one.
    pub fn insert(&mut self, cause: Cause) {
        self.0 |= 1u16.wrapping_shl(cause as u32);
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them, in the order of the checks.
    pub fn iter(self) -> impl Iterator<Item = Cause> {
        Cause::ALL
            .into_iter()
            .filter(move |cause| self.0 & 1u16.wrapping_shl(*cause as u32) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_at_its_index() {
        let mut causes = Causes::default();
        for (index, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause.index(), index);
            assert!(!causes.iter().any(|known| known == cause));
            causes.insert(cause);
            causes.insert(cause);
            assert_eq!(causes.iter().count(), index + 1);
        }
        assert!(causes.iter().eq(Cause::ALL));
    }
}
