//! `coalmine render plugin`: the config of the filter alone.

use super::{folder, refused, write};
use crate::args::{Files, after_help};
use crate::input;
use crate::outcome::{Failure, Outcome};
use clap::Args;
use coalmine_manifests::{File, plugin_config};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  coalmine render plugin canaries/
  coalmine render plugin canaries/ -o out/     writes out/plugin.json";

/// `coalmine render plugin`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub struct PluginArgs {
    /// Where canaries are read from.
    #[command(flatten)]
    pub files: Files,
    /// The proxy stands at the edge: take out of baggage what says to come from us, and inherit nothing
    #[arg(long)]
    pub edge: bool,
    /// The folder to write plugin.json to; standard output if not given, or -
    #[arg(short, long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
}

pub(super) fn render(args: &PluginArgs) -> Result<Outcome, Failure> {
    let mut input = input::sound(&args.files)?;
    input.canaries.edge |= args.edge;
    let mut json =
        plugin_config::compact(&input.canaries).map_err(|error| refused(&error, &input))?;
    json.push('\n');
    let Some(folder) = folder(args.output.as_deref()) else {
        return Ok(Outcome {
            data: json,
            talk: input.warnings,
            ..Outcome::default()
        });
    };
    let file = File {
        name: "plugin.json".to_owned(),
        contents: json,
    };
    let (talk, _) = write(folder, &[file])?;
    Ok(Outcome {
        talk: input.warnings + &talk,
        ..Outcome::default()
    })
}
