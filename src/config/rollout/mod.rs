//! `rollout`: the walk of one variant from its first share to everyone, and what it is judged by.
//!
//! The filter knows nothing of it: `plugin_json` leaves it out, and the module is built without its
//! reader (feature `rollout`).

mod freeze;
mod origin;
#[cfg(feature = "rollout")]
mod read;
#[cfg(feature = "rollout")]
mod read_freeze;
#[cfg(feature = "rollout")]
mod read_query;

pub use freeze::{Freeze, TimeOfWeek};
pub use origin::{Origin, Proxies, Reporter, Selector, Untold};
#[cfg(feature = "rollout")]
pub(super) use read::read_rollout;
#[cfg(feature = "rollout")]
pub(super) use read_query::check_queries;

use super::write;
use crate::bucket::Share;
use serde::Serialize;

/// A variant's walk.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// The variant that walks.
    pub variant: String,
    /// What of it is rolled out, like a tag or a commit: another revision begins from the first
    /// step, and draws other users.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The shares on the way to everyone, each larger than the one before.
    pub steps: Vec<Step>,
    /// What it is judged by.
    pub analysis: Analysis,
    /// When it takes no step forward.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub freeze: Vec<Freeze>,
}

/// A share, and what has to be seen at it before the next.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The variant's share.
    pub share: Share,
    /// How long it has this share at least, in milliseconds.
    #[serde(rename = "for", serialize_with = "write::millis")]
    pub hold: u32,
    /// How many requests have to be counted at it at least, of the variant and its control cohort on
    /// average.
    pub min_requests: u32,
    /// Whether it waits for an approval before it has this share.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub approve: bool,
}

/// What a rollout is judged by.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Analysis {
    /// How often evidence is read, in milliseconds.
    #[serde(serialize_with = "write::millis")]
    pub every: u32,
    /// How long after the fact Prometheus has all that was counted, in milliseconds: scrapes that are
    /// slow, and samples that are written from afar.
    #[serde(serialize_with = "write::millis")]
    pub delay: u32,
    /// How much more often than the control cohort the variant may fail, as a part of that rate,
    /// before anybody minds.
    pub tolerance: Share,
    /// In how many rollouts of a variant that is as good as the default a rollback is accepted, over
    /// the whole of the rollout and all comparisons together.
    pub false_rollback: Share,
    /// What is too much whatever the control cohort does.
    pub limit: Limit,
    /// After how long without a step, for want of requests or of evidence, somebody is told, in
    /// milliseconds.
    #[serde(serialize_with = "write::millis")]
    pub alert_after: u32,
    /// Comparisons beside those that the filter counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub queries: Vec<Query>,
}

/// What is too much whatever the control cohort does.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Limit {
    /// The part of the variant's responses that may fail.
    pub max_error_rate: Share,
    /// With fewer responses in the window nothing is concluded.
    pub min_requests: u32,
    /// Over how long responses are counted, in milliseconds.
    #[serde(serialize_with = "write::millis")]
    pub window: u32,
}

/// A comparison by counters that Prometheus has from elsewhere than from the filter.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Query {
    /// What it is called in messages and reports.
    pub name: String,
    /// Where the counters come from.
    #[serde(flatten)]
    pub origin: Origin,
    /// How many requests count as one, because they are of the same users or fail together.
    pub design_effect: u32,
}

/// Two counters: the bad ones are among all.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// PromQL that counts the bad ones.
    pub bad: String,
    /// PromQL that counts all.
    pub total: String,
}

impl Default for Analysis {
    fn default() -> Self {
        Self {
            every: 30_000,
            delay: 5_000,
            tolerance: percent(10),
            false_rollback: percent(1),
            limit: Limit::default(),
            alert_after: 1_800_000,
            queries: Vec::new(),
        }
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self {
            max_error_rate: percent(20),
            min_requests: 20,
            window: 60_000,
        }
    }
}

fn percent(percent: u32) -> Share {
    let millionths = percent.saturating_mul(10_000);
    Share::from_millionths(millionths).unwrap_or(Share::ALL)
}
