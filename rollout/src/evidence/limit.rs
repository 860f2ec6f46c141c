//! The limit that no canary may pass, whatever its control does.

use crate::evidence::Tally;
use serde::{Deserialize, Serialize};

/// A rate of bad requests that a canary must not have.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// Bad ones of all, 0 to 1.
    pub rate: f64,
    /// With fewer requests nothing is said.
    pub requests: u64,
}

/// The rate of `window`, what the canary had since the last look, if it is above the limit.
pub fn over_limit(window: Tally, limit: Limit) -> Option<f64> {
    let rate = window.rate()?;
    (window.requests >= limit.requests && rate > limit.rate).then_some(rate)
}
