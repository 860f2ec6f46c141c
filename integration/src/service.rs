//! A program that runs until it is ended, with all that it has started.
//!
//! Each is the [`Ward`] of a guardian: what it has started, such as the Envoy of an agent, ends with it, and
//! all of it with this process, however that went.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::guardian::Ward;

/// Between two looks at something that takes a fraction of a second.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A running program; it is killed when dropped.
#[derive(Debug)]
pub struct Service {
    name: String,
    ward: Ward,
    log: PathBuf,
}

impl Service {
    /// Starts it, with what it writes appended to a log.
    ///
    /// # Errors
    /// The log cannot be written, or there is no such program.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        Self::start_with(name, command, log, None)
    }

    /// The same of a program whose log is in its folder, which goes with it when this process is gone.
    ///
    /// # Errors
    /// As [`Service::start`].
    pub fn start_in(folder: &Path, name: &str, command: &mut Command) -> Result<Self> {
        Self::start_with(name, command, &folder.join("log"), Some(folder))
    }

    fn start_with(
        name: &str,
        command: &mut Command,
        log: &Path,
        folder: Option<&Path>,
    ) -> Result<Self> {
        let open = || File::options().create(true).append(true).open(log);
        let output = open().with_context(|| format!("cannot write {}", log.display()))?;
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        Ok(Self {
            name: name.to_owned(),
            ward: Ward::start(command, folder)?,
            log: log.to_owned(),
        })
    }

    /// Waits until its log tells what is looked for, such as where it listens.
    ///
    /// # Errors
    /// As [`Service::wait_until`].
    pub fn wait_for<T>(&mut self, within: Duration, told: impl Fn(&str) -> Option<T>) -> Result<T> {
        let log = self.log.clone();
        let mut found = None;
        self.wait_until(within, || {
            found = told(&written(&log));
            found.is_some()
        })?;
        found.context("what its log told")
    }

    /// Waits until `ready` says so.
    ///
    /// # Errors
    /// The program has ended, or is not ready in time; the message has the end of its log.
    pub fn wait_until(&mut self, within: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.ward.child().try_wait()? {
                bail!(
                    "{} ended before it was ready ({status}):\n{}",
                    self.name,
                    self.tail()
                );
            }
            if ready() {
                return Ok(());
            }
            if begun.elapsed() > within {
                bail!(
                    "{} was not ready within {within:?}:\n{}",
                    self.name,
                    self.tail()
                );
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// What it has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        written(&self.log)
    }

    fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let end = lines
            .get(lines.len().saturating_sub(25)..)
            .unwrap_or_default();
        format!(
            "{}\n(all of it is in {})",
            end.join("\n"),
            self.log.display()
        )
    }
}

fn written(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits until something is so.
///
/// # Errors
/// It is not so in time; the message says what was waited for, and why it was not so.
pub fn eventually<T>(
    what: &str,
    within: Duration,
    mut attempt: impl FnMut() -> Result<T>,
) -> Result<T> {
    let begun = Instant::now();
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(problem) if begun.elapsed() > within => {
                return Err(problem.context(format!("{what}: not within {within:?}")));
            }
            Err(_) => std::thread::sleep(LOOK_AGAIN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> (Command, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        (command, folder)
    }

    #[test]
    fn what_a_service_started_ends_with_it() {
        let (mut command, folder) = shell("sleep 600 & echo $! ; wait");
        let log = folder.path().join("log");
        let mut service = Service::start("a shell", &mut command, &log).unwrap();
        let said = || fs::read_to_string(&log).unwrap_or_default();
        service
            .wait_until(Duration::from_secs(5), || said().ends_with('\n'))
            .unwrap();
        let grandchild = Path::new("/proc").join(said().trim());
        assert!(grandchild.exists());
        drop(service);
        eventually("the end of sleep", Duration::from_secs(5), || {
            gone(&grandchild)
        })
        .unwrap();
    }

    /// This test is two processes: the one with the variable starts a service and is then killed.
    #[test]
    fn a_service_ends_with_a_process_that_is_killed() {
        const LOG: &str = "COALMINE_TEST_LOG";
        let script = "sleep 600 & echo $! ; wait";
        if let Some(log) = std::env::var_os(LOG) {
            let (mut command, _folder) = shell(script);
            let _service = Service::start("a shell", &mut command, Path::new(&log)).unwrap();
            std::thread::sleep(Duration::from_secs(600));
        }
        let (_, folder) = shell(script);
        let log = folder.path().join("log");
        let name = "service::tests::a_service_ends_with_a_process_that_is_killed";
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .env(LOG, &log)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let grandchild = eventually("a grandchild", Duration::from_secs(10), || {
            let said = fs::read_to_string(&log)?;
            let pid = said.strip_suffix('\n').context("nothing yet")?;
            Ok(Path::new("/proc").join(pid))
        })
        .unwrap();
        assert!(grandchild.exists());
        process.kill().unwrap();
        process.wait().unwrap();
        eventually("the end of sleep", Duration::from_secs(5), || {
            gone(&grandchild)
        })
        .unwrap();
    }

    /// Whether a process has ended; where nobody collects it, it stays as a zombie.
    fn gone(process: &Path) -> Result<()> {
        let state = fs::read_to_string(process.join("stat")).unwrap_or_default();
        (state.is_empty() || state.contains(") Z "))
            .then_some(())
            .context(state)
    }

    #[test]
    fn the_end_of_a_service_is_told_with_its_log() {
        let (mut command, folder) = shell("echo no config; exit 3");
        let log = folder.path().join("log");
        let mut service = Service::start("a shell", &mut command, &log).unwrap();
        let problem = service
            .wait_until(Duration::from_secs(5), || false)
            .unwrap_err();
        let problem = problem.to_string();
        assert!(
            problem.contains("no config") && problem.contains("exit status: 3"),
            "{problem}"
        );
    }
}
