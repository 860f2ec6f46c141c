//! Where it is kept what a rollout is doing: a file of state, which only who holds its lock writes.

use crate::outcome::Failure;
use crate::replace::replace;
use coalmine_rollout::machine::State;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
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

/// The file of a state.
pub(super) struct Store {
    path: PathBuf,
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
        Self { path }
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

    /// The state, or that of a canary that was never rolled out.
    pub(super) fn load(&self, canary: &str) -> Result<State, Failure> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(State::new(canary)),
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
}
