//! `coalmine pin verify`: whether a token is valid, by the filter's own code.

use super::said::Said;
use super::{meaning, token};
use crate::args::{Files, Format, after_help};
use crate::input;
use crate::outcome::{Failure, NO, Outcome};
use crate::request::{time, wall_clock};
use clap::Args;
use coalmine::config::NEVER;
use coalmine::pin::Cause;
use coalmine::{Policy, Timestamp};
use serde::Serialize;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  coalmine pin verify reviews.yaml $TOKEN
  coalmine pin mint ... | coalmine pin verify canaries/ -
  coalmine pin verify canaries/ $TOKEN --at 2026-12-24T09:00:00Z -o json

  Of several canaries those are asked that the token is for.";

/// `coalmine pin verify`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub struct VerifyArgs {
    /// Canaries in YAML or JSON; a folder means every *.yaml and *.yml in it
    #[arg(value_name = "FILE|FOLDER")]
    pub canaries: PathBuf,
    /// The token; - for standard input, since arguments can be seen by other users of the machine
    #[arg(value_name = "TOKEN")]
    pub token: String,
    /// When it comes, in RFC 3339 like 2026-11-24T09:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub at: Option<Timestamp>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}

/// What it prints for programs.
#[derive(Serialize)]
struct Report {
    /// Whether one of the canaries takes it.
    ok: bool,
    canaries: Vec<Verdict>,
    token: Said,
}

/// What one canary makes of the token.
#[derive(Serialize)]
struct Verdict {
    canary: String,
    /// The variant that it pins, or `never`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pins: Option<String>,
    /// Why it is refused, as in metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'static str>,
    #[serde(skip)]
    cause: Option<Cause>,
}

pub(super) fn verify(args: &VerifyArgs) -> Result<Outcome, Failure> {
    let input = input::sound(&Files {
        files: vec![args.canaries.clone()],
    })?;
    let token = token(&args.token)?;
    let said = Said::of(token.as_bytes()).unwrap_or_default();
    let now = args.at.unwrap_or_else(wall_clock);
    let policy = Policy::compile(&input.canaries);
    let mut verdicts = Vec::new();
    for canary in policy.canaries() {
        let Some(judged) = canary.judge_pin(token.as_bytes(), now) else {
            continue;
        };
        let pins = judged.map(|variant| variant.map_or(NEVER, |id| canary.variant_name(id)));
        let cause = pins.err();
        verdicts.push(Verdict {
            canary: canary.name().to_owned(),
            pins: pins.ok().map(str::to_owned),
            refused: cause.map(Cause::word),
            cause,
        });
    }
    if verdicts.is_empty() {
        return Err(Failure::refused(
            "no canary here has signed pins; give one with `pins.signed`",
        ));
    }
    let meant = |verdict: &Verdict| said.canaries.contains(&verdict.canary);
    if verdicts.iter().any(meant) {
        verdicts.retain(meant);
    }
    let report = Report {
        ok: verdicts.iter().any(|verdict| verdict.cause.is_none()),
        canaries: verdicts,
        token: said,
    };
    Ok(Outcome {
        data: args.output.print(&report, || text(&report))?,
        talk: input.warnings,
        code: if report.ok { 0 } else { NO },
    })
}

fn text(report: &Report) -> String {
    let lines = report.canaries.iter().map(|verdict| {
        let name = &verdict.canary;
        match (&verdict.pins, verdict.cause) {
            (Some(pins), _) => {
                let subject = report.token.subject.as_deref().unwrap_or_default();
                let until = report.token.expires.map(|time| format!(" until {time}"));
                let until = until.unwrap_or_default();
                format!("{name}: valid, pins {pins} for {subject:?}{until}\n")
            }
            (None, Some(cause)) => {
                let meaning = meaning(cause, Some(&report.token));
                format!("{name}: refused ({}): {meaning}\n", cause.word())
            }
            (None, None) => String::new(),
        }
    });
    lines.collect()
}
