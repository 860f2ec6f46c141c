//! Files, folders and standard input to canaries.

use crate::args::Files;
use crate::outcome::Failure;
use anstream::{AutoStream, ColorChoice};
use coalmine::config::Canaries;
use coalmine::diagnostic::{Diagnostic, any_error};
use coalmine::yaml::{self, Source};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What was read.
#[derive(Debug)]
pub struct Input {
    /// The texts, for messages that point into them.
    pub sources: Vec<Source>,
    /// The canaries.
    pub canaries: Canaries,
}

/// Reads what the arguments name, and refuses it if there is an error in it.
///
/// # Errors
/// A file cannot be read, or the canaries are refused; the message draws every problem.
pub fn sound(files: &Files) -> Result<Input, Failure> {
    let sources = read(files)?;
    let (canaries, found) = yaml::read(&sources);
    if any_error(&found) {
        return Err(Failure::refused(drawn(&found, &sources)));
    }
    some_canary(&canaries)?;
    Ok(Input { sources, canaries })
}

/// Files without a canary are a slip: a wrong file, or a pipe that nothing came through.
///
/// # Errors
/// There is none.
pub fn some_canary(canaries: &Canaries) -> Result<(), Failure> {
    if canaries.canaries.is_empty() {
        return Err(Failure::refused(
            "error: there is no canary in what was read; one begins with `kind: Canary`",
        ));
    }
    Ok(())
}

/// Reads the texts that the arguments name.
///
/// # Errors
/// A file cannot be read, is no text, or a folder has nothing to read.
pub fn read(files: &Files) -> Result<Vec<Source>, Failure> {
    let mut paths = Vec::new();
    for path in &files.files {
        if path.is_dir() {
            paths.extend(in_folder(path)?);
        } else {
            paths.push(path.clone());
        }
    }
    // A file that is named by itself and found in its folder is one file.
    let mut seen = BTreeSet::new();
    let mut sources = Vec::with_capacity(paths.len());
    for path in paths {
        let name = path.display().to_string();
        if !seen.insert(fs::canonicalize(&path).unwrap_or_else(|_| path.clone())) {
            continue;
        }
        sources.push(if name == "-" {
            source("<stdin>".to_owned(), standard_input()?)?
        } else {
            let bytes = fs::read(&path).map_err(|error| unreadable(&name, &error))?;
            source(name, bytes)?
        });
    }
    Ok(sources)
}

fn in_folder(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let name = folder.display();
    let entries = fs::read_dir(folder).map_err(|error| unreadable(&name.to_string(), &error))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry
            .map_err(|error| unreadable(&name.to_string(), &error))?
            .path();
        let yaml = path
            .extension()
            .is_some_and(|ending| ending == "yaml" || ending == "yml");
        if yaml && path.is_file() {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(Failure::refused(format!(
            "error: the folder {name} has no *.yaml or *.yml in it; folders below it are not searched"
        )));
    }
    paths.sort();
    Ok(paths)
}

fn standard_input() -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    match io::stdin().lock().read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(unreadable("standard input", &error)),
    }
}

fn source(name: String, bytes: Vec<u8>) -> Result<Source, Failure> {
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source { name, text }),
        Err(error) => Err(Failure::refused(format!(
            "error: {name} is not UTF-8 (at byte {}); save it as UTF-8",
            error.utf8_error().valid_up_to()
        ))),
    }
}

fn unreadable(name: &str, error: &io::Error) -> Failure {
    let advice = match error.kind() {
        io::ErrorKind::NotFound => "; check the path, or give - to read standard input".to_owned(),
        io::ErrorKind::PermissionDenied => "; you need the right to read it".to_owned(),
        _ => String::new(),
    };
    Failure::cannot(format!("error: cannot read {name}: {error}{advice}"))
}

/// Problems drawn over their sources, and how many they are.
pub fn drawn(found: &[Diagnostic], sources: &[Source]) -> String {
    let colour = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
    let mut text = String::new();
    for diagnostic in found {
        text.push_str(&yaml::draw(diagnostic, sources, colour));
        text.push_str("\n\n");
    }
    text.push_str(&counted(found.len(), "problem"));
    text.push_str(" in ");
    text.push_str(&counted(sources.len(), "file"));
    text
}

/// `1 file`, `2 files`.
pub fn counted(count: usize, thing: &str) -> String {
    let (thing, plural) = match thing.strip_suffix('y') {
        Some(stem) if count != 1 => (stem, "ies"),
        _ => (thing, if count == 1 { "" } else { "s" }),
    };
    format!("{count} {thing}{plural}")
}
