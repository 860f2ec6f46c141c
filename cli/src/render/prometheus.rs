//! `coalmine render prometheus`: labels of the metrics where the bootstrap is a mesh's.

use super::refused;
use crate::args::{Files, after_help};
use crate::input;
use crate::outcome::{Failure, Outcome};
use clap::Args;
use coalmine_manifests::prometheus::{istio_stat_tags, relabelling};

const EXAMPLES: &str = "\
A plain Envoy needs none of it: `coalmine render envoy` writes the labels into its bootstrap.

Examples:
  coalmine render prometheus canaries/";

/// `coalmine render prometheus`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub struct PrometheusArgs {
    /// Where canaries are read from.
    #[command(flatten)]
    pub files: Files,
}

pub(super) fn render(args: &PrometheusArgs) -> Result<Outcome, Failure> {
    let input = input::sound(&args.files)?;
    let rules = relabelling(&input.canaries).map_err(|error| refused(&error, &input))?;
    let tags = istio_stat_tags().join(",");
    Ok(Outcome {
        data: format!(
            "# Without these rules, in Istio, by an annotation of the pods:\n\
             # sidecar.istio.io/extraStatTags: {tags}\n{rules}"
        ),
        talk: input.warnings,
        ..Outcome::default()
    })
}
