//! What can happen to a rollout, and what is to be done.

use crate::config::InForce;
use crate::evidence::{SLICES, Tally};
use crate::journal::Entry;
use coalmine::Timestamp;
use std::collections::BTreeMap;

/// What happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Time has passed.
    Tick,
    /// Proxies were found to be configured so.
    InForce(InForce),
    /// Evidence was read.
    Read(Box<Reading>),
    /// Evidence could not be read, for this reason.
    NotRead(String),
    /// Somebody wants something.
    Asked {
        /// What.
        ask: Ask,
        /// Who.
        by: String,
    },
}

/// What people can say to a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Take the step that waits for it.
    Approve,
    /// Stay where you are.
    Pause,
    /// Go on.
    Resume,
    /// Give the variant to everyone.
    Promote,
    /// Give it to nobody.
    Abort,
    /// Try a revision again that failed.
    Retry,
}

/// What has been counted from one moment to another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// From when on, in the time of whoever drives; not at all if it only says where the next one
    /// begins.
    pub from: Option<Timestamp>,
    /// Up to when, in Prometheus' time: the next reading begins here.
    pub until: Option<Timestamp>,
    /// When a proxy was last seen to have counted, or a query to have answered, in the time of whoever
    /// drives.
    pub sampled: Option<Timestamp>,
    /// What scrapes Prometheus has at the end of it, in one number that grows with each.
    pub scrapes: Option<u64>,
    /// The same of its beginning, as it is now.
    pub scrapes_before: Option<u64>,
    /// A proxy that Prometheus reads twice.
    pub twice: Option<String>,
    /// The variant's requests that it served itself, and its failed ones.
    pub served: Tally,
    /// The variant's requests that the default served, because a guard held it back.
    pub diverted: u64,
    /// By the filter: the variant's requests and its failed ones, by slice.
    pub canary: [Tally; SLICES],
    /// The same of the control cohort.
    pub control: [Tally; SLICES],
    /// By bound in milliseconds: how many were slower, of the variant and of the control cohort.
    pub slower: BTreeMap<u32, [[u64; SLICES]; 2]>,
    /// By name of a query: counts of the variant and of what it is compared with.
    pub queries: BTreeMap<String, [Tally; 2]>,
    /// By name of a query that gave nothing: why.
    pub silent: BTreeMap<String, String>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Proxies shall be configured so.
    Apply(InForce),
    /// The journal has another entry.
    Record(Box<Entry>),
}
