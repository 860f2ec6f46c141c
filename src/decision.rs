//! What was decided, and why.

use crate::Reason;
use crate::arm::Drawn;
use crate::pin::Causes;
use crate::policy::{CanaryPolicy, IssuedUnit, VariantId};
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
    /// The arm that the request was drawn into, where responses are counted by arm. It stays that
    /// arm's when the guard lets another variant serve.
    pub drawn: Option<Drawn>,
    /// Why pins of the request count for nothing, each cause once.
    pub refused: Causes,
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

// === impl Decision ===

impl<'p> Decision<'p> {
    /// The name of the variant that serves.
    pub fn variant_name(&self) -> &'p str {
        self.canary.variant_name(self.variant)
    }

    /// Which of the policy's counters it counts in, from 0 to
    /// [`Policy::counters`](crate::Policy::counters).
    #[inline]
    pub fn counter(&self) -> usize {
        self.canary.counter(self.variant, self.reason)
    }

    /// The reason as it stands in metrics and messages: `share`, `rule:staff`.
    pub fn reason_name(&self) -> ReasonName<'p> {
        ReasonName {
            reason: self.reason,
            canary: self.canary,
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
            Reason::Inherited => "inherited",
            Reason::Guard => "guard",
            Reason::Rule(rule) => {
                f.write_str("rule:")?;
                self.canary.rule_name(rule)
            }
        };
        f.write_str(name)
    }
}
