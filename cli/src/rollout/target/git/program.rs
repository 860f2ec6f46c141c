//! Runs `git`, with whatever its owner has configured.

use crate::outcome::Failure;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::runtime::Runtime;
use tokio::time::timeout;

/// A remote that takes longer is away.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many lines of what it says are repeated.
const LINES: usize = 3;

/// Git in a folder.
pub(super) struct Git {
    folder: PathBuf,
    runtime: Runtime,
}

impl Git {
    pub(super) fn new(folder: &Path) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::cannot(format!("cannot run git: {error}")))?;
        Ok(Self {
            folder: folder.to_owned(),
            runtime,
        })
    }

    /// What it prints, or what it says when it fails.
    pub(super) fn run(&self, arguments: &[impl AsRef<OsStr>]) -> Result<String, String> {
        self.run_with(arguments, "")
    }

    /// The same with something on its standard input.
    pub(super) fn run_with(
        &self,
        arguments: &[impl AsRef<OsStr>],
        input: &str,
    ) -> Result<String, String> {
        self.runtime.block_on(async {
            let ran = timeout(PATIENCE, self.output(arguments, input)).await;
            ran.unwrap_or_else(|_| Err(format!("it took longer than {} s", PATIENCE.as_secs())))
        })
    }

    async fn output(&self, arguments: &[impl AsRef<OsStr>], input: &str) -> Result<String, String> {
        let mut child = Command::new("git")
            .arg("-C")
            .arg(&self.folder)
            .args(arguments)
            // Nobody is there to be asked for a password or for words.
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_EDITOR", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("git cannot be started: {error}; install it"))?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that does not read its input may be gone already.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        let output = child.wait_with_output().await;
        let output = output.map_err(|error| format!("git cannot be waited for: {error}"))?;
        if output.status.success() {
            return String::from_utf8(output.stdout).map_err(|_| "it prints no UTF-8".to_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let mut lines = said.lines().filter(|line| !line.trim().is_empty());
        let first: Vec<&str> = lines.by_ref().take(LINES).collect();
        Err(match first.is_empty() {
            true => format!("git ends with {}", output.status),
            false => first.join("; "),
        })
    }
}
