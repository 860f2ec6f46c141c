//! What a commit says: the decision with its numbers, so that the history of the file is a journal too.

use crate::rollout::status::said;
use coalmine::bucket::Share;
use coalmine_rollout::config::InForce;
use coalmine_rollout::journal::rate;
use coalmine_rollout::machine::State;
use coalmine_rollout::plan::Plan;
use std::fmt::Write;

/// A message.
pub(super) struct Message {
    subject: String,
    body: String,
}

impl Message {
    /// Of a change to what is wanted, as the state says why.
    pub(super) fn of(plan: &Plan, wanted: &InForce, state: &State) -> Self {
        let Plan {
            canary, variant, ..
        } = plan;
        let subject = match wanted.share {
            Share::NONE => format!("Give {variant} of {canary} to nobody"),
            share => format!("Give {share} of {canary} to {variant}"),
        };
        let mut body = String::new();
        let mut entries = state.journal.iter().rev();
        let why = entries.find(|entry| entry.share == wanted.share);
        if let Some(entry) = why {
            let _ = writeln!(body, "{}", said(entry));
        }
        let evidence = state.run.as_ref().map(|run| run.evidence.counts());
        for (check, counts) in evidence.unwrap_or_default() {
            let [requests, bad, of_requests, of_bad] = counts;
            let (canary, control) = (rate([requests, bad]), rate([of_requests, of_bad]));
            let _ = writeln!(body, "{check}: {canary}, control {control}");
        }
        if let Some(entry) = why {
            let _ = write!(
                body,
                "\nRollout-Decision: {} at {}\n",
                entry.number, entry.at
            );
            if let Some(by) = &entry.by {
                let _ = writeln!(body, "Rollout-Decided-By: {by}");
            }
        }
        if let Some(revision) = &plan.revision {
            let _ = writeln!(body, "Rollout-Revision: {revision}");
        }
        Self { subject, body }
    }

    /// As Git takes it.
    pub(super) fn text(&self) -> String {
        format!("{}\n\n{}", self.subject, self.body)
    }

    /// As a mail, up to its body; `author` as Git names one, with a time behind it.
    pub(super) fn mail(&self, author: &str) -> String {
        let name = author.rfind('>').and_then(|end| author.get(..=end));
        format!(
            "From: {}\nSubject: [PATCH] {}\n\n{}",
            name.unwrap_or("coalmine <coalmine@localhost>"),
            self.subject,
            self.body
        )
    }
}
