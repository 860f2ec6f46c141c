//! `coalmine pin keygen`: a private key, and its public half for `pins.signed.keys`.

use super::key::PrivateKey;
use crate::args::{Format, after_help};
use crate::outcome::{Failure, Outcome};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  coalmine pin keygen --key ops.pem --kid ops-2026
  openssl genpkey -algorithm ed25519 -out other.pem
  coalmine pin keygen --key other.pem --kid other      prints the public half of what is there

  What it prints goes below `pins.signed` of a canary. The file stays with whoever mints tokens.";

/// `coalmine pin keygen`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub struct KeygenArgs {
    /// The file of the private key, in PKCS#8 PEM; one that is there is left as it is
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The key id that tokens will name it by
    #[arg(long, value_name = "ID")]
    pub kid: String,
    /// How to print the public half
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}

/// What it prints for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'r> {
    kid: &'r str,
    public_key: String,
    /// Whether it is a new key.
    new: bool,
}

pub(super) fn keygen(args: &KeygenArgs) -> Result<Outcome, Failure> {
    let made = PrivateKey::generate()?;
    let new = made.write_new(&args.key)?;
    let key = match new {
        true => made,
        false => PrivateKey::read(&args.key)?,
    };
    let report = Report {
        kid: &args.kid,
        public_key: key.public().to_string(),
        new,
    };
    // As a flow map, so that any key id is quoted right: JSON is YAML.
    let pasted = || format!("keys: {{{:?}: {:?}}}\n", report.kid, report.public_key);
    let name = args.key.display();
    Ok(Outcome {
        data: args.output.print(&report, pasted)?,
        talk: match new {
            true => format!("wrote {name}, the private key: keep it where tokens are minted\n"),
            false => format!("unchanged: {name}, the private key that is there\n"),
        },
        ..Outcome::default()
    })
}
