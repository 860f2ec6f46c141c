//! `coalmine render grafana`: a dashboard.

use crate::args::after_help;
use crate::outcome::{Failure, Outcome};
use clap::Args;
use coalmine_manifests::monitoring::grafana;

const EXAMPLES: &str = "\
It asks which canaries there are by itself, so it needs no files. Import it, and choose a Prometheus.

Examples:
  coalmine render grafana > coalmine.dashboard.json";

/// `coalmine render grafana`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub struct GrafanaArgs {}

pub(super) fn render(_: &GrafanaArgs) -> Result<Outcome, Failure> {
    let data = grafana().map_err(|error| Failure::cannot(format!("{error}")))?;
    Ok(Outcome {
        data,
        ..Outcome::default()
    })
}
