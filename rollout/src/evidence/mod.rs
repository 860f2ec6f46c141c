//! What the counts of two arms say about a version, at any time and as often as one looks.
//!
//! | what | for which counts | what it promises |
//! |---|---|---|
//! | [`Sequential`] | requests and bad ones by arm and slice | a version that makes no difference to anybody is called harmful in a whole rollout with probability `alpha` at most, however users differ and whatever happens over time |
//! | [`Mismatch`] | requests by arm and slice | the same, for arms that do not get equally many |
//! | [`Mixture`] | requests and bad ones by arm, without slices | the same where bad requests come in clumps of at most `design_effect` |
//! | [`over_limit`] | requests and bad ones of one arm | none: plain arithmetic |
//!
//! [`detectable`] says beforehand what a rollout can see. Two or more metrics in one rollout share
//! its `alpha`: the caller gives each its part, and the parts add up.
//!
//! "Bad" is whatever is counted against a version: a request that failed, or one that took longer
//! than a bound.

mod deal;
mod limit;
mod look;
mod mismatch;
mod mixture;
mod orbit;
mod plan;
mod score;
mod sequential;
mod spending;
mod stored;
mod tally;

pub use limit::{Limit, over_limit};
pub use look::{Look, Settings, Verdict};
pub use mismatch::Mismatch;
pub use mixture::Mixture;
pub use plan::detectable;
pub use sequential::Sequential;
pub use tally::{Arms, SLICES, Tally};
