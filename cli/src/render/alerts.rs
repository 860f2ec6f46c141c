//! `coalmine render alerts`: what a Prometheus records of canaries, and when it alerts.

use super::refused;
use crate::args::{Files, after_help};
use crate::input;
use crate::outcome::{Failure, Outcome};
use clap::Args;
use coalmine_manifests::monitoring::alerts;

const EXAMPLES: &str = "\
A group of rules for each canary. The file goes into `rule_files` of Prometheus' config.

Examples:
  coalmine render alerts canaries/ > coalmine.rules.yaml
  coalmine render alerts reviews.yaml";

/// `coalmine render alerts`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub struct AlertsArgs {
    /// Where canaries are read from.
    #[command(flatten)]
    pub files: Files,
}

pub(super) fn render(args: &AlertsArgs) -> Result<Outcome, Failure> {
    let input = input::sound(&args.files)?;
    let data = alerts(&input.canaries).map_err(|error| refused(&error, &input))?;
    Ok(Outcome {
        data,
        talk: input.warnings,
        ..Outcome::default()
    })
}
