//! A child process that may not outlive this one, however this one ends.
//!
//! Linux's parent-death signal follows the thread that started the child, not the process, and
//! asks for unsafe code. So a shell waits on a pipe instead: the system closes the pipe when this
//! process is gone, even by SIGKILL, and the shell then kills the child.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// Watches over one process until dropped.
#[derive(Debug)]
pub struct Guardian {
    shell: Child,
}

impl Guardian {
    /// Kills `pid` and removes its `folder` as soon as this process is gone.
    pub(crate) fn of(pid: u32, folder: &Path) -> Result<Self> {
        Self::start(&pid.to_string(), Some(folder))
    }

    /// Kills the process group that `leader` leads as soon as this process is gone.
    ///
    /// # Errors
    /// There is no shell.
    pub fn of_group(leader: u32) -> Result<Self> {
        Self::start(&format!("-{leader}"), None)
    }

    fn start(target: &str, folder: Option<&Path>) -> Result<Self> {
        const SCRIPT: &str = r#"read -r _; kill -KILL "$1"; test -z "$2" || rm -r -- "$2""#;
        let shell = Command::new("sh")
            .args(["-c", SCRIPT, "guardian", target])
            .args(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C goes to the whole group of this process, and must not end the guardian.
            .process_group(0)
            .spawn()
            .context("cannot start the shell that guards a child process")?;
        Ok(Self { shell })
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        // Before the pipe closes, or it would take its ward for an orphan. `wait` would close it.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}
