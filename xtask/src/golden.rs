//! `cargo xtask golden`: writes anew what tests compare with.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::step::Step;
use crate::toolchain::native_cargo;

/// The packages with golden files. The vectors of the root package are not among them: they are a
/// published format, and whoever changes that should have to say so.
const PACKAGES: [&str; 3] = ["coalmine-manifests", "coalmine-cli", "xtask"];

/// Write all golden files anew: rendered manifests, the schema, what the command prints, licences
///
/// `cargo xtask test` compares them. Read the difference (`git diff`) before you commit it.
#[derive(Args)]
pub(crate) struct Golden {}

impl Golden {
    pub(crate) fn run(self) -> Result<ExitCode> {
        for package in PACKAGES {
            let step = Step::begin(format!("golden files of {package}"));
            let mut command = native_cargo();
            command
                .args(["test", "--package", package])
                .env("UPDATE", "1")
                .env("INSTA_UPDATE", "always");
            step.run(&mut command)?.required()?;
            step.end("written");
        }
        Ok(ExitCode::SUCCESS)
    }
}
