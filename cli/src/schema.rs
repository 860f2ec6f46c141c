//! `coalmine schema`: the file's format, for editors and for Kubernetes.

use crate::args::after_help;
use crate::outcome::{Failure, Outcome};
use crate::replace::replace;
use clap::Args;
use coalmine_manifests::schema;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  coalmine schema -o canary.schema.json
  coalmine schema --crd -o canaries.coalmine.dev.yaml
  coalmine schema --crd | kubectl apply -f -

  Then let the first lines of a canary say where the schema is, and editors complete and check:
  # yaml-language-server: $schema=canary.schema.json";

/// `coalmine schema`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub struct SchemaArgs {
    /// The CustomResourceDefinition for Kubernetes, as YAML
    #[arg(long)]
    pub crd: bool,
    /// The file to write to; standard output if not given, or -
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Prints or writes the schema of the `Canary` file.
///
/// # Errors
/// The file cannot be written.
pub fn schema(args: &SchemaArgs) -> Result<Outcome, Failure> {
    let made = if args.crd {
        schema::crd()
    } else {
        schema::json_schema()
    };
    let text = made.map_err(|error| Failure::cannot(error.to_string()))?;
    let file = args.output.as_ref();
    let Some(path) = file.filter(|path| path.as_os_str() != "-") else {
        return Ok(Outcome {
            data: text,
            ..Outcome::default()
        });
    };
    let name = path.display();
    let replaced = replace(path, &text).map_err(|error| {
        Failure::cannot(format!(
            "cannot write {name}: {error}; give another file with -o"
        ))
    })?;
    Ok(Outcome {
        talk: format!("{} {name}\n", replaced.word()),
        ..Outcome::default()
    })
}
