//! What was decided, and why.

use crate::policy::{CanaryPolicy, VariantId};
use core::fmt;

/// The outcome for one request of a host that a canary governs.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'p> {
    /// The canary that decided.
    pub canary: &'p CanaryPolicy,
    /// The variant that serves.
    pub variant: VariantId,
    /// Why.
    pub reason: Reason,
    /// What has to happen to the variant header.
    pub edit: HeaderEdit,
    /// A unit to hand to the client in a cookie, where one was issued.
    pub issued: Option<IssuedUnit>,
}

/// Why a variant serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The request pinned `never`.
    Never,
    /// The request pinned a variant.
    Pin,
    /// A rule matched; its number.
    Rule(usize),
    /// Drawn by the unit's bucket, also if the draw gave the default.
    Share,
    /// Drawn at random, because there was no unit.
    Random,
    /// No unit, and the default for such requests.
    NoUnit,
    /// No variant has a share, so nobody was drawn.
    Default,
}

/// What has to happen to the variant header of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderEdit {
    /// Nothing: it says already what was decided, or is absent for the default.
    Keep,
    /// Replace whatever is there by the variant's name.
    Replace,
    /// Take away what the client sent.
    Remove,
}

/// A random unit for a client that has none: 128 bits as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuedUnit([u8; 32]);

// === impl Decision ===

impl<'p> Decision<'p> {
    /// The name of the variant that serves.
    pub fn variant_name(&self) -> &'p str {
        self.canary.variant_name(self.variant)
    }

    /// The reason as it stands in metrics and messages: `share`, `rule:staff`.
    pub fn reason_name(&self) -> ReasonName<'p> {
        ReasonName {
            reason: self.reason,
            canary: self.canary,
        }
    }
}

// === impl Reason ===

impl Reason {
    /// How many reasons there are beside the rules.
    pub const FIXED: usize = 6;

    /// Its number: the fixed reasons first, the rules behind them.
    pub fn index(self) -> usize {
        match self {
            Self::Never => 0,
            Self::Pin => 1,
            Self::Share => 2,
            Self::Random => 3,
            Self::NoUnit => 4,
            Self::Default => 5,
            Self::Rule(rule) => rule.saturating_add(Self::FIXED),
        }
    }
}

/// A reason that can be printed.
#[derive(Clone, Copy, Debug)]
pub struct ReasonName<'p> {
    reason: Reason,
    canary: &'p CanaryPolicy,
}

impl fmt::Display for ReasonName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.reason {
            Reason::Never => "never",
            Reason::Pin => "pin",
            Reason::Share => "share",
            Reason::Random => "random",
            Reason::NoUnit => "no-unit",
            Reason::Default => "default",
            Reason::Rule(rule) => {
                f.write_str("rule:")?;
                self.canary.rule_name(rule)
            }
        };
        f.write_str(name)
    }
}

// === impl IssuedUnit ===

impl IssuedUnit {
    /// Writes a draw in hexadecimal.
    pub fn from_draw(draw: u128) -> Self {
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        let mut text = [b'0'; 32];
        for (byte, digits) in draw.to_be_bytes().iter().zip(text.chunks_exact_mut(2)) {
            if let [high, low] = digits {
                let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied();
                *high = digit(byte >> 4).unwrap_or(b'0');
                *low = digit(byte & 0xf).unwrap_or(b'0');
            }
        }
        Self(text)
    }

    /// The unit's bytes, which the bucket is computed from.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The unit's text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}
