//! `coalmine diff`: who moves from an old version of canaries to a new one.
//!
//! | file | what |
//! |---|---|
//! | `text` | the report for people, with lines to paste |

mod text;

use crate::args::{Files, Format, after_help};
use crate::input::{self, Input};
use crate::outcome::{Failure, NO, Outcome};
use crate::progress;
use clap::{Args, ValueEnum};
use coalmine::Timestamp;
use coalmine::bucket::Share;
use coalmine_analysis::diff::{self as analysis, Diff, Kind, Part};
use serde::Serialize;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  coalmine diff reviews.yaml reviews.yaml
  coalmine diff canaries/ reviews.yaml --max-moved 5% --allow rules     the gate of a merge request
  cat reviews.yaml | coalmine diff canaries/ -
  coalmine diff reviews.yaml canaries/ --at 2026-11-24T10:30:00Z -o json";

const EXIT_CODES: &str = "\
It exits with 1 if more users than --max-moved change version, or if pins, rules or the versions behind
variants change and --allow does not name them.";

/// `coalmine diff`
#[derive(Debug, Args)]
#[command(after_help = after_help(&format!("{EXAMPLES}\n\n{EXIT_CODES}")))]
pub struct DiffArgs {
    /// What is in force: a file, a folder, or - for standard input
    #[arg(value_name = "OLD")]
    pub old: PathBuf,
    /// What is to be
    #[arg(value_name = "NEW")]
    pub new: PathBuf,
    /// The time that matters, for ramps; may be repeated [default: when the most users move]
    #[arg(long, value_name = "TIME", value_parser = crate::request::time)]
    pub at: Vec<Timestamp>,
    /// The part of the users of any canary that may change version
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = share)]
    pub max_moved: Share,
    /// What else may change; may be repeated
    #[arg(long, value_name = "WHAT", value_enum)]
    pub allow: Vec<Allowed>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}

/// What may change without a no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Allowed {
    /// What pins decide
    Pins,
    /// What decisions of earlier hops give
    Inherited,
    /// What rules decide
    Rules,
    /// Which version a variant leads to
    Variants,
}

/// What it prints for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    /// Whether nothing moves but what is allowed.
    ok: bool,
    /// What moves beyond that, in words.
    objections: &'a [String],
    max_moved: Part,
    #[serde(flatten)]
    diff: &'a Diff,
}

fn share(text: &str) -> Result<Share, String> {
    Share::parse(text).map_err(|problem| format!("the share {problem}"))
}

/// Says who moves.
///
/// # Errors
/// A file cannot be read, or canaries are refused.
pub fn diff(args: &DiffArgs) -> Result<Outcome, Failure> {
    if [&args.old, &args.new]
        .iter()
        .all(|path| is_standard_input(path))
    {
        return Err(Failure::refused(
            "standard input cannot be both the old and the new; name a file for one of them",
        ));
    }
    let (old, new) = (read(&args.old)?, read(&args.new)?);
    let shown = progress::spinner("looking for requests that move");
    let diff = analysis::diff(&old.canaries, &new.canaries, &args.at);
    shown.finish_and_clear();
    let objections = objections(args, &diff);
    let ok = objections.is_empty();
    let answer = Answer {
        ok,
        objections: &objections,
        max_moved: Part::of_positions(args.max_moved.millionths()),
        diff: &diff,
    };
    Ok(Outcome {
        data: args
            .output
            .print(&answer, || text::text(args, &diff, &objections))?,
        talk: old.warnings + &new.warnings,
        code: if ok { 0 } else { NO },
    })
}

fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn read(path: &Path) -> Result<Input, Failure> {
    input::sound(&Files {
        files: vec![path.to_owned()],
    })
}

/// What moves and may not, in words; nothing if all of it may.
fn objections(args: &DiffArgs, diff: &Diff) -> Vec<String> {
    let mut objections = Vec::new();
    if diff.moved > Part::of_positions(args.max_moved.millionths()) {
        objections.push(format!(
            "{} of the users of a canary move, and {} may (--max-moved)",
            diff.moved, args.max_moved
        ));
    }
    let changes = |kind| {
        let mut canaries = diff.canaries.iter();
        canaries.any(|canary| canary.changes.iter().any(|change| change.kind == kind))
    };
    let mut canaries = diff.canaries.iter();
    for (there, what, words, name) in [
        (
            changes(Kind::Pins),
            Allowed::Pins,
            "pins decide otherwise",
            "pins",
        ),
        (
            changes(Kind::Inherited),
            Allowed::Inherited,
            "decisions of earlier hops decide otherwise",
            "inherited",
        ),
        (
            changes(Kind::Rules),
            Allowed::Rules,
            "rules decide otherwise",
            "rules",
        ),
        (
            canaries.any(|canary| !canary.retargeted.is_empty()),
            Allowed::Variants,
            "variants lead elsewhere",
            "variants",
        ),
    ] {
        if there && !args.allow.contains(&what) {
            objections.push(format!("{words} (--allow {name})"));
        }
    }
    objections
}
