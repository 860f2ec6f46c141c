//! Explanations of the lines of an access log.

use super::explanation::Explanation;
use super::paint::Paint;
use super::trace::explain_compiled;
use super::{places, text, words};
use crate::input::counted;
use crate::outcome::Failure;
use crate::progress;
use crate::request::RequestArgs;
use crate::simulate::host_of;
use coalmine::Policy;
use coalmine::config::Canaries;
use coalmine_analysis::log::{Logged, Reader, Target};
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
    mappings: &[Target],
    asked: &RequestArgs,
) -> Result<Lines, Failure> {
    let policy = Policy::compile(canaries);
    // As in a simulation, a line without a host is meant for the only canary.
    let host = match (&asked.host, canaries.canaries.as_slice()) {
        (None, [only]) => Some(host_of(only)),
        (said, _) => said.clone(),
    };
    let variant_header = policy.variant_header();
    let mut reader = Reader::new(mappings, canaries, variant_header, asked.beside_a_log(host));
    let mut lines = Vec::new();
    let mut passed: Vec<(usize, String)> = Vec::new();
    let bar = progress::bar(log.len() as u64);
    for (number, line) in (1..).zip(log.lines()) {
        bar.inc(line.len() as u64 + 1);
        if line.trim().is_empty() {
            continue;
        }
        match reader.json(line.as_bytes()) {
            Ok(logged) => lines.push(Line {
                line: number,
                explanation: explain_line(canaries, &policy, &logged, asked)?,
            }),
            Err(why) => passed.push((number, why)),
        }
    }
    bar.finish_and_clear();
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
    asked: &RequestArgs,
) -> Result<Explanation, Failure> {
    let mut explanation = explain_compiled(canaries, policy, &request(logged, asked))?;
    let mut all = canaries.canaries.iter();
    let canary = all.find(|canary| Some(canary.full_name()) == explanation.canary);
    if let Some(canary) = canary {
        explanation.unknown =
            places::unknown(canary, &explanation, &places::carried(logged, asked));
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

/// A line's request as arguments would say it.
fn request(logged: &Logged, asked: &RequestArgs) -> RequestArgs {
    let mut request = RequestArgs {
        tls: logged.tls,
        source_address: logged.source_address.clone(),
        at: logged.at.or(asked.at),
        draw: asked.draw,
        ..RequestArgs::default()
    };
    for (name, value) in logged.headers.iter().cloned() {
        match name.as_str() {
            ":authority" => request.host = Some(value),
            ":path" => request.path = value,
            ":method" => request.method = value,
            "cookie" => request.cookies.push(value),
            _ => request.headers.push((name, value)),
        }
    }
    request
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
