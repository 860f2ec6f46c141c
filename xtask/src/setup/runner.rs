//! `wasm-bindgen-test-runner`, which takes a test binary for wasm32 to Node.
//!
//! It must be of exactly the version of wasm-bindgen that the test binary was built with.

use std::path::PathBuf;

use anyhow::{Context, Result};
use coalmine_integration::workspace;

use crate::step::Step;
use crate::toolchain;

/// The runner, if the right version is installed.
///
/// # Errors
/// Cargo.lock has no wasm-bindgen.
pub(crate) fn installed() -> Result<Option<PathBuf>> {
    let runner = folder()?.join("bin/wasm-bindgen-test-runner");
    Ok(runner.is_file().then_some(runner))
}

/// Compiles and installs the runner below target/.
pub(super) fn install(step: &Step) -> Result<()> {
    let version = version()?;
    step.note(&format!(
        "installing wasm-bindgen-cli {version}, once: about two minutes"
    ));
    let mut command = toolchain::native_cargo();
    command
        .args(["install", "wasm-bindgen-cli", "--version", &version])
        .arg("--root")
        .arg(folder()?)
        // Of the whole package only this program is used.
        .args(["--bin", "wasm-bindgen-test-runner"]);
    step.run(&mut command)?.required().map(drop)
}

/// The version of wasm-bindgen that Cargo.lock has.
pub(super) fn version() -> Result<String> {
    let path = workspace::root().join("Cargo.lock");
    let lock = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    locked(&lock, "wasm-bindgen")
        .map(str::to_owned)
        .context("Cargo.lock has no wasm-bindgen: the tests on wasm32 need wasm-bindgen-test")
}

fn folder() -> Result<PathBuf> {
    let name = format!("wasm-bindgen-{}", version()?);
    Ok(workspace::target_dir().join("tools").join(name))
}

/// The version of `package` in the text of a lock file.
fn locked<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let mut lines = lock.lines();
    let name = format!("name = \"{package}\"");
    lines.find(|line| line.trim() == name)?;
    let version = lines.next()?.trim().strip_prefix("version = \"")?;
    version.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_names_versions() {
        let lock = "version = 4\n\n[[package]]\nname = \"wasm-bindgen-test\"\nversion = \"0.3.80\"\n\
                    \n[[package]]\r\nname = \"wasm-bindgen\"\r\nversion = \"0.2.130\"\r\n";
        let check = |package: &str, expected| {
            assert_eq!(locked(lock, package), expected, "{package}");
        };
        check("wasm-bindgen", Some("0.2.130"));
        check("wasm-bindgen-test", Some("0.3.80"));
        check("wasm", None);
        check("", None);
    }
}
