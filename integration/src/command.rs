//! The command `coalmine` as people run it: a program of its own, built from this workspace.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::workspace;

/// The path of the command, built if it has to be. It carries no module.
///
/// # Errors
/// It does not compile.
pub fn coalmine() -> Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| build().map_err(|problem| format!("{problem:#}")));
    built.clone().map_err(anyhow::Error::msg)
}

fn build() -> Result<PathBuf> {
    // Asked for its messages, cargo says where it leaves the program.
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--package", "coalmine-cli", "--bin", "coalmine"])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(workspace::root())
        .env_remove("COALMINE_MODULE")
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("the command does not compile");
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let executable = messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message["executable"].as_str()?))
    });
    executable.context("cargo built no program")
}
