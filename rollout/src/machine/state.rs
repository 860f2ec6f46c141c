//! What is kept of a rollout: small, in JSON, with a version.

use super::history::History;
use crate::evidence::{Arms, Mismatch, Mixture, Sequential, Tally};
use crate::journal::Entry;
use crate::plan::Plan;
use crate::text;
use coalmine::Timestamp;
use coalmine::bucket::Share;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the format.
pub const VERSION: u32 = 1;

/// How many entries of the journal stay in the state; all go to whoever keeps the journal.
const ENTRIES: usize = 100;

/// How many addresses of notifications are remembered.
const ADDRESSES: usize = 8;

/// How many failed revisions are remembered.
const FAILED: usize = 50;

/// What is kept of the rollouts of a canary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// [`VERSION`].
    pub version: u32,
    /// The canary's full name.
    pub canary: String,
    /// The rollout that is on, or the last one.
    pub run: Option<Run>,
    /// Revisions that are not tried again: they failed, or another took their place.
    pub failed: Vec<Failed>,
    /// The number of the next entry.
    pub next_entry: u64,
    /// The latest decisions.
    pub journal: Vec<Entry>,
    /// By what an address of notifications is known by, the number of the last entry that it was sent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notified: BTreeMap<String, u64>,
}

/// A revision that was rolled back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// What drew its users.
    pub salt: String,
    /// When.
    #[serde(with = "text::time")]
    pub at: Timestamp,
    /// Why.
    pub why: String,
}

/// A rollout of one revision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// What draws its users.
    pub salt: String,
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// When it began.
    #[serde(with = "text::time")]
    pub began: Timestamp,
    /// Where it is.
    pub phase: Phase,
    /// The share that shall be in force.
    #[serde(with = "text::share")]
    pub share: Share,
    /// Since when it is; not at all if not said.
    #[serde(with = "text::maybe_time")]
    pub since: Option<Timestamp>,
    /// Who has stopped it, if somebody has.
    pub paused: Option<String>,
    /// The share that somebody has approved.
    #[serde(
        default,
        with = "text::maybe_share",
        skip_serializing_if = "Option::is_none"
    )]
    pub approved: Option<Share>,
    /// Why it does not take a step, for people.
    pub holding: Vec<String>,
    /// Up to when evidence was read, in Prometheus' time.
    #[serde(with = "text::maybe_time")]
    pub read_until: Option<Timestamp>,
    /// When that was, in the time of whoever drives.
    #[serde(
        default,
        with = "text::maybe_time",
        skip_serializing_if = "Option::is_none"
    )]
    pub read_at: Option<Timestamp>,
    /// What scrapes Prometheus had of that moment then, in one number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scrapes: Option<u64>,
    /// Whether it has had more of them since.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub late: bool,
    /// What Prometheus reads twice, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twice: Option<String>,
    /// From when on what is counted is of this rollout: what is under way when it begins is of
    /// another.
    #[serde(with = "text::maybe_time")]
    pub counts_from: Option<Timestamp>,
    /// When proxies were last seen to have counted.
    #[serde(with = "text::maybe_time")]
    pub sampled: Option<Timestamp>,
    /// How many of the variant's requests others served in the last reading.
    #[serde(default)]
    pub diverted: u64,
    /// Why the last reading failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
    /// When there was something new in a reading, or a step was taken.
    #[serde(with = "text::time")]
    pub moved: Timestamp,
    /// Whether somebody was told that it is held.
    pub alerted: bool,
    /// What has been counted.
    pub evidence: Evidence,
    /// The same at earlier moments, for reports.
    pub history: History,
}

/// Where a rollout is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// This step, from 0 on, is next, and something is in its way; the share is that of the one
    /// before. Behind the last step it is everyone.
    Waiting(usize),
    /// It is at this step, from 0 on.
    Walking(usize),
    /// Everyone has the variant.
    Promoted,
    /// Nobody has it, on evidence.
    RolledBack,
    /// Nobody has it, because somebody said so.
    Aborted,
}

/// What has been counted since the rollout began, and the tests that go on from reading to reading.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Requests since this step, of the variant and of its control cohort together.
    pub requests_of_step: u64,
    /// Responses by arm and slice, `bad` being those that failed.
    pub errors: Compared,
    /// The same with `bad` being those that were slower than so many milliseconds.
    pub slower: BTreeMap<u32, Compared>,
    /// By the name of a query.
    pub queries: BTreeMap<String, ComparedByQuery>,
    /// Whether the arms have as many requests as chance makes of equal numbers of users.
    pub mismatch: Mismatch,
    /// Whether they have not.
    pub mismatched: bool,
    /// What the limit looks at: readings of its window.
    pub recent: Vec<Recent>,
}

/// Counts by slice with their test.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// Since the rollout began.
    pub all: Arms,
    /// What `all` was when the step began.
    pub before_step: Arms,
    /// The test.
    pub test: Sequential,
}

/// Counts without slices with their test.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ComparedByQuery {
    /// Of the variant, since the rollout began.
    pub canary: Tally,
    /// Of what it is compared with.
    pub control: Tally,
    /// The test.
    pub test: Mixture,
}

/// The variant's responses of one reading.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recent {
    /// When it came.
    #[serde(with = "text::time")]
    pub at: Timestamp,
    /// What was counted.
    pub tally: Tally,
}

// === impl State ===

impl State {
    /// Of a canary that has never been rolled out.
    pub fn new(canary: impl Into<String>) -> Self {
        Self {
            version: VERSION,
            canary: canary.into(),
            run: None,
            failed: Vec::new(),
            next_entry: 1,
            journal: Vec::new(),
            notified: BTreeMap::new(),
        }
    }

    /// Reads what [`State::write`] has written.
    ///
    /// # Errors
    /// It is another version's, or damaged; in words that follow the name of a file.
    pub fn read(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let Versioned { version } = serde_json::from_str(text)
            .map_err(|error| format!("is not the state of a rollout: {error}"))?;
        if version != VERSION {
            return Err(format!(
                "is of version {version}, and this is for version {VERSION}: use the coalmine that wrote it"
            ));
        }
        serde_json::from_str(text).map_err(|error| format!("is damaged: {error}"))
    }

    /// As JSON.
    ///
    /// # Errors
    /// None that a state can cause.
    pub fn write(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// The failure of the revision with this salt.
    pub fn failed(&self, salt: &str) -> Option<&Failed> {
        self.failed.iter().rev().find(|failed| failed.salt == salt)
    }

    /// The number of the last entry that an address was sent, if it was sent any.
    pub fn notified(&self, channel: &str) -> Option<u64> {
        self.notified.get(channel).copied()
    }

    /// Remembers that an address was sent everything up to this entry. Of too many the one that was
    /// sent the least is forgotten.
    pub fn notify(&mut self, channel: &str, last: u64) {
        let known = self.notified.entry(channel.to_owned()).or_default();
        *known = last.max(*known);
        if self.notified.len() > ADDRESSES {
            let oldest = self
                .notified
                .iter()
                .min_by_key(|(name, last)| (**last, name.as_str() == channel));
            let oldest = oldest.map(|(name, _)| name.clone());
            self.notified
                .retain(|name, _| Some(name) != oldest.as_ref());
        }
    }

    pub(super) fn fail(&mut self, failed: Failed) {
        self.failed.retain(|other| other.salt != failed.salt);
        self.failed.push(failed);
        let over = self.failed.len().saturating_sub(FAILED);
        self.failed.drain(..over);
    }

    pub(super) fn keep(&mut self, entry: Entry) {
        self.next_entry = self.next_entry.saturating_add(1);
        self.journal.push(entry);
        let over = self.journal.len().saturating_sub(ENTRIES);
        self.journal.drain(..over);
    }
}

// === impl Run ===

impl Run {
    /// The share that waits for an approval, if that is what the next step wants.
    pub fn awaits(&self, plan: &Plan) -> Option<Share> {
        let Phase::Waiting(index) = self.phase else {
            return None;
        };
        let step = plan.steps.get(index)?;
        (step.approve && self.approved != Some(step.share)).then_some(step.share)
    }

    pub(super) fn new(plan: &Plan, now: Timestamp) -> Self {
        Self {
            salt: plan.salt.clone(),
            revision: plan.revision.clone(),
            began: now,
            phase: Phase::Waiting(0),
            share: Share::NONE,
            since: None,
            paused: None,
            approved: None,
            holding: Vec::new(),
            read_until: None,
            read_at: None,
            scrapes: None,
            late: false,
            twice: None,
            counts_from: None,
            sampled: None,
            diverted: 0,
            unread: None,
            moved: now,
            alerted: false,
            evidence: Evidence::default(),
            history: History::default(),
        }
    }

    /// One that ends before it begins.
    pub(super) fn closed(plan: &Plan, now: Timestamp) -> Self {
        Self {
            phase: Phase::RolledBack,
            ..Self::new(plan, now)
        }
    }
}

// === impl Phase ===

impl Phase {
    /// Whether the rollout is still on its way.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Waiting(_) | Self::Walking(_))
    }

    /// Whether there are people whom the variant serves by it, or will: it has not been given up.
    pub fn serves(self) -> bool {
        self.is_open() || self == Self::Promoted
    }
}
