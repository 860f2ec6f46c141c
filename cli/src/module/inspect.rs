//! `coalmine module inspect`: what is in a module, for people and programs.

use super::carried::load;
use super::inspection::{Inspection, inspect};
use crate::args::{Format, after_help};
use crate::outcome::{Failure, NO, Outcome};
use clap::Args;
use std::fmt::Write as _;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  coalmine module inspect                          the module that this command carries
  coalmine module inspect target/coalmine.wasm
  coalmine module inspect coalmine.wasm -o json | jq -r .digest";

/// `coalmine module inspect`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub struct InspectArgs {
    /// The module [default: the one that this command carries]
    pub file: Option<PathBuf>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}

pub(super) fn run(args: &InspectArgs) -> Result<Outcome, Failure> {
    let module = load(args.file.as_deref())?;
    let found = inspect(&module.bytes)
        .map_err(|problem| Failure::refused(format!("{} {problem}", module.source)))?;
    Ok(Outcome {
        data: args
            .output
            .print(&found, || table(&module.source, &found))?,
        code: if found.loads { 0 } else { NO },
        ..Outcome::default()
    })
}

fn table(source: &str, found: &Inspection) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:9} {value}");
    };
    line("module", source);
    line(
        "version",
        found
            .version
            .as_deref()
            .unwrap_or("none: not a module of Coalmine's"),
    );
    line("digest", &found.digest);
    line(
        "size",
        &format!("{} bytes, {} gzipped", found.size, found.gzipped_size),
    );
    line("ABI", found.abi.as_deref().unwrap_or("none"));
    let memory = found.memory.map(|memory| {
        let most = memory
            .maximum
            .map(|most| format!(", at most {} KiB", most / 1024));
        let start = memory.initial / 1024;
        format!("{start} KiB at the start{}", most.unwrap_or_default())
    });
    line("memory", memory.as_deref().unwrap_or("none"));
    let list = |names: &[String]| match names {
        [] => "none".to_owned(),
        names => names.join("\n          "),
    };
    line("exports", &list(&found.exports));
    line("imports", &list(&found.imports));
    if found.loads {
        line("Envoy", "can load it, and so can Istio");
    } else {
        line("Envoy", "cannot load it:");
    }
    for problem in &found.problems {
        let _ = writeln!(text, "          - {problem}");
    }
    text
}
