//! `cargo xtask soak`: everything at once on a real Envoy, for as long as one likes.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use coalmine_integration::{envoy_binary, workspace};

use crate::setup::Need;
use crate::step::Step;
use crate::toolchain::native_cargo;
use crate::{envoy, module};

/// Run hostile requests, users and changing configs at once, and watch memory and log meanwhile
///
/// Each hostile request is decided as natively, no request of a user fails, every fifth config is refused. It
/// fails where one of these does not hold, where requests alone make Envoy log something, or where memory
/// grows. The report is target/soak/report.md, with a plot of the memory beside it.
#[derive(Args)]
pub(crate) struct Soak {
    /// How long
    #[arg(long, value_name = "MINUTES", default_value_t = 30)]
    minutes: u64,
    /// Send the same requests again: the seed that an earlier run has printed
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    #[command(flatten)]
    envoy: envoy::Choice,
}

impl Soak {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let envoy = self.envoy.wanted();
        let step = Step::begin(format!("soaking for {} min", self.minutes));
        Need::Envoy.ensure(&envoy, &step)?;
        module::build(&step)?;
        let mut command = native_cargo();
        command
            .args(["test", "--release", "--package", "coalmine-integration"])
            .args(["--test", "filter", "soak::", "--", "--nocapture"])
            .env("COALMINE_SOAK", (self.minutes * 60).to_string())
            .env(envoy_binary::VARIABLE, &envoy);
        if let Some(seed) = self.seed {
            command.env("COALMINE_SEED", seed.to_string());
        }
        let finished = step.run(&mut command)?;
        let success = finished.success;
        step.end(if success { "done" } else { "FAILED" });
        println!("{}", finished.output);
        let folder = workspace::target_dir().join("soak");
        println!("{}", folder.join("report.md").display());
        Ok(ExitCode::from(u8::from(!success)))
    }
}
