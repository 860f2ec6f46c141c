//! The config that proxies read, on disk: the share in it is what a rollout changes.

use super::{Shared, Written};
use crate::outcome::Failure;
use crate::replace::replace;
use crate::rollout::store::lock;
use coalmine_manifests::envoy::{plugin_config, with_plugin_config};
use coalmine_rollout::config::{InForce, in_force, with};
use coalmine_rollout::machine::State;
use coalmine_rollout::plan::Plan;
use std::fs;
use std::path::PathBuf;

/// So often a file is written that somebody else writes too.
const TRIES: usize = 3;

/// A file that proxies read.
pub(in crate::rollout) struct ConfigFile {
    path: PathBuf,
}

impl Shared for ConfigFile {
    fn found(&self, plan: &Plan) -> Result<InForce, Failure> {
        let text = self.read()?;
        let config = self.config(&text)?;
        in_force(&config, plan).map_err(|wrong| self.refused(&wrong))
    }

    /// By an atomic rename. Other canaries are in the file as well: who
    /// rolls out one of them waits, and what somebody else has written meanwhile is written again.
    fn apply(&self, plan: &Plan, wanted: &InForce, _: &State) -> Result<Written, Failure> {
        let _lock = lock(&self.lock_file())?;
        for _ in 0..TRIES {
            self.write(plan, wanted)?;
            if self.found(plan)? == *wanted {
                return Ok(Written::Done);
            }
        }
        Err(Failure::cannot(format!(
            "{} is written by somebody else all the time; end that, and try again",
            self.path.display()
        )))
    }
}

impl ConfigFile {
    pub(in crate::rollout) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    fn write(&self, plan: &Plan, wanted: &InForce) -> Result<(), Failure> {
        let text = self.read()?;
        let old = self.config(&text)?;
        let config = with(&old, plan, wanted).map_err(|wrong| self.refused(&wrong))?;
        let text = match is_discovery(&text) {
            true => with_plugin_config(&text, &config)
                .map_err(|wrong| Failure::refused(format!("{} {wrong}", self.path.display())))?,
            false => config + "\n",
        };
        replace(&self.path, text).map_err(|error| {
            Failure::cannot(format!("cannot write {}: {error}", self.path.display()))
        })?;
        Ok(())
    }

    /// Beside the file itself, whatever links lead to it.
    fn lock_file(&self) -> PathBuf {
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let mut name = path.into_os_string();
        name.push(".lock");
        PathBuf::from(name)
    }

    fn read(&self) -> Result<String, Failure> {
        fs::read_to_string(&self.path).map_err(|error| {
            Failure::cannot(format!(
                "cannot read {}: {error}; make it with `coalmine render envoy`, and name it with --config",
                self.path.display()
            ))
        })
    }

    /// The plugin's config in the text of the file.
    fn config(&self, text: &str) -> Result<String, Failure> {
        match is_discovery(text) {
            true => plugin_config(text)
                .map_err(|wrong| Failure::refused(format!("{} {wrong}", self.path.display()))),
            false => Ok(text.trim_end().to_owned()),
        }
    }

    fn refused(&self, wrong: &str) -> Failure {
        Failure::refused(format!("{}: {wrong}", self.path.display()))
    }
}

/// Whether this is the file of `render envoy`, not that of `render plugin`.
fn is_discovery(text: &str) -> bool {
    let value: Result<serde_json::Value, _> = serde_json::from_str(text);
    value.is_ok_and(|value| value.get("resources").is_some())
}
