//! A Python with packages of others, below `target/python/`: for what has to be seen with another
//! implementation than ours.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace;

/// A Python that has these packages, `name==version`, in a virtual environment of its own; installed
/// once. Safe to call from several processes at once.
///
/// # Errors
/// No Python with `venv`, or no way to PyPI; the message says what pip said.
pub fn ensure(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = workspace::target_dir().join("python").join(name);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let lock = File::create(folder.join("lock"))?;
    lock.lock().context("cannot lock the folder of Python")?;
    let environment = folder.join("environment");
    let python = environment.join("bin/python3");
    // Written last, so it stands for all that is before it.
    let complete = folder.join("complete");
    let wanted = packages.join("\n");
    if fs::read_to_string(&complete).is_ok_and(|there| there == wanted) {
        return Ok(python);
    }
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&environment))
    .context("on Debian: apt-get install python3-venv")?;
    let pip = [
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--only-binary=:all:",
    ];
    run(Command::new(&python).args(pip).args(packages))
        .with_context(|| format!("{} come from PyPI", packages.join(" and ")))?;
    fs::write(&complete, wanted)?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    if !output.status.success() {
        bail!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}
