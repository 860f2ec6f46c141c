//! The journal: every decision of a rollout with its numbers, so that "why did it roll back at
//! three in the morning" has an answer a year later.

use crate::evidence::Look;
use crate::text;
use coalmine::Timestamp;
use coalmine::bucket::Share;
use serde::{Deserialize, Serialize};

/// A decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The canary's full name.
    pub canary: String,
    /// Its number, from 1 on without gaps, over all rollouts of the canary: whoever sees one twice
    /// knows it.
    pub number: u64,
    /// When it was taken.
    #[serde(with = "text::time")]
    pub at: Timestamp,
    /// What was decided.
    pub kind: Kind,
    /// The revision, if there is a word for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The variant's share from now on.
    #[serde(with = "text::share")]
    pub share: Share,
    /// The same for people, with the reason.
    pub message: String,
    /// Who decided, where it was a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What was seen, where that decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A rollout has begun.
    Began,
    /// A revision that failed before is not rolled out.
    Refused,
    /// The share grows.
    Stepped,
    /// Somebody has to approve the next step.
    Waiting,
    /// Somebody has.
    Approved,
    /// Somebody has stopped it where it is.
    Paused,
    /// Somebody lets it go on.
    Resumed,
    /// It has been held for so long that somebody has to look.
    Alerted,
    /// Everyone has the variant.
    Promoted,
    /// Nobody has it, on evidence.
    RolledBack,
    /// Nobody has it, because somebody said so.
    Aborted,
    /// Another revision takes its place.
    Superseded,
    /// A revision that failed is tried again, because somebody said so.
    Retried,
    /// The plan was changed, and the share with it.
    Replanned,
    /// What is in force was changed by somebody else: raised, and it is put right; lowered, and it is
    /// held.
    Drifted,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Which check: `errors`, `slower than 250ms`, `limit`, or the name of a query.
    pub check: String,
    /// Requests of the variant and how many of them were bad, since the rollout began.
    pub canary: [u64; 2],
    /// The same of the control cohort.
    pub control: [u64; 2],
    /// The test's own numbers, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<Look>,
}

// === impl Kind ===

impl Kind {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Began => "began",
            Self::Refused => "refused",
            Self::Stepped => "stepped",
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Alerted => "alerted",
            Self::Promoted => "promoted",
            Self::RolledBack => "rolled-back",
            Self::Aborted => "aborted",
            Self::Superseded => "superseded",
            Self::Retried => "retried",
            Self::Replanned => "replanned",
            Self::Drifted => "drifted",
        }
    }
}

/// Requests and bad ones for people: `0.42% of 12034`.
pub fn rate([requests, bad]: [u64; 2]) -> String {
    match requests {
        0 => "no requests".to_owned(),
        _ => format!("{:.2}% of {requests}", 100.0 * bad as f64 / requests as f64),
    }
}
