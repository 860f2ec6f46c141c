//! The commands as people run them: programs of their own, built from this workspace.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::workspace;

/// The path of the command `coalmine`, built if it has to be. It carries no module.
///
/// # Errors
/// It does not compile.
pub fn coalmine() -> Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    once(&BUILT, "coalmine-cli", "coalmine")
}

/// The path of the program behind `cargo xtask`, built if it has to be.
///
/// # Errors
/// It does not compile.
pub fn xtask() -> Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    once(&BUILT, "xtask", "xtask")
}

fn once(
    built: &OnceLock<Result<PathBuf, String>>,
    package: &str,
    program: &str,
) -> Result<PathBuf> {
    let build = || build(package, program).map_err(|problem| format!("{problem:#}"));
    built.get_or_init(build).clone().map_err(anyhow::Error::msg)
}

fn build(package: &str, program: &str) -> Result<PathBuf> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // A cargo that runs tests tells them about their package, and dependencies that look at these
    // variables (ring) would be compiled anew each time.
    for (name, _) in std::env::vars_os() {
        let of_a_package = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_"];
        if of_a_package
            .iter()
            .any(|prefix| name.to_string_lossy().starts_with(prefix))
        {
            cargo.env_remove(name);
        }
    }
    // Asked for its messages, cargo says where it leaves the program.
    let output = cargo
        .args(["build", "--package", package, "--bin", program])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(workspace::root())
        .env_remove("COALMINE_MODULE")
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("{program} does not compile");
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let executable = messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message["executable"].as_str()?))
    });
    executable.context("cargo built no program")
}
