//! Two clocks: Prometheus', by which samples are stamped, and that of whoever drives a rollout, by
//! which its steps take their time. Nobody has promised that they agree.

use crate::text::length;
use coalmine::Timestamp;
use coalmine::config::Analysis;

/// What Prometheus is asked for its clock, at no moment that is said.
pub const CLOCK: &str = "time()";

/// Differences are told in such steps, in milliseconds, and less than half of one is none,
/// so that the same is not told again for some milliseconds more.
const OF_NO_ACCOUNT: i64 = 5_000;

/// What both clocks say at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// That of whoever drives the rollout.
    pub ours: Timestamp,
    /// Prometheus'.
    pub theirs: Timestamp,
}

/// What is to be read now, in Prometheus' time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Nothing yet.
    Nothing,
    /// Nothing, and from this moment on is counted.
    From(Timestamp),
    /// What was counted between two moments.
    Between(Timestamp, Timestamp),
}

/// Whether it is time to read again, by the clock of whoever drives.
pub fn is_due(analysis: &Analysis, read_at: Option<Timestamp>, now: Timestamp) -> bool {
    let gone = read_at.map(|at| now.unix_millis().saturating_sub(at.unix_millis()));
    // What was read in the future was read before a clock was put back.
    gone.is_none_or(|gone| !(0..i64::from(analysis.every)).contains(&gone))
}

/// What to read, where the last reading ended at `read_until`.
pub fn span(analysis: &Analysis, read_until: Option<Timestamp>, clocks: Clocks) -> Span {
    let until = clocks.theirs.unix_millis();
    let until = until.saturating_sub(i64::from(analysis.delay));
    let until = Timestamp::from_unix_millis(until);
    match read_until {
        Some(from) if from < until => Span::Between(from, until),
        // The delay was raised: what is between would be counted again.
        Some(from) if from <= clocks.theirs => Span::Nothing,
        // Prometheus' clock was put back, and nothing is known of between.
        Some(_) | None => Span::From(until),
    }
}

// === impl Clocks ===

impl Clocks {
    /// What our clock said when Prometheus' said this.
    pub fn here(self, theirs: Timestamp) -> Timestamp {
        Timestamp::from_unix_millis(theirs.unix_millis().saturating_add(self.ahead()))
    }

    /// That they differ, for people, if it is of any account.
    pub fn differ(self) -> Option<String> {
        let ahead = self.ahead();
        let way = if ahead > 0 { "ahead of" } else { "behind" };
        let steps = ahead.abs().saturating_add(OF_NO_ACCOUNT / 2) / OF_NO_ACCOUNT;
        (steps > 0).then(|| {
            format!(
                "the clock here is about {} {way} Prometheus': freezes and the journal go by the one here, so set it right",
                length(steps.saturating_mul(OF_NO_ACCOUNT))
            )
        })
    }

    /// By how much ours is ahead of Prometheus', in milliseconds.
    fn ahead(self) -> i64 {
        let ours = self.ours.unix_millis();
        ours.saturating_sub(self.theirs.unix_millis())
    }
}
