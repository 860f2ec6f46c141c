//! `cargo-deny`, which checks licences, sources, and what is known against dependencies.

use std::path::PathBuf;

use anyhow::{Context, Result};
use coalmine_integration::workspace;

use crate::step::Step;
use crate::toolchain;

/// The one that deny.toml is written for.
pub(super) const VERSION: &str = "0.20.2";

/// The program.
///
/// # Errors
/// It is not installed.
pub(crate) fn installed() -> Result<PathBuf> {
    let program = folder().join("bin/cargo-deny");
    let found = program.is_file().then_some(program);
    found.with_context(|| format!("{VERSION} comes with `cargo xtask setup`"))
}

/// Compiles and installs it below target/.
pub(super) fn install(step: &Step) -> Result<()> {
    step.note(&format!(
        "installing cargo-deny {VERSION}, once: about two minutes"
    ));
    let mut command = toolchain::native_cargo();
    command
        .args(["install", "cargo-deny", "--version", VERSION, "--locked"])
        .arg("--root")
        .arg(folder());
    step.run(&mut command)?.required().map(drop)
}

fn folder() -> PathBuf {
    let name = format!("cargo-deny-{VERSION}");
    workspace::target_dir().join("tools").join(name)
}
