//! A child process that may not outlive this one, however this one ends.
//!
//! Linux's parent-death signal follows the thread that started the child, not the process, and
//! asks for unsafe code. So a shell waits on a pipe instead: the system closes the pipe when this
//! process is gone, even by SIGKILL, and the shell then kills the child.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};

/// Watches over a process, or a group of them, until dropped.
#[derive(Debug)]
pub(crate) struct Guardian {
    shell: Child,
}

impl Guardian {
    /// Kills `pid` and removes its `folder` as soon as this process is gone.
    pub(crate) fn of(pid: u32, folder: &Path) -> Result<Self> {
        Self::start(&pid.to_string(), Some(folder))
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

/// A child that leads a process group of its own. The whole group ends when this is dropped, and when
/// this process is gone.
#[derive(Debug)]
pub struct Ward {
    child: Child,
    guardian: Option<Guardian>,
}

impl Ward {
    /// Starts it. When this process is gone before it, its `folder` is removed too.
    ///
    /// # Errors
    /// There is no such program, or no shell to guard it.
    pub fn start(command: &mut Command, folder: Option<&Path>) -> Result<Self> {
        let child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let guardian = Guardian::start(&format!("-{}", child.id()), folder);
        Self::new(child, guardian)
    }

    /// A child that cannot be guarded is ended.
    fn new(child: Child, guardian: Result<Guardian>) -> Result<Self> {
        let mut ward = Self {
            child,
            guardian: None,
        };
        ward.guardian = Some(guardian?);
        Ok(ward)
    }

    /// The leader of the group.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl Drop for Ward {
    fn drop(&mut self) {
        // What the leader started keeps the group, and its number, where the leader is gone already.
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;
    use std::time::{Duration, Instant};

    #[test]
    fn a_child_that_cannot_be_guarded_is_ended() {
        let mut command = Command::new("sleep");
        let child = command.arg("600").process_group(0).spawn().unwrap();
        let process = format!("/proc/{}", child.id());
        assert!(Path::new(&process).exists());
        let begun = Instant::now();
        let problem = Ward::new(child, Err(anyhow!("no shell"))).unwrap_err();
        assert_eq!(problem.to_string(), "no shell");
        // It is collected, so that nothing of it is left.
        assert!(!Path::new(&process).exists());
        assert!(begun.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let problem = Ward::start(&mut Command::new("no-such-program"), None).unwrap_err();
        assert_eq!(problem.to_string(), "cannot start no-such-program");
    }
}
