//! What an explanation holds.

use super::travel::{Baggage, Inherited};
use crate::pin::Said;
use coalmine::Timestamp;
use coalmine::config::WhenNoUnit;
use coalmine::pin::Cause;
use serde::Serialize;

/// The whole way of a request, in the order of the steps; what was not reached is not there.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The request's line: method, host and path.
    pub request: String,
    /// When it comes.
    pub at: Timestamp,
    /// The host as it is compared.
    pub host: String,
    /// The canary that governs the host; none: the request is not touched.
    pub canary: Option<String>,
    /// Where a pin may be, and what was found there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pins: Option<Pins>,
    /// What was looked for in the baggage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inherited: Option<Inherited>,
    /// The rules that were tried.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// Whose part of the line is where.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Territory>,
    /// Whether the shares follow a ramp, so that they depend on the time.
    pub ramp: bool,
    /// The unit, and where it falls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// The arm that the response is counted in, where responses are counted by arm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted: Option<Counted>,
    /// The variant that was chosen, where it has a guard. Only a proxy knows whether that holds it back;
    /// the decision is the one of a guard that is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<String>,
    /// The random draw, where the decision needed one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draw: Option<String>,
    /// What was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Outcome>,
    /// What becomes of the baggage, where the decision goes on or the proxy stands at the edge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baggage: Option<Baggage>,
    /// When the ramp gives this request another variant next; `None` if it never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Change>,
    /// What the request's source does not tell and the decision looked at, so that the answer may
    /// have been another: places like `header x-user-id`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    /// What the log says about who answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered: Option<Answered>,
}

/// Pins that were looked for and found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pins {
    /// Where one may be.
    pub looked_in: Vec<String>,
    /// The words that mean something.
    pub words: Vec<String>,
    /// Whether they need a signature.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub signature_required: bool,
    /// What was sent.
    pub sent: Vec<Pin>,
}

/// A pin that was sent.
#[derive(Debug, Serialize)]
pub struct Pin {
    /// Where.
    pub at: String,
    /// What it says; of a token, the variant that it claims to pin.
    pub word: String,
    /// Whether it is `never` or names a variant, with a signature where one is needed.
    pub known: bool,
    /// Why it counts for nothing, as in metrics: of a token, or of a word without a signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<&'static str>,
    /// What else a token says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Said>,
    /// As `refused`.
    #[serde(skip)]
    pub cause: Option<Cause>,
}

/// A rule that was tried.
#[derive(Debug, Serialize)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// What it gives, in words.
    pub gives: String,
    /// Whether the request fulfils it.
    pub matches: bool,
    /// Its condition, and what each part of it found.
    pub when: Tried,
}

/// A condition that was tried.
#[derive(Debug, Serialize)]
pub struct Tried {
    /// The condition in words.
    pub says: String,
    /// Whether the request fulfils it.
    pub matches: bool,
    /// The values that were tested, none if nothing was sent; absent for a condition of conditions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<Vec<String>>,
    /// The conditions it is made of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Tried>,
}

/// A variant's part of the line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Territory {
    /// The variant.
    pub variant: String,
    /// Its share, as a percentage.
    pub share: String,
    /// Its first position in millionths.
    pub start: u32,
    /// Behind its last position in millionths.
    pub end: u32,
    /// The least share with which it owns the unit's position, as a percentage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owns_unit_from: Option<String>,
}

/// What is kept together, and where it falls.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unit {
    /// Where it was looked for.
    pub looked_in: Vec<String>,
    /// Where it was sent with nothing in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub empty_in: Vec<String>,
    /// Where it was found or what was taken for it; none if there was no unit.
    pub found_in: Option<String>,
    /// The unit itself; none for a draw that is not kept.
    pub value: Option<String>,
    /// The 64-bit hash in hexadecimal: the bucket times 2^64.
    pub hash: Option<String>,
    /// Its position in millionths.
    pub position: Option<u32>,
    /// The salt it was hashed with.
    pub salt: String,
    /// What the canary says about requests without one, where that mattered.
    pub when_no_unit: Option<WhenNoUnit>,
}

/// What a response is counted in.
#[derive(Debug, Serialize)]
pub struct Counted {
    /// The arm: a variant's name, `control` or `rest`.
    pub arm: String,
    /// The slice of it, 0 to 15.
    pub slice: u8,
}

/// What was decided.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The variant that serves.
    pub variant: String,
    /// Why.
    pub reason: String,
    /// Whether it is the canary's default.
    pub is_default: bool,
    /// The header that carries a decision.
    pub variant_header: String,
    /// What happens to it: `keep`, `replace` or `remove`.
    pub edit: &'static str,
    /// Whether the client sent something in it.
    pub client_sent_it: bool,
    /// The `set-cookie` of the response, where a unit is issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_cookie: Option<String>,
}

/// A variant, and the moment from which on it serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// From when on.
    pub at: Timestamp,
    /// Which variant.
    pub variant: String,
}

/// Who answered, as a log has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answered {
    /// The field of the log, and what it says.
    pub by: String,
    /// The variant that this is; none if that cannot be told.
    pub variant: Option<String>,
    /// Whether it is the variant that was decided; none if that cannot be told.
    pub agrees: Option<bool>,
}
