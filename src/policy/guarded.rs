//! Which variants of a canary have a guard, and what it goes by.

use super::VariantId;
use crate::guard::Limits;

/// The guard of a canary, one for each of its guarded variants, which have a state of their own.
#[derive(Clone, Copy, Debug)]
pub struct Guarded {
    /// What each goes by.
    pub limits: Limits,
    /// Whether the workers of a proxy tell each other that a variant is out of service.
    pub shared: bool,
    /// A bit for each variant.
    variants: u64,
}

impl Guarded {
    pub(super) fn new(
        limits: Limits,
        shared: bool,
        variants: impl Iterator<Item = VariantId>,
    ) -> Self {
        Self {
            limits,
            shared,
            variants: variants.fold(0, |all, variant| all | bit(variant)),
        }
    }

    /// Whether it guards a variant.
    pub fn covers(&self, variant: VariantId) -> bool {
        self.variants & bit(variant) != 0
    }
}

/// There are at most as many variants as bits.
fn bit(variant: VariantId) -> u64 {
    1u64.wrapping_shl(u32::from(variant.0))
}
