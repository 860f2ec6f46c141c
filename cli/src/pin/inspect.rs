//! `coalmine pin inspect`: what a token says, without judging it.

use super::said::{objects, time};
use super::{meaning, token};
use crate::args::{Format, after_help};
use crate::outcome::{Failure, Outcome};
use clap::Args;
use coalmine::Timestamp;
use coalmine::pin::Cause;
use serde::Serialize;
use serde_json::Value;

const EXAMPLES: &str = "\
Examples:
  coalmine pin inspect $TOKEN
  echo $TOKEN | coalmine pin inspect - -o json | jq -r .claims.sub

  Nothing of it is verified: `coalmine pin verify` does that.";

/// `coalmine pin inspect`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub struct InspectArgs {
    /// The token; - for standard input, since arguments can be seen by other users of the machine
    #[arg(value_name = "TOKEN")]
    pub token: String,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}

/// What it prints for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    header: Value,
    claims: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<Timestamp>,
}

pub(super) fn inspect(args: &InspectArgs) -> Result<Outcome, Failure> {
    let token = token(&args.token)?;
    let [header, claims] = objects(token.as_bytes())
        .ok_or_else(|| Failure::refused(meaning(Cause::Malformed, None)))?;
    let report = Report {
        expires: time(&claims["exp"]),
        not_before: time(&claims["nbf"]),
        header,
        claims,
    };
    let text = || {
        let mut text = format!("header   {}\nclaims   {}\n", report.header, report.claims);
        for (name, time) in [("expires", report.expires), ("begins", report.not_before)] {
            text.extend(time.map(|time| format!("{name:<9}{time}\n")));
        }
        text
    };
    Ok(Outcome {
        data: args.output.print(&report, text)?,
        ..Outcome::default()
    })
}
