//! `coalmine pin mint`: signs a token that pins a variant.

use super::key::PrivateKey;
use crate::args::{Files, Format, after_help};
use crate::input;
use crate::outcome::{Failure, Outcome};
use crate::request::{time, wall_clock};
use base64ct::{Base64UrlUnpadded, Encoding};
use clap::Args;
use coalmine::Timestamp;
use coalmine::config::{Canary, NEVER, parse_seconds};
use coalmine::pin::MAX_TOKEN;
use serde::Serialize;
use serde_json::json;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  coalmine pin mint --key ops.pem --kid ops-2026 --canary reviews --variant canary --for alice --ttl 8h
  coalmine pin mint --key ops.pem --kid ops-2026 --canary reviews --variant canary --for alice --against canaries/

  The token goes into the header, cookie or query parameter of the canary's pins:
  curl -H \"x-canary: $(coalmine pin mint ...)\" http://reviews/";

/// `coalmine pin mint`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub struct MintArgs {
    /// The file of the private key [default: the environment variable COALMINE_PIN_KEY holds it]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// The key id that the canary knows the key by
    #[arg(long, value_name = "ID")]
    pub kid: String,
    /// The canary it is for, with its namespace: bookinfo/reviews; may be repeated
    #[arg(long = "canary", value_name = "NAME", required = true)]
    pub canaries: Vec<String>,
    /// The variant that it pins, or never
    #[arg(long, value_name = "VARIANT")]
    pub variant: String,
    /// Who will use it: a name by which it can be revoked
    #[arg(long = "for", value_name = "SUBJECT")]
    pub subject: String,
    /// How long it is valid, like 90s, 15m, 8h or 7d
    #[arg(long, value_name = "TIME", default_value = "8h", value_parser = seconds)]
    pub ttl: i64,
    /// When it begins to be valid, in RFC 3339 like 2026-11-24T09:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub not_before: Option<Timestamp>,
    /// Canaries that have to take it: key, names and variant are checked against them
    #[arg(long, value_name = "FILE|FOLDER", num_args = 1..)]
    pub against: Vec<PathBuf>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The full names of the canaries that it is for.
    pub canaries: Vec<String>,
    /// A variant, or `never`.
    pub variant: String,
    /// Who uses it.
    pub subject: String,
    /// When it ends, in seconds since 1970.
    pub expires: i64,
    /// When it begins, if that is said.
    pub not_before: Option<i64>,
}

/// What it prints for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'r> {
    token: &'r str,
    expires: Timestamp,
}

fn seconds(text: &str) -> Result<i64, String> {
    let seconds = parse_seconds(text).map(i64::from);
    seconds.ok_or_else(|| "write a number and s, m, h or d, like 8h".to_owned())
}

pub(super) fn run(args: &MintArgs) -> Result<Outcome, Failure> {
    let key = PrivateKey::load(args.key.as_deref())?;
    let from = args.not_before.unwrap_or_else(wall_clock).unix_millis() / 1000;
    let mut claims = Claims {
        canaries: args.canaries.clone(),
        variant: args.variant.clone(),
        subject: args.subject.clone(),
        expires: from.saturating_add(args.ttl),
        not_before: args.not_before.map(|_| from),
    };
    let mut talk = String::new();
    if !args.against.is_empty() {
        let files = Files {
            files: args.against.clone(),
        };
        let input = input::sound(&files)?;
        talk = input.warnings;
        check(&mut claims, &args.kid, &key, &input.canaries.canaries)?;
    }
    let token = mint(&key, &args.kid, &claims);
    if token.len() > MAX_TOKEN {
        return Err(Failure::refused(format!(
            "the token has {} bytes, and the filter takes {MAX_TOKEN}; name fewer canaries, or use shorter names",
            token.len()
        )));
    }
    let expires = Timestamp::from_unix_millis(claims.expires.saturating_mul(1000));
    let report = Report {
        token: &token,
        expires,
    };
    Ok(Outcome {
        data: args.output.print(&report, || format!("{token}\n"))?,
        talk: format!("{talk}valid until {expires}\n"),
        ..Outcome::default()
    })
}

/// The token, in compact form.
pub fn mint(key: &PrivateKey, kid: &str, claims: &Claims) -> String {
    let header = json!({"alg": "EdDSA", "kid": kid, "typ": "JWT"});
    let mut said = json!({
        "aud": claims.canaries,
        "variant": claims.variant,
        "sub": claims.subject,
        "exp": claims.expires,
    });
    if let [only] = claims.canaries.as_slice() {
        said["aud"] = json!(only);
    }
    if let Some(not_before) = claims.not_before {
        said["nbf"] = json!(not_before);
    }
    let encode = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
    let signed = format!(
        "{}.{}",
        encode(header.to_string().as_bytes()),
        encode(said.to_string().as_bytes())
    );
    let signature = key.sign(signed.as_bytes());
    format!("{signed}.{}", encode(&signature))
}

/// Whether each canary it is for will take it; a name without namespace becomes the full one.
fn check(
    claims: &mut Claims,
    kid: &str,
    key: &PrivateKey,
    known: &[Canary],
) -> Result<(), Failure> {
    for name in &mut claims.canaries {
        let full = known.iter().find(|canary| canary.full_name() == *name);
        let named: Vec<&Canary> = known.iter().filter(|canary| canary.name == *name).collect();
        let canary: &Canary = match (full, named.as_slice()) {
            (Some(canary), _) => canary,
            (None, [canary]) => canary,
            (None, []) => {
                let names: Vec<String> = known.iter().map(Canary::full_name).collect();
                return Err(Failure::refused(format!(
                    "there is no canary {name}; there is {}",
                    names.join(", ")
                )));
            }
            (None, several) => {
                let names: Vec<String> = several.iter().map(|canary| canary.full_name()).collect();
                return Err(Failure::refused(format!(
                    "{name} may be {}; write it with its namespace",
                    names.join(" or ")
                )));
            }
        };
        *name = canary.full_name();
        taken(canary, &claims.variant, &claims.subject, kid, key)?;
    }
    Ok(())
}

fn taken(
    canary: &Canary,
    variant: &str,
    subject: &str,
    kid: &str,
    key: &PrivateKey,
) -> Result<(), Failure> {
    let name = canary.full_name();
    let refused = |why: String| Err(Failure::refused(why));
    let variants: Vec<&str> = canary
        .spec
        .variants
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    if variant != NEVER && !variants.contains(&variant) {
        let variants = variants.join(", ");
        return refused(format!(
            "{name} has no variant {variant}; it has {variants}, and never"
        ));
    }
    let Some(signed) = &canary.spec.pins.signed else {
        return refused(format!(
            "{name} takes pins at their word; put the public key into its `pins.signed.keys`"
        ));
    };
    let public = key.public();
    match signed.keys.iter().find(|(known, _)| known == kid) {
        Some((_, known)) if *known == public => {}
        Some(_) => {
            return refused(format!(
                "{name} has another key of the id {kid}; its public half would be {public}"
            ));
        }
        None => {
            let known: Vec<&str> = signed.keys.iter().map(|(id, _)| id.as_str()).collect();
            let known = known.join(", ");
            return refused(format!(
                "{name} has no key of the id {kid}, but {known}; write `{kid}: {public}` into its `pins.signed.keys`"
            ));
        }
    }
    let lists = |names: &[String], name: &str| names.iter().any(|known| known == name);
    if lists(&signed.revoked.keys, kid) || lists(&signed.revoked.subjects, subject) {
        return refused(format!(
            "{name} has revoked the key {kid} or the subject {subject}"
        ));
    }
    Ok(())
}
