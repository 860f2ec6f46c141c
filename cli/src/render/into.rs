//! `--into` and `--out-of`: canaries into manifests that people have, and out of them again.

use crate::args::Files;
use crate::input::{self, Input};
use crate::outcome::{Failure, NO, Outcome};
use crate::place::placed;
use crate::replace::{Replaced, replace};
use clap::Args;
use coalmine::yaml::Source;
use coalmine_manifests::into::{self, Api, Refused};
use similar::TextDiff;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Manifests that are there already.
#[derive(Debug, Args)]
#[command(next_help_heading = "Manifests that are there")]
pub struct IntoArgs {
    /// Put what the canaries need into these manifests, in place of what was put in before, and make
    /// nothing else: each route that reaches the service gets a twin for each variant; - is standard
    /// input; may be repeated
    #[arg(long, value_name = "FILE|FOLDER")]
    pub into: Vec<PathBuf>,
    /// Take out of these manifests what was put in, of these canaries or, if none is given, of all
    #[arg(long, value_name = "FILE|FOLDER", conflicts_with = "into")]
    pub out_of: Vec<PathBuf>,
    /// Replace the files instead of printing what comes of them
    #[arg(short, long, conflicts_with = "check")]
    pub in_place: bool,
    /// Print what would change, and end with 1 if anything would
    #[arg(long)]
    pub check: bool,
}

impl IntoArgs {
    /// Does it, if it is asked for.
    pub(super) fn run(&self, canaries: &Files, api: Api) -> Option<Result<Outcome, Failure>> {
        if !self.into.is_empty() {
            return Some(self.insert(canaries, api));
        }
        if !self.out_of.is_empty() {
            return Some(self.remove(canaries));
        }
        (self.in_place || self.check).then(|| {
            Err(Failure::refused(
                "--in-place and --check are about manifests that are there: name them with --into or --out-of",
            ))
        })
    }

    fn insert(&self, canaries: &Files, api: Api) -> Result<Outcome, Failure> {
        let manifests = self.manifests(canaries, &self.into)?;
        let input = input::sound(canaries)?;
        let inserted = into::insert(&texts(&manifests), &input.canaries, api)
            .map_err(|refused| drawn(refused, &manifests, Some(&input)))?;
        let warnings = input::drawn(&inserted.warnings, &manifests);
        self.done(&manifests, &inserted.texts, input.warnings + &warnings)
    }

    fn remove(&self, canaries: &Files) -> Result<Outcome, Failure> {
        let manifests = self.manifests(canaries, &self.out_of)?;
        let mut names = Vec::new();
        let mut warnings = String::new();
        if !canaries.files.is_empty() {
            let input = input::sound(canaries)?;
            names.extend(
                input
                    .canaries
                    .canaries
                    .iter()
                    .map(|canary| canary.full_name()),
            );
            warnings = input.warnings;
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let named = (!names.is_empty()).then_some(names.as_slice());
        let left = into::remove(&texts(&manifests), named)
            .map_err(|refused| drawn(refused, &manifests, None))?;
        self.done(&manifests, &left, warnings)
    }

    fn manifests(&self, canaries: &Files, paths: &[PathBuf]) -> Result<Vec<Source>, Failure> {
        let standard_input = |paths: &[PathBuf]| paths.iter().any(|path| path.as_os_str() == "-");
        if standard_input(paths) && standard_input(&canaries.files) {
            return Err(Failure::refused(
                "the canaries and the manifests cannot both come by standard input: give one of them as a file",
            ));
        }
        if standard_input(paths) && self.in_place {
            return Err(Failure::refused(
                "standard input cannot be replaced: leave --in-place out, and the result is printed",
            ));
        }
        let files = paths.to_vec();
        input::read(&Files { files })
    }

    /// Prints or writes what came of the manifests, or says what would change.
    fn done(
        &self,
        before: &[Source],
        after: &[String],
        mut talk: String,
    ) -> Result<Outcome, Failure> {
        let mut data = String::new();
        let mut code = 0;
        for (source, text) in before.iter().zip(after) {
            if self.check {
                if source.text != *text {
                    code = NO;
                    data.push_str(&difference(source, text));
                }
            } else if self.in_place {
                let replaced = replaced(&source.name, text)?;
                let _ = writeln!(talk, "{} {}", replaced.word(), source.name);
            } else {
                follow(&mut data, text);
            }
        }
        Ok(Outcome { data, talk, code })
    }
}

fn texts(sources: &[Source]) -> Vec<&str> {
    sources.iter().map(|source| source.text.as_str()).collect()
}

/// The file that a link leads to is replaced, not the link.
fn replaced(name: &str, text: &str) -> Result<Replaced, Failure> {
    let path = fs::canonicalize(name);
    path.and_then(|path| replace(Path::new(&path), text))
        .map_err(|error| Failure::cannot(format!("cannot write {name}: {error}; it is as it was")))
}

/// Puts a file's documents behind those of others, so that `kubectl apply -f -` takes them all; one
/// file alone stays as it is.
fn follow(data: &mut String, text: &str) {
    if !data.is_empty() {
        if !data.ends_with('\n') {
            data.push('\n');
        }
        if !text.starts_with("---") {
            data.push_str("---\n");
        }
    }
    data.push_str(text);
}

/// What would change in a file, as `diff -u` says it.
fn difference(source: &Source, text: &str) -> String {
    TextDiff::from_lines(source.text.as_str(), text)
        .unified_diff()
        .context_radius(3)
        .header(&source.name, &source.name)
        .to_string()
}

/// Why nothing was put in, drawn over the manifests and the canaries.
fn drawn(refused: Refused, manifests: &[Source], input: Option<&Input>) -> Failure {
    let mut sources = manifests.to_vec();
    let mut found = refused.found;
    if let Some(input) = input.filter(|_| !refused.problems.is_empty()) {
        for problem in &refused.problems {
            let mut diagnostic = placed(problem, &input.sources);
            diagnostic.place.source += manifests.len();
            found.push(diagnostic);
        }
        sources.extend(input.sources.iter().cloned());
    }
    Failure::diagnosed(&found, &sources)
}
