//! `coalmine completions` and `coalmine man`: the command's own description, for shells and `man`.

use crate::args::after_help;
use crate::command::Cli;
use crate::outcome::{Failure, Outcome};
use crate::replace::replace;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::path::PathBuf;

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  coalmine completions bash > coalmine.bash      then: source coalmine.bash
  coalmine completions zsh > _coalmine           into a folder of $fpath
  coalmine completions fish > coalmine.fish      into ~/.config/fish/completions";

const MAN_EXAMPLES: &str = "\
Examples:
  coalmine man -o man1/                          one page for each command
  coalmine man | head                            the page of coalmine itself";

/// `coalmine completions`
#[derive(Debug, Args)]
#[command(after_help = after_help(COMPLETIONS_EXAMPLES))]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// `coalmine man`
#[derive(Debug, Args)]
#[command(after_help = after_help(MAN_EXAMPLES))]
pub struct ManArgs {
    /// The folder to write a page for each command to; without it the first page goes to standard output
    #[arg(short, long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
}

/// What a shell needs to complete commands, options and their values.
pub fn completions(args: &CompletionsArgs) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "coalmine", &mut script);
    Outcome {
        data: String::from_utf8_lossy(&script).into_owned(),
        ..Outcome::default()
    }
}

/// Manual pages, in roff.
///
/// # Errors
/// A page cannot be written.
pub fn man(args: &ManArgs) -> Result<Outcome, Failure> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let Some(folder) = &args.output else {
        return Ok(Outcome {
            data: page(&root)?,
            ..Outcome::default()
        });
    };
    let mut talk = String::new();
    for (name, page) in pages(&root)? {
        let path = folder.join(format!("{name}.1"));
        replace(&path, &page).map_err(|error| {
            Failure::cannot(format!("cannot write {}: {error}", path.display()))
        })?;
        talk.push_str(&format!("wrote {}\n", path.display()));
    }
    Ok(Outcome {
        talk,
        ..Outcome::default()
    })
}

/// The page of a command and those of the commands below it, by their names.
fn pages(command: &clap::Command) -> Result<Vec<(String, String)>, Failure> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    let mut all = vec![(name.to_owned(), page(command)?)];
    for below in command.get_subcommands() {
        all.extend(pages(below)?);
    }
    Ok(all)
}

fn page(command: &clap::Command) -> Result<String, Failure> {
    let mut roff = Vec::new();
    clap_mangen::Man::new(command.clone())
        .render(&mut roff)
        .map_err(|error| Failure::cannot(format!("cannot make the page: {error}")))?;
    Ok(String::from_utf8_lossy(&roff).into_owned())
}
