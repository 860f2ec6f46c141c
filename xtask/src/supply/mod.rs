//! What is shipped, and from what it is built: licences, a bill of materials, and what is known against
//! any of it.
//!
//! | file | what |
//! |---|---|
//! | `shipped` | the crates in the module and in the command, as cargo resolves them |
//! | `licences` | the page of their licences, `docs/licences.md`, which is a golden file of a test |
//! | `sbom` | the same for programs, as CycloneDX |

#[cfg(test)]
mod licences;
mod sbom;
mod shipped;

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::Args;
use coalmine_integration::workspace;

use crate::setup::{Need, cargo_deny};
use crate::step::Step;

pub(crate) use sbom::write as write_boms;

/// Write the bills of materials of the module and the command, as CycloneDX, to target/dist/
#[derive(Args)]
pub(crate) struct Sbom {}

/// Ask the RustSec database what is known against anything that this is built from
///
/// Its database is fetched from a git host, so this needs more of the network than the tests, which
/// check licences and sources by the same deny.toml.
#[derive(Args)]
pub(crate) struct Audit {}

impl Sbom {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let folder = workspace::target_dir().join("dist");
        for path in write_boms(&folder)? {
            let shown = path.strip_prefix(workspace::root()).unwrap_or(&path);
            println!("{}", shown.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Audit {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let step = Step::begin("what is known against dependencies");
        Need::CargoDeny.ensure("", &step)?;
        let output = step.run(&mut deny(&["advisories", "licenses", "bans", "sources"])?)?;
        let told = output.required()?;
        step.end("nothing");
        print!("{told}");
        Ok(ExitCode::SUCCESS)
    }
}

/// The checks that need no database.
///
/// # Errors
/// `cargo-deny` is not installed.
pub(crate) fn stage() -> Result<Command> {
    deny(&["licenses", "bans", "sources"])
}

fn deny(checks: &[&str]) -> Result<Command> {
    let mut command = Command::new(cargo_deny()?);
    command.current_dir(workspace::root());
    command
        .args(["--workspace", "--locked", "check"])
        .args(checks);
    Ok(command)
}

/// The lower-case hexadecimal SHA-256 of a file.
fn digest(path: &Path) -> Result<String> {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(std::fs::read(path)?);
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}
