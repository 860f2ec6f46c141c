//! The clock of one program, put forth and back while it runs.
//!
//! A library of ours (`examples/shifted_clock.rs`) stands between the program and its time of day. Debian's
//! `faketime` does the same, but Envoy's allocator asks for the time before that is ready, and hangs.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::workspace;

/// What names the file to the library.
const VARIABLE: &str = "COALMINE_CLOCK";

/// The clock of whatever is started under it. What measures lengths goes on as always.
#[derive(Debug)]
pub struct Clock {
    offset: File,
    library: PathBuf,
    folder: TempDir,
}

impl Clock {
    /// One that is right.
    ///
    /// # Errors
    /// The library cannot be compiled.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("clock-").tempdir()?;
        let library = folder.path().join("clock.so");
        let source = workspace::root().join("integration/examples/shifted_clock.rs");
        let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let compiled = Command::new(compiler)
            .args(["--edition", "2024", "--crate-type", "cdylib", "-O", "-o"])
            .args([&library, &source])
            .output()
            .context("cannot run rustc")?;
        let said = String::from_utf8_lossy(&compiled.stderr);
        ensure!(
            compiled.status.success(),
            "{} does not compile: {said}",
            source.display()
        );
        let path = folder.path().join("offset");
        fs::write(&path, 0_i64.to_ne_bytes())?;
        let offset = File::options().write(true).open(path)?;
        Ok(Self {
            offset,
            library,
            folder,
        })
    }

    /// Puts it this many seconds away from the right time, forth or back.
    ///
    /// # Errors
    /// The file that says so cannot be written.
    pub fn put(&self, seconds: i64) -> Result<()> {
        Ok(self.offset.write_all_at(&seconds.to_ne_bytes(), 0)?)
    }

    /// What to start a program under.
    #[must_use]
    pub fn wrapper(&self) -> Vec<OsString> {
        let variable = |name: &str, value: &Path| {
            let mut word = OsString::from(name);
            word.push("=");
            word.push(value);
            word
        };
        vec![
            "env".into(),
            variable("LD_PRELOAD", &self.library),
            variable(VARIABLE, &self.folder.path().join("offset")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{SystemTime, UNIX_EPOCH};

    #[test]
    fn a_program_has_the_time_that_it_is_given() {
        let clock = Clock::new().unwrap();
        let check = |seconds: i64| {
            clock.put(seconds).unwrap();
            let words = clock.wrapper();
            let mut date = Command::new(&words[0]);
            let ran = date.args(&words[1..]).args(["date", "+%s"]).output();
            let said = String::from_utf8(ran.unwrap().stdout).unwrap();
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            let right = i64::try_from(now.as_secs()).unwrap();
            let off = said.trim().parse::<i64>().unwrap() - right - seconds;
            assert!(off.abs() < 60, "{seconds}: {off}");
        };
        check(0);
        check(100 * 365 * 86_400);
        check(-100 * 365 * 86_400);
        check(0);
    }
}
