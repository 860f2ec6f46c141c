//! Envoy, its log and its end.

use crate::outcome::Failure;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};

/// How long a SIGTERM may take before SIGKILL follows.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// So much of the log is shown when Envoy ends by itself.
const LINES_SHOWN: usize = 12;

/// A running Envoy. It does not outlive this process, however that ends.
pub(super) struct Process {
    child: Child,
    /// Waits for this process to be gone, and then ends Envoy and removes its folder.
    guardian: std::process::Child,
    log: PathBuf,
}

impl Process {
    /// Starts Envoy with the bootstrap in `folder`; its log and the address of its admin interface
    /// will be there as well.
    ///
    /// # Errors
    /// It does not start.
    pub(super) fn start(binary: &Path, folder: &Path, more: &[String]) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::cannot(format!("cannot start {}: {error}", binary.display()))
        };
        let log = folder.join("log");
        let mut command = Command::new(binary);
        command
            .arg("-c")
            .arg(folder.join(coalmine_manifests::envoy::BOOTSTRAP))
            .arg("--admin-address-path")
            .arg(folder.join(ADMIN_ADDRESS))
            .arg("--disable-hot-restart");
        let given = |names: &[&str]| {
            let is = |arg: &String| names.iter().any(|name| arg.split('=').next() == Some(name));
            more.iter().any(is)
        };
        if !given(&["--log-level", "-l"]) {
            command.args(["--log-level", "warning"]);
        }
        if !given(&["--concurrency"]) {
            command.args(["--concurrency", "2"]);
        }
        let child = command
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).map_err(failed)?)
            // Ctrl-C goes to the whole group of this process; Envoy ends when we say so.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let guardian = guardian(child.id().unwrap_or_default(), folder).map_err(failed)?;
        Ok(Self {
            child,
            guardian,
            log,
        })
    }

    /// Waits for its end, which nobody has asked for.
    pub(super) async fn ended(&mut self) -> Failure {
        let status = self.child.wait().await;
        Failure::cannot(self.end_in_words(status.ok()))
    }

    fn end_in_words(&self, status: Option<ExitStatus>) -> String {
        let status = status
            .map(|status| format!(" ({status})"))
            .unwrap_or_default();
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.get(lines.len().saturating_sub(LINES_SHOWN)..);
        format!(
            "Envoy ended{status}; its log ends with\n{}",
            last.unwrap_or_default().join("\n")
        )
    }

    /// Why it is not ready, as far as its log tells.
    pub(super) fn not_ready(&self, within: Duration) -> Failure {
        let problems = self.problems_since(0);
        let why = if problems.is_empty() {
            "it logged no warning and no error; what it says with `-- --log-level info` may tell why"
                .to_owned()
        } else {
            format!("it says\n  {}", problems.join("\n  "))
        };
        Failure::cannot(format!("Envoy was not ready within {within:?}; {why}"))
    }

    /// How much it has logged, in bytes.
    pub(super) fn log_length(&self) -> u64 {
        fs::metadata(&self.log).map_or(0, |log| log.len())
    }

    /// The lines since then that tell of a problem.
    pub(super) fn problems_since(&self, place: u64) -> Vec<String> {
        let log = fs::read(&self.log).unwrap_or_default();
        let new = log.get(usize::try_from(place).unwrap_or(usize::MAX)..);
        let text = String::from_utf8_lossy(new.unwrap_or_default()).into_owned();
        let bad = |line: &&str| {
            ["[warning]", "[error]", "[critical]"]
                .iter()
                .any(|w| line.contains(w))
        };
        text.lines().filter(bad).map(str::to_owned).collect()
    }

    /// Ends it.
    pub(super) async fn stop(mut self) {
        let pid = self
            .child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        if tokio::time::timeout(STOP_WITHIN, self.child.wait())
            .await
            .is_err()
        {
            let _ = self.child.kill().await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Before its pipe closes, or it would take its ward for an orphan. `wait` would close it.
        let _ = self.guardian.kill();
        let _ = self.guardian.wait();
    }
}

/// The file in which Envoy writes the address of its admin interface.
pub(super) const ADMIN_ADDRESS: &str = "admin";

/// A shell waits on a pipe that the system closes when this process is gone, even by SIGKILL.
fn guardian(pid: u32, folder: &Path) -> std::io::Result<std::process::Child> {
    const SCRIPT: &str = r#"read -r _; kill -KILL "$1"; rm -r -- "$2""#;
    std::process::Command::new("sh")
        .args(["-c", SCRIPT, "guardian", &pid.to_string()])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}
