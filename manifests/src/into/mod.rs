//! Canaries into manifests that people have: routes that reach the service get a twin for each
//! variant, and all else stays as it was written.
//!
//! | where | what |
//! |---|---|
//! | `document` | YAML to trees that know how and where things were written |
//! | `value`, `change` | what a part says; a change of it, made in value and text alike |
//! | `layout`, `marker` | lines, and the comments that enclose what was inserted |
//! | `reach` | which canary a manifest is about |
//! | `manifest` | the manifests in the texts |
//! | `task` | one run: all texts, all canaries, and what is wrong |
//! | `plan` | what is inserted into a text |
//! | `weights` | a route that is shared between destinations |
//! | `virtual_service`, `destination_rule`, `gateway` | the kinds |
//! | `share` | another share in the canaries themselves |
//!
//! Everything is inserted as whole lines between two comments, so taking these lines out gives back
//! the text byte for byte, and inserting again after taking out changes nothing. What was written is
//! read again and held against the values that were meant; where they differ, nothing is written.

mod change;
mod destination_rule;
mod document;
mod gateway;
mod layout;
mod manifest;
mod marker;
mod plan;
mod reach;
mod share;
mod task;
mod value;
mod virtual_service;
mod weights;

pub use share::with_share;

use crate::Problem;
use coalmine::Span;
use coalmine::config::Canaries;
use coalmine::diagnostic::{Diagnostic, Place, Severity};
use document::Text;
use marker::Stripped;
use plan::Plan;
use std::ops::Range;
use task::Task;

/// Which manifests are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// VirtualService and DestinationRule.
    Istio,
    /// HTTPRoute and GRPCRoute.
    Gateway,
}

/// Texts with what canaries need inserted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inserted {
    /// The texts, in the order given.
    pub texts: Vec<String>,
    /// What works and is probably not what was meant.
    pub warnings: Vec<Diagnostic>,
}

/// Why nothing was inserted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// What is wrong in the texts, which their `source` counts as given.
    pub found: Vec<Diagnostic>,
    /// What the canaries lack.
    pub problems: Vec<Problem>,
}

/// Inserts into texts what these canaries need, in place of what was inserted for them before.
///
/// # Errors
/// It cannot be done soundly in some text, or no route in them reaches a service of the canaries;
/// every cause at once.
pub fn insert(texts: &[&str], canaries: &Canaries, api: Api) -> Result<Inserted, Refused> {
    let names: Vec<String> = canaries
        .canaries
        .iter()
        .map(|one| one.full_name())
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let stripped = stripped(texts, Some(&names))?;
    let mut read = Vec::new();
    let mut refused = Refused::default();
    for (source, stripped) in stripped.iter().enumerate() {
        match Text::read(source, &stripped.text) {
            Ok(text) => read.push(text),
            Err(found) => refused.found.push(*found.0),
        }
    }
    let mut warnings = Vec::new();
    let mut inserted = Vec::new();
    if refused.found.is_empty() {
        let mut task = Task::new(&read, canaries, api);
        let plans = task.plans();
        warnings = task.warnings;
        refused.found = task.errors;
        refused.problems = task.problems;
        if refused.found.is_empty() && refused.problems.is_empty() {
            for (plan, text) in plans.iter().zip(&read) {
                match checked(plan, text, &names) {
                    Ok(text) => inserted.push(text),
                    Err(found) => refused.found.push(*found.0),
                }
            }
        }
    }
    for diagnostic in warnings.iter_mut().chain(&mut refused.found) {
        replace(&mut diagnostic.place, texts, &stripped);
        if let Some(first) = &mut diagnostic.first {
            replace(first, texts, &stripped);
        }
    }
    if refused != Refused::default() {
        return Err(refused);
    }
    Ok(Inserted {
        texts: inserted,
        warnings,
    })
}

/// Takes out of texts what was inserted for these canaries (by their full names), or for any.
///
/// # Errors
/// A text is no YAML, or the comments around what was inserted are no pairs any more.
pub fn remove(texts: &[&str], canaries: Option<&[&str]>) -> Result<Vec<String>, Refused> {
    let stripped = stripped(texts, canaries)?;
    Ok(stripped.into_iter().map(|stripped| stripped.text).collect())
}

fn stripped(texts: &[&str], canaries: Option<&[&str]>) -> Result<Vec<Stripped>, Refused> {
    let mut all = Vec::new();
    let mut found = Vec::new();
    for (source, text) in texts.iter().enumerate() {
        match Text::read(source, text).and_then(|text| marker::strip(&text, canaries)) {
            Ok(stripped) => all.push(stripped),
            Err(Found(diagnostic)) => found.push(*diagnostic),
        }
    }
    if !found.is_empty() {
        let problems = Vec::new();
        return Err(Refused { found, problems });
    }
    Ok(all)
}

/// The text with everything inserted, if it says what was meant and nothing else changed.
fn checked(plan: &Plan, text: &Text<'_>, canaries: &[&str]) -> Result<String, Found> {
    let written = plan.written(text.text);
    let place = text.place(&plan.first(), "");
    let unsound = || {
        Found::new(
            place.clone(),
            "cannot-insert",
            "what would be inserted here could not be read back as it was meant",
            "write the routes around it as a plain block list, without anchors and merge keys",
        )
    };
    let again = Text::read(text.source, &written).map_err(|_| unsound())?;
    let values: Result<Vec<_>, _> = again.roots.iter().map(|root| again.value(root)).collect();
    let back = marker::strip(&again, Some(canaries))?;
    if values? != plan.expected || back.text != text.text {
        return Err(unsound());
    }
    Ok(written)
}

/// A problem of a text.
struct Found(Box<Diagnostic>);

impl Found {
    fn new(
        place: Place,
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self(Box::new(Diagnostic {
            severity: Severity::Error,
            code,
            place,
            first: None,
            message: message.into(),
            help: Some(help.into()),
        }))
    }
}

/// A part of a text as a place.
fn place(source: usize, text: &str, range: Range<usize>, path: &str) -> Place {
    let start = document::line_start(text, range.start);
    // A block of many lines is no good mark: where it begins is.
    let end = range
        .end
        .min(document::line_end(text, range.start))
        .max(range.start);
    Place {
        source,
        path: path.to_owned(),
        span: Some(Span {
            start: range.start,
            end,
            line: text[..start].matches('\n').count() + 1,
            column: text[start..range.start].chars().count() + 1,
        }),
    }
}

/// A place in a stripped text as that in the text as it was given.
fn replace(at: &mut Place, texts: &[&str], stripped: &[Stripped]) {
    let Some(span) = at.span else {
        return;
    };
    if let (Some(text), Some(stripped)) = (texts.get(at.source), stripped.get(at.source)) {
        let start = stripped.before(span.start);
        let range = start..start + (span.end - span.start);
        *at = place(at.source, text, range, &at.path);
    }
}
