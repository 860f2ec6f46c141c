//! What the readers of a spec's parts share.

use super::Variant;

/// What the parts of a spec need to know of each other.
pub(super) struct Context<'c> {
    pub(super) variants: &'c [(String, Variant)],
    pub(super) default: &'c str,
    pub(super) variant_header: &'c str,
}
