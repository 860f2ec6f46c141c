//! Explanations of the lines of an access log.

use super::access_log::{self, Logged, Mapping};
use super::explanation::Explanation;
use super::paint::Paint;
use super::trace::explain_compiled;
use super::{places, text, words};
use crate::input::counted;
use crate::outcome::Failure;
use crate::request::RequestArgs;
use coalmine::Policy;
use coalmine::config::Canaries;
use serde::Serialize;

/// A line of the log, explained.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    /// Its number, from 1.
    line: usize,
    #[serde(flatten)]
    pub(super) explanation: Explanation,
}

/// All that can be read, and what is to be said about the rest.
pub(super) struct Lines {
    pub(super) lines: Vec<Line>,
    pub(super) talk: String,
}

/// Explains each line. Lines that are no requests, as among other output of a proxy, are passed
/// over and counted.
///
/// # Errors
/// No line can be read; it says why not.
pub(super) fn explain(
    canaries: &Canaries,
    log: &str,
    mappings: &[Mapping],
    asked: &RequestArgs,
) -> Result<Lines, Failure> {
    let policy = Policy::compile(canaries);
    let headers = places::headers(canaries);
    let mut lines = Vec::new();
    let mut passed: Vec<(usize, String)> = Vec::new();
    for (number, line) in (1..).zip(log.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        match access_log::read(line, &headers, policy.variant_header(), mappings, asked) {
            Ok(logged) => lines.push(Line {
                line: number,
                explanation: explain_line(canaries, &policy, &logged)?,
            }),
            Err(why) => passed.push((number, why)),
        }
    }
    match (lines.is_empty(), passed.first()) {
        (true, Some((number, why))) => Err(Failure::refused(format!(
            "no line of the access log can be read; line {number}: {why}; it has to be in JSON \
             (in Istio `accessLogEncoding: JSON`)"
        ))),
        (true, None) => Err(Failure::refused("the access log is empty")),
        (false, None) => Ok(Lines {
            lines,
            talk: String::new(),
        }),
        (false, Some((number, why))) => Ok(Lines {
            lines,
            talk: format!(
                "passed over {}; the first is line {number}: {why}\n",
                counted(passed.len(), "line")
            ),
        }),
    }
}

fn explain_line(
    canaries: &Canaries,
    policy: &Policy,
    logged: &Logged,
) -> Result<Explanation, Failure> {
    let mut explanation = explain_compiled(canaries, policy, &logged.request)?;
    let mut all = canaries.canaries.iter();
    let canary = all.find(|canary| Some(canary.full_name()) == explanation.canary);
    if let Some(canary) = canary {
        explanation.unknown = places::unknown(canary, &explanation, &logged.carried);
        let decided = explanation.decision.as_ref();
        explanation.answered = places::answered(
            canary,
            (policy.variant_header(), logged.variant_header.as_deref()),
            logged.upstream_cluster.as_deref(),
            decided.map(|decision| decision.variant.as_str()),
        );
    }
    Ok(explanation)
}

/// One line for each line of the log.
pub(super) fn summary(lines: &[Line], paint: Paint) -> String {
    let mut text = String::new();
    for Line { line, explanation } in lines {
        let decided = match &explanation.decision {
            Some(decision) => {
                let variant = paint.strong(&decision.variant);
                format!("{variant}, reason {}", decision.reason)
            }
            None => "not touched".to_owned(),
        };
        let request = words::harmless(&explanation.request);
        text.push_str(&format!("{line}: {} {request}: {decided}", explanation.at));
        if !explanation.unknown.is_empty() {
            let unknown = explanation.unknown.join(", ");
            text.push_str(&format!(" (not in the log: {unknown})"));
        }
        if let Some(answered) = &explanation.answered {
            text.push_str(&format!(
                "; answered by {}",
                text::answered(answered, paint)
            ));
        }
        text.push('\n');
    }
    text
}
