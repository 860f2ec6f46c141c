//! A running Envoy: its start, its log and its end.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use coalmine_integration::{envoy::Launch, envoy_binary};
//! let binary = envoy_binary::ensure(&envoy_binary::wanted(), &|step| eprintln!("{step}"))?;
//! let envoy = Launch::new(binary).config_text("{...}").start()?;
//! let address = envoy.admin().listener("ingress")?;
//! # Ok(()) }
//! ```

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::admin::Admin;
use crate::guardian::Guardian;

/// Between two looks at something that takes a fraction of a second.
const LOOK_AGAIN: Duration = Duration::from_millis(3);

/// How long a SIGTERM may take before SIGKILL follows.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// What an Envoy is started with.
#[derive(Debug, Clone)]
pub struct Launch {
    binary: PathBuf,
    config: Config,
    concurrency: u32,
    working_directory: Option<PathBuf>,
    wrapper: Vec<OsString>,
    log_level: String,
    ready_within: Duration,
    generation: Option<(u32, u32)>,
}

#[derive(Debug, Clone)]
enum Config {
    Text(String),
    File(PathBuf),
}

impl Launch {
    /// Two workers, info log, 20 s to get ready; a bootstrap must follow.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        Self {
            binary: binary.into(),
            config: Config::Text(String::new()),
            concurrency: 2,
            working_directory: None,
            wrapper: Vec::new(),
            log_level: "info".to_owned(),
            ready_within: Duration::from_secs(20),
            generation: None,
        }
    }

    /// The bootstrap as YAML or JSON text.
    ///
    /// It needs an admin address (port 0 is right), and its listeners ports of 0.
    #[must_use]
    pub fn config_text(mut self, text: impl Into<String>) -> Self {
        self.config = Config::Text(text.into());
        self
    }

    /// The bootstrap as a file, `.yaml` or `.json`; else as [`Launch::config_text`].
    #[must_use]
    pub fn config_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.config = Config::File(path.into());
        self
    }

    /// The number of worker threads. With one, a change is seen by all requests at once.
    #[must_use]
    pub fn concurrency(mut self, workers: u32) -> Self {
        self.concurrency = workers;
        self
    }

    /// The folder that relative paths in the bootstrap start from.
    #[must_use]
    pub fn working_directory(mut self, folder: impl Into<PathBuf>) -> Self {
        self.working_directory = Some(folder.into());
        self
    }

    /// Runs Envoy under another program, such as `["valgrind", "--tool=callgrind"]`. It must
    /// become Envoy (exec, as valgrind does), since it is stopped by its process id.
    #[must_use]
    pub fn under<S: Into<OsString>>(mut self, wrapper: impl IntoIterator<Item = S>) -> Self {
        self.wrapper = wrapper.into_iter().map(Into::into).collect();
        self
    }

    /// Envoy's `--log-level`; [`Envoy::problems`] needs `warning` or more.
    #[must_use]
    pub fn log_level(mut self, level: impl Into<String>) -> Self {
        self.log_level = level.into();
        self
    }

    /// How long the start may take.
    #[must_use]
    pub fn ready_within(mut self, limit: Duration) -> Self {
        self.ready_within = limit;
        self
    }

    /// The Envoy number `epoch`, from 0 on, of those that take over from each other by a hot restart.
    /// They share `base_id`, which no others on this machine have; the ports of their listeners must be
    /// fixed, or the next one would not find them.
    #[must_use]
    pub fn hot_restart(mut self, base_id: u32, epoch: u32) -> Self {
        self.generation = Some((base_id, epoch));
        self
    }

    /// Starts Envoy and waits until it is ready.
    ///
    /// # Errors
    /// It does not start, ends before it is ready, or is not ready in time; the message has the
    /// end of its log. Nothing is left running then.
    pub fn start(&self) -> Result<Envoy> {
        let folder = tempfile::Builder::new().prefix("envoy-").tempdir()?;
        let (log, admin_file) = (folder.path().join("log"), folder.path().join("admin"));
        let config = match &self.config {
            Config::File(path) => std::path::absolute(path)?,
            Config::Text(text) => {
                // JSON is YAML too.
                let path = folder.path().join("bootstrap.yaml");
                fs::write(&path, text)?;
                path
            }
        };

        let mut words = self.wrapper.clone();
        words.push(self.binary.clone().into_os_string());
        let mut words = words.into_iter();
        let mut command = Command::new(words.next().unwrap_or_default());
        command
            .args(words)
            .arg("-c")
            .arg(&config)
            .args(["--concurrency", &self.concurrency.to_string()])
            .args(["--log-level", &self.log_level])
            .arg("--admin-address-path")
            .arg(&admin_file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // Not --log-path: that one is buffered for seconds.
            .stderr(File::create(&log)?);
        match self.generation {
            None => command.arg("--disable-hot-restart"),
            Some((base_id, epoch)) => command
                .args(["--base-id", &base_id.to_string()])
                .args(["--restart-epoch", &epoch.to_string()])
                // The one before is drained at once, and ends soon after.
                .args(["--drain-time-s", "2", "--parent-shutdown-time-s", "4"]),
        };
        if let Some(folder) = &self.working_directory {
            command.current_dir(folder);
        }
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;

        let mut starting = Process {
            guardian: None,
            child,
            log,
            folder,
        };
        starting.guardian = Some(Guardian::of(starting.child.id(), starting.folder.path())?);
        let admin = self
            .wait_until_ready(&mut starting, &admin_file)
            .with_context(|| format!("Envoy's log ends with\n{}", starting.log_end()))?;
        Ok(Envoy {
            process: starting,
            admin,
        })
    }

    fn wait_until_ready(&self, process: &mut Process, admin_file: &Path) -> Result<Admin> {
        let until = Instant::now() + self.ready_within;
        let mut admin = None;
        while Instant::now() < until {
            if let Some(status) = process.child.try_wait()? {
                bail!("Envoy ended before it was ready ({status})");
            }
            if admin.is_none() {
                let address = fs::read_to_string(admin_file).unwrap_or_default();
                admin = address.trim().parse().ok().map(Admin::new);
            }
            if let Some(admin) = &admin
                && admin.is_ready().unwrap_or(false)
            {
                break;
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        match admin {
            Some(admin) if admin.is_ready().unwrap_or(false) => Ok(admin),
            Some(_) => bail!("Envoy was not ready within {:?}", self.ready_within),
            None => bail!(
                "Envoy opened no admin address within {:?}; does the bootstrap have one?",
                self.ready_within
            ),
        }
    }
}

/// A running Envoy; it ends when dropped, and when this process ends in whatever way.
#[derive(Debug)]
pub struct Envoy {
    process: Process,
    admin: Admin,
}

impl Envoy {
    /// Its admin interface.
    #[must_use]
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// Everything it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.log_since(0)
    }

    /// How much it has logged, in bytes: a place for [`Envoy::log_since`].
    #[must_use]
    pub fn log_length(&self) -> u64 {
        fs::metadata(&self.process.log).map_or(0, |log| log.len())
    }

    /// What it has logged after a place that [`Envoy::log_length`] gave.
    #[must_use]
    pub fn log_since(&self, place: u64) -> String {
        self.process.log_since(place)
    }

    /// The messages of level warning, error and critical, each with its further lines.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        self.problems_since(0)
    }

    /// As [`Envoy::problems`], after a place that [`Envoy::log_length`] gave.
    #[must_use]
    pub fn problems_since(&self, place: u64) -> Vec<String> {
        problems(&self.log_since(place))
    }

    /// Ends it and waits for that: SIGTERM, and SIGKILL if that takes over ten seconds.
    ///
    /// # Errors
    /// It had ended before, or had to be killed, or ended with another code than 0; the message
    /// has the end of its log.
    pub fn stop(mut self) -> Result<()> {
        let end = self.process.end();
        end.with_context(|| format!("Envoy's log ends with\n{}", self.process.log_end()))
    }
}

/// The messages of level warning, error and critical in a log, each with its further lines.
fn problems(log: &str) -> Vec<String> {
    const LEVELS: [&str; 3] = ["][warning][", "][error][", "][critical]["];
    let mut problems: Vec<String> = Vec::new();
    let mut in_problem = false;
    for line in log.lines() {
        // A message starts with "[date time][thread][level][logger]"; its further lines do not.
        let starts = line.starts_with("[2") && line.contains("][");
        if starts {
            in_problem = LEVELS.iter().any(|level| line.contains(level));
            if in_problem {
                problems.push(line.to_owned());
            }
        } else if in_problem && let Some(problem) = problems.last_mut() {
            problem.push('\n');
            problem.push_str(line);
        }
    }
    problems
}

/// The child with what belongs to it; the order of the fields is the order of their end.
#[derive(Debug)]
struct Process {
    guardian: Option<Guardian>,
    child: Child,
    log: PathBuf,
    folder: TempDir,
}

impl Process {
    fn log_since(&self, place: u64) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        String::from_utf8_lossy(log.get(place..).unwrap_or_default()).into_owned()
    }

    fn log_end(&self) -> String {
        let log = self.log_since(0);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Ends the child if it runs; an error if it did not run or did not end well.
    fn end(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("Envoy had ended by itself ({status})");
        }
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM)?;
        }
        let Some(status) = self.ended_within(STOP_WITHIN)? else {
            self.child.kill()?;
            self.child.wait()?;
            bail!("Envoy did not end within {STOP_WITHIN:?} and was killed");
        };
        if !status.success() {
            bail!("Envoy ended with {status}");
        }
        Ok(())
    }

    fn ended_within(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let until = Instant::now() + limit;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(None)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.end();
        // Before the process id is anyone else's.
        self.guardian = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_whole_messages() {
        let check = |log: &str, expected: &[&str]| assert_eq!(problems(log), expected, "{log}");
        check("", &[]);
        check(
            "[2026-11-23 19:41:16.674][1][info][main] [a.cc:1] fine\n",
            &[],
        );
        check(
            "[2026-11-23 19:41:16.674][1][info][main] [a.cc:1] fine\nmore\n\
             [2026-11-23 19:41:16.674][1][warning][main] [a.cc:1] one\n\
             [2026-11-23 19:41:16.674][1][error][wasm] [a.cc:1] two\n  its line\n\
             [2026-11-23 19:41:16.674][1][info][main] [a.cc:1] fine [error]\n\
             [2026-11-23 19:41:16.674][1][critical][wasm] [a.cc:1] three\n",
            &[
                "[2026-11-23 19:41:16.674][1][warning][main] [a.cc:1] one",
                "[2026-11-23 19:41:16.674][1][error][wasm] [a.cc:1] two\n  its line",
                "[2026-11-23 19:41:16.674][1][critical][wasm] [a.cc:1] three",
            ],
        );
    }
}
