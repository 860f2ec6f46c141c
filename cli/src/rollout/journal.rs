//! The journal on disk: every decision, a line of JSON each.

use crate::outcome::Failure;
use coalmine_rollout::machine::State;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::PathBuf;

/// The file, if somebody wants one.
pub(super) struct Journal {
    path: Option<PathBuf>,
}

impl Journal {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self { path }
    }

    /// The number of the next entry of a canary: where a state was lost the journal says which there are.
    pub(super) fn next(&self, canary: &str) -> u64 {
        let text = self.path.as_ref().map(fs::read_to_string);
        let last = text
            .and_then(Result::ok)
            .map(|text| last_number(&text, canary));
        last.unwrap_or_default().saturating_add(1)
    }

    /// Appends what it lacks of the state's, so that nobody's death loses an entry. Two that write one
    /// journal wait for each other.
    pub(super) fn append(&self, state: &State) -> Result<(), Failure> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let cannot =
            |error: io::Error| Failure::cannot(format!("cannot write {}: {error}", path.display()));
        let mut options = OpenOptions::new();
        let file = options.create(true).read(true).append(true).open(path);
        let mut file = file.map_err(cannot)?;
        // What is no file, like a pipe, cannot be locked, and is nobody else's.
        let _ = file.lock();
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(cannot)?;
        let last = last_number(&text, &state.canary);
        let mut lines = String::new();
        // One that a death has cut in two is ended.
        if !text.is_empty() && !text.ends_with('\n') {
            lines.push('\n');
        }
        for entry in state.journal.iter().filter(|entry| entry.number > last) {
            let line = serde_json::to_string(entry);
            lines += &line.map_err(|error| cannot(error.into()))?;
            lines.push('\n');
        }
        file.write_all(lines.as_bytes()).map_err(cannot)
    }
}

/// The number of the last whole entry of a canary.
fn last_number(journal: &str, canary: &str) -> u64 {
    let number = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).ok()?;
        let its = value.get("canary")?.as_str()? == canary;
        its.then(|| value.get("number")?.as_u64())?
    };
    journal.lines().rev().find_map(number).unwrap_or_default()
}
