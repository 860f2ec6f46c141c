//! `coalmine pin`: keys and tokens for signed pins.
//!
//! | file | what |
//! |---|---|
//! | `key` | the private key: from a file or the environment, never printed |
//! | `keygen` | makes one, and prints its public half |
//! | `mint` | signs a token |
//! | `said` | what a token says, believed or not |
//! | `inspect` | shows it |
//! | `verify` | says whether a token is valid, by the filter's own code |

mod inspect;
mod key;
mod keygen;
mod mint;
mod said;
mod verify;

pub use inspect::InspectArgs;
pub use key::PrivateKey;
pub use keygen::KeygenArgs;
pub use mint::{Claims, MintArgs, mint};
pub use said::Said;
pub use verify::VerifyArgs;

use crate::args::{Format, after_help};
use crate::input;
use crate::outcome::{Failure, Outcome};
use clap::{Args, Subcommand};
use coalmine::pin::Cause;
use std::path::Path;

const EXAMPLES: &str = "\
Examples:
  coalmine pin keygen --key ops.pem --kid ops-2026
  coalmine pin mint --key ops.pem --kid ops-2026 --canary reviews --variant canary --for alice --ttl 8h
  coalmine pin inspect $TOKEN
  coalmine pin verify canaries/ $TOKEN";

/// `coalmine pin`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub struct PinArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with keys and tokens.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Make a private key, unless it is there, and print its public half for `pins.signed.keys`
    Keygen(KeygenArgs),
    /// Sign a token that pins a variant
    Mint(MintArgs),
    /// Show what a token says, without judging it
    Inspect(InspectArgs),
    /// Say whether a token is valid, and if not, why
    Verify(VerifyArgs),
}

impl PinArgs {
    /// How it prints.
    pub fn format(&self) -> Format {
        match &self.action {
            Action::Keygen(args) => args.output,
            Action::Mint(args) => args.output,
            Action::Inspect(args) => args.output,
            Action::Verify(args) => args.output,
        }
    }
}

/// Does it.
///
/// # Errors
/// A file cannot be read or written, or what was given is refused.
pub fn pin(args: &PinArgs) -> Result<Outcome, Failure> {
    match &args.action {
        Action::Keygen(args) => keygen::keygen(args),
        Action::Mint(args) => mint::run(args),
        Action::Inspect(args) => inspect::inspect(args),
        Action::Verify(args) => verify::verify(args),
    }
}

/// The token of an argument, or of standard input for `-`: arguments can be seen by other users of
/// the machine.
fn token(argument: &str) -> Result<String, Failure> {
    let text = match argument {
        "-" => input::text(Path::new("-"))?,
        token => token.to_owned(),
    };
    Ok(text.trim().to_owned())
}

/// What a cause means to whoever sent the token, behind "refused: "; `said` is what the token says, as far as
/// it can be read.
pub(crate) fn meaning(cause: Cause, said: Option<&Said>) -> String {
    let words = match cause {
        Cause::Unsigned => "it has no signature, and this canary takes no others",
        Cause::TooMany => "the request has more tokens than are looked at",
        Cause::Malformed => {
            "it is no token: three parts in base64url, of which the header says `alg` and `kid`, and the claims `aud`, `variant`, `sub` and `exp`"
        }
        Cause::Algorithm => "its algorithm is not EdDSA",
        Cause::UnknownKey => "its key id is not among the keys of the canary",
        Cause::Revoked => "its key or its subject is revoked",
        Cause::Audience => "it is for another canary",
        Cause::Variant => "the canary has no variant of this name",
        Cause::Expired => "its time is over",
        Cause::NotYetValid => "its time has not come",
        Cause::Budget => "there are too many tokens to verify now",
        Cause::Signature => "the key of this id did not sign it",
    };
    let canaries = said.map_or(&[][..], |said| &said.canaries);
    match canaries {
        [_, ..] if cause == Cause::Audience => {
            // Quoted: whoever made it may have written anything.
            let names: Vec<String> = canaries.iter().map(|name| format!("{name:?}")).collect();
            format!("{words}: {}", names.join(", "))
        }
        _ => words.to_owned(),
    }
}
