//! `coalmine module extract`: the carried module, as a file.

use super::carried::needed;
use super::image::sha256;
use crate::args::after_help;
use crate::outcome::{Failure, Outcome};
use crate::replace::replace;
use clap::Args;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  coalmine module extract                          writes coalmine.wasm
  coalmine module extract -o /etc/coalmine/coalmine.wasm
  coalmine module extract -o - | sha256sum";

/// `coalmine module extract`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub struct ExtractArgs {
    /// The file to write; - is standard output
    #[arg(short, long, value_name = "FILE", default_value = "coalmine.wasm")]
    pub output: PathBuf,
}

pub(super) fn extract(args: &ExtractArgs) -> Result<Outcome, Failure> {
    let module = needed("`cargo xtask module` makes target/coalmine.wasm, or")?;
    if args.output == Path::new("-") {
        return to_standard_output(module);
    }
    let path = args.output.display();
    let replaced = replace(&args.output, module)
        .map_err(|error| Failure::cannot(format!("cannot write {path}: {error}")))?;
    Ok(Outcome {
        talk: format!("{} {path} ({})\n", replaced.word(), sha256(module)),
        ..Outcome::default()
    })
}

fn to_standard_output(module: &[u8]) -> Result<Outcome, Failure> {
    let mut out = io::stdout().lock();
    if out.is_terminal() {
        return Err(Failure::refused(
            "a module is no text for a terminal: name a file with -o, or pipe it",
        ));
    }
    match out.write_all(module).and_then(|()| out.flush()) {
        // Whoever read it has seen enough, like `head`.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::cannot(format!("cannot write the module: {error}")))
        }
        _ => Ok(Outcome::default()),
    }
}
