//! Files, folders and standard input to canaries.

use crate::args::Files;
use crate::outcome::{CANNOT, Failure, REFUSED};
use crate::report::Found;
use anstream::{AutoStream, ColorChoice};
use coalmine::config::Canaries;
use coalmine::diagnostic::{Diagnostic, any_error};
use coalmine::yaml::{self, Source};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What messages call it.
const STANDARD_INPUT: &str = "<stdin>";

/// What was read.
#[derive(Debug)]
pub struct Input {
    /// The texts, for messages that point into them.
    pub sources: Vec<Source>,
    /// The canaries.
    pub canaries: Canaries,
    /// What works and is probably not what was meant, drawn for standard error.
    pub warnings: String,
}

/// Files as far as they could be read.
#[derive(Debug, Default)]
pub struct Texts {
    /// Those that could.
    pub sources: Vec<Source>,
    /// Why the others could not.
    pub unread: Vec<Unread>,
}

/// Why there is nothing to check.
#[derive(Debug)]
pub struct Unread {
    /// The file or folder it is about; empty for all together.
    pub file: String,
    /// A short stable name of the kind of problem, like that of a diagnostic.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do, if that can be said.
    pub help: Option<&'static str>,
    /// The exit code.
    pub exit: i32,
}

impl From<Unread> for Failure {
    fn from(unread: Unread) -> Self {
        let help = unread.help.map(str::to_owned);
        let mut found = Found::nowhere(unread.code, unread.message, help);
        found.file = unread.file;
        Self::about(found, unread.exit)
    }
}

/// Reads what the arguments name, and refuses it if there is an error in it.
///
/// # Errors
/// A file cannot be read, or the canaries are refused; the message draws every problem.
pub fn sound(files: &Files) -> Result<Input, Failure> {
    let (sources, canaries, found) = parsed(files)?;
    if any_error(&found) {
        return Err(Failure::diagnosed(&found, &sources));
    }
    some_canary(&canaries)?;
    Ok(Input {
        warnings: drawn(&found, &sources),
        sources,
        canaries,
    })
}

/// Reads what the arguments name, with what is wrong in it.
///
/// # Errors
/// A file cannot be read. What is wrong in the others is told as well.
pub fn parsed(files: &Files) -> Result<(Vec<Source>, Canaries, Vec<Diagnostic>), Failure> {
    let Texts { sources, unread } = read_endings(&files.files, &["yaml", "yml"]);
    let (canaries, found) = yaml::read(&sources);
    if !unread.is_empty() {
        return Err(Failure::unread(unread, &found, &sources));
    }
    Ok((sources, canaries, found))
}

/// Files without a canary are a slip: a wrong file, or a pipe that nothing came through.
///
/// # Errors
/// There is none.
pub fn some_canary(canaries: &Canaries) -> Result<(), Unread> {
    if canaries.canaries.is_empty() {
        return Err(Unread {
            file: String::new(),
            code: "no-canary",
            message: "there is no canary in what was read".to_owned(),
            help: Some("one begins with `kind: Canary`"),
            exit: REFUSED,
        });
    }
    Ok(())
}

/// Reads the texts that the arguments name.
///
/// # Errors
/// A file cannot be read, is no text, or a folder has nothing to read; every such file is told.
pub fn read(files: &Files) -> Result<Vec<Source>, Failure> {
    let Texts { sources, unread } = read_endings(&files.files, &["yaml", "yml"]);
    match unread.is_empty() {
        true => Ok(sources),
        false => Err(Failure::unread(unread, &[], &sources)),
    }
}

/// Reads the texts of manifests, of which a folder may have some in JSON.
pub fn read_manifests(paths: &[PathBuf]) -> Texts {
    read_endings(paths, &["yaml", "yml", "json"])
}

fn read_endings(given: &[PathBuf], endings: &[&str]) -> Texts {
    let mut texts = Texts::default();
    let mut paths = Vec::new();
    for path in given {
        if !path.is_dir() {
            paths.push(path.clone());
            continue;
        }
        match in_folder(path, endings) {
            Ok(found) => paths.extend(found),
            Err(unread) => texts.unread.push(unread),
        }
    }
    // A file that is named by itself and found in its folder is one file.
    let mut seen = BTreeSet::new();
    for path in paths {
        if !seen.insert(fs::canonicalize(&path).unwrap_or_else(|_| path.clone())) {
            continue;
        }
        match one(&path) {
            Ok(source) => texts.sources.push(source),
            Err(unread) => texts.unread.push(unread),
        }
    }
    texts
}

/// The text of one file, or of standard input for `-`.
///
/// # Errors
/// It cannot be read, or is no text.
pub fn text(path: &Path) -> Result<String, Unread> {
    Ok(one(path)?.text)
}

fn one(path: &Path) -> Result<Source, Unread> {
    let name = path.display().to_string();
    if name == "-" {
        return source(STANDARD_INPUT.to_owned(), standard_input()?);
    }
    let bytes = fs::read(path).map_err(|error| unreadable(&name, &error))?;
    source(name, bytes)
}

fn in_folder(folder: &Path, endings: &[&str]) -> Result<Vec<PathBuf>, Unread> {
    let name = folder.display();
    let entries = fs::read_dir(folder).map_err(|error| unreadable(&name.to_string(), &error))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry
            .map_err(|error| unreadable(&name.to_string(), &error))?
            .path();
        let wanted = path
            .extension()
            .is_some_and(|ending| endings.iter().any(|wanted| ending == *wanted));
        if wanted && path.is_file() {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(Unread {
            file: name.to_string(),
            code: "empty-folder",
            message: format!(
                "the folder {name} has no *.{} in it",
                endings.join(" or *.")
            ),
            help: Some("folders below it are not searched"),
            exit: REFUSED,
        });
    }
    paths.sort();
    Ok(paths)
}

fn standard_input() -> Result<Vec<u8>, Unread> {
    let mut bytes = Vec::new();
    match io::stdin().lock().read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(unreadable(STANDARD_INPUT, &error)),
    }
}

fn source(name: String, bytes: Vec<u8>) -> Result<Source, Unread> {
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source { name, text }),
        Err(error) => {
            let byte = error.utf8_error().valid_up_to();
            Err(Unread {
                message: format!("{name} is not UTF-8 (at byte {byte})"),
                file: name,
                code: "not-utf8",
                help: Some("save it as UTF-8"),
                exit: REFUSED,
            })
        }
    }
}

fn unreadable(name: &str, error: &io::Error) -> Unread {
    Unread {
        file: name.to_owned(),
        code: "unreadable",
        message: format!("cannot read {name}: {error}"),
        help: match error.kind() {
            io::ErrorKind::NotFound => Some("check the path, or give - to read standard input"),
            io::ErrorKind::PermissionDenied => Some("you need the right to read it"),
            _ => None,
        },
        exit: CANNOT,
    }
}

/// Problems drawn over their sources, and how many they are if that is why the command stops.
pub fn drawn(found: &[Diagnostic], sources: &[Source]) -> String {
    let mut text = drawings(found, sources);
    if any_error(found) {
        text.push_str(&counted(found.len(), "problem"));
        text.push_str(" in ");
        text.push_str(&counted(sources.len(), "file"));
    }
    text
}

/// Problems drawn over their sources, with an empty line behind each.
pub fn drawings(found: &[Diagnostic], sources: &[Source]) -> String {
    let colour = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
    let mut text = String::new();
    for diagnostic in found {
        text.push_str(&yaml::draw(diagnostic, sources, colour));
        text.push_str("\n\n");
    }
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
