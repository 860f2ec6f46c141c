//! Where it is kept what a rollout is doing: a file of state, which only who holds its lock writes,
//! and the journal.

use crate::outcome::Failure;
use crate::replace::replace;
use coalmine_rollout::machine::State;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Whoever has a turn is done with it by then: it asks nobody meanwhile.
const PATIENCE: Duration = Duration::from_secs(30);

/// The state of the rollout of a canary that is called so, unless somebody says another: beside the
/// file of the canary, wherever the command is run.
pub(super) fn default_state(files: &[PathBuf], canary: &str) -> PathBuf {
    let first = files.first().map(PathBuf::as_path);
    let folder = match first {
        Some(first) if first.is_dir() => Some(first),
        Some(first) => first.parent(),
        None => None,
    };
    let name = format!("{canary}.rollout.json");
    folder.map_or_else(|| PathBuf::from(&name), |folder| folder.join(&name))
}

/// The files of a rollout.
pub(super) struct Store {
    path: PathBuf,
    journal: Option<PathBuf>,
}

/// The right to write the state, until it is dropped or the process ends, however it does.
pub(super) struct Lock(#[expect(dead_code, reason = "the lock is held while it is open")] File);

/// Waits until nobody else has the lock that this file is.
pub(super) fn lock(path: &Path) -> Result<Lock, Failure> {
    let cannot = |error| Failure::cannot(format!("cannot lock {}: {error}", path.display()));
    // The file stays: who deletes it while another waits for it makes two locks of one.
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(cannot)?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock(file)),
            Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::cannot(format!(
                    "another coalmine has held {} for {} s; end it, and try again",
                    path.display(),
                    PATIENCE.as_secs()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(cannot(error)),
        }
    }
}

impl Store {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            journal: None,
        }
    }

    pub(super) fn with_journal(mut self, journal: Option<PathBuf>) -> Self {
        self.journal = journal;
        self
    }

    /// Waits until nobody else has a turn.
    pub(super) fn lock(&self) -> Result<Lock, Failure> {
        let mut name = self.path.clone().into_os_string();
        name.push(".lock");
        lock(Path::new(&name))
    }

    /// Where the state is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The state, or that of a canary that was never rolled out. Where the state was lost the journal
    /// says which numbers there are.
    pub(super) fn load(&self, canary: &str) -> Result<State, Failure> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let mut state = State::new(canary);
                if let Some(path) = &self.journal {
                    let last = last_number(path, canary).unwrap_or_default();
                    state.next_entry = last.saturating_add(1);
                }
                return Ok(state);
            }
            Err(error) => {
                return Err(Failure::cannot(format!(
                    "cannot read {}: {error}",
                    self.path.display()
                )));
            }
        };
        let state = State::read(&text)
            .map_err(|wrong| Failure::refused(format!("{} {wrong}", self.path.display())))?;
        if state.canary != canary {
            return Err(Failure::refused(format!(
                "{} is of canary {}, and this is {canary}: name another file with --state",
                self.path.display(),
                state.canary
            )));
        }
        Ok(state)
    }

    /// Writes it, all or nothing.
    pub(super) fn save(&self, _lock: &Lock, state: &State) -> Result<(), Failure> {
        let cannot = |error: String| {
            Failure::cannot(format!("cannot write {}: {error}", self.path.display()))
        };
        let mut text = state.write().map_err(|error| cannot(error.to_string()))?;
        text.push('\n');
        replace(&self.path, text).map_err(|error| cannot(error.to_string()))?;
        Ok(())
    }

    /// Appends to the journal what it lacks of the state's, so that nobody's death loses an entry.
    pub(super) fn append(&self, _lock: &Lock, state: &State) -> Result<(), Failure> {
        let Some(path) = &self.journal else {
            return Ok(());
        };
        let cannot =
            |error: String| Failure::cannot(format!("cannot write {}: {error}", path.display()));
        let last = last_number(path, &state.canary).map_err(|error| cannot(error.to_string()))?;
        let new = state.journal.iter().filter(|entry| entry.number > last);
        let mut lines = String::new();
        for entry in new {
            lines += &serde_json::to_string(entry).map_err(|error| cannot(error.to_string()))?;
            lines.push('\n');
        }
        if lines.is_empty() {
            return Ok(());
        }
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).open(path);
        file.and_then(|mut file| file.write_all(lines.as_bytes()))
            .map_err(|error| cannot(error.to_string()))
    }
}

/// The number of the last whole entry of a canary in a journal. One that a death has cut in two is ended.
fn last_number(path: &Path, canary: &str) -> std::io::Result<u64> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    if !text.is_empty() && !text.ends_with('\n') {
        OpenOptions::new()
            .append(true)
            .open(path)?
            .write_all(b"\n")?;
    }
    let number = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).ok()?;
        let its = value.get("canary")?.as_str()? == canary;
        its.then(|| value.get("number")?.as_u64())?
    };
    Ok(text.lines().rev().find_map(number).unwrap_or_default())
}
