//! Packages of a Debian-like machine.

use std::process::Command;

use anyhow::{Context, Result};

use crate::step::Step;
use crate::toolchain::on_path;

/// Installs packages, with sudo when we are not root; never removes one to make room.
///
/// # Errors
/// No way to become root, no mirror, no such package, or a conflict with what is installed.
pub(super) fn install(packages: &[&str], step: &Step) -> Result<()> {
    step.run(&mut apt_get(&["update"])?)?
        .required()
        .context("the package lists cannot be read")?;
    let mut command = apt_get(&["install", "--yes", "--no-install-recommends", "--no-remove"])?;
    step.run(command.args(packages))?.required().map(drop)
}

fn apt_get(arguments: &[&str]) -> Result<Command> {
    let mut command = if is_root()? {
        Command::new("apt-get")
    } else if on_path("sudo").is_some() {
        let mut sudo = Command::new("sudo");
        // Nobody is there to type a password.
        sudo.args([
            "--non-interactive",
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
        ]);
        sudo
    } else {
        anyhow::bail!("apt-get needs root, and there is no sudo here");
    };
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    Ok(command)
}

fn is_root() -> Result<bool> {
    let answer = Command::new("id")
        .arg("-u")
        .output()
        .context("cannot run id")?;
    Ok(answer.stdout.trim_ascii() == b"0")
}
