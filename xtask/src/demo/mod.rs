//! `cargo xtask demo`: the main job on a real Envoy, measured while you wait.
//!
//! `stand` brings two versions of a service and an Envoy up; `scenes` are what is shown, each of
//! which measures something and says what was to be expected; `table` draws them.

mod scenes;
mod stand;
mod table;

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::step::Step;
use crate::{envoy, module};
use stand::Stand;
use table::Table;

/// Show the main job on a real Envoy: pins, rules, shares, and a share changed under traffic
///
/// Installs what is missing, builds the module, starts two versions of a service and an Envoy with
/// a rendered config, and measures. Ends by itself and leaves nothing running. The exit code is 1
/// if something came out otherwise than expected.
#[derive(Args)]
pub(crate) struct Demo {
    /// Leave everything up afterwards, with addresses and commands to try, until Ctrl-C
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    envoy: envoy::Choice,
}

impl Demo {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let wanted = self.envoy.wanted();
        let step = Step::begin("building the module");
        let sizes = module::build(&step)?;
        step.end(&format!("{} KiB", sizes.shipped.div_ceil(1024)));
        let binary = envoy::ensure(&wanted)?;

        let step = Step::begin("starting two versions of a service and Envoy");
        let stand = Stand::start(&binary)?;
        step.end("ready");

        let mut table = Table::default();
        let step = Step::begin("measuring");
        let outcome = scenes::play(&stand, &mut table, &step);
        step.end("done");
        println!("\n{table}");
        outcome?;
        if self.keep {
            stand.keep()?;
        }
        Ok(ExitCode::from(u8::from(!table.all_as_expected())))
    }
}
