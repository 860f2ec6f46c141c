//! `pins.signed`: whose signatures make a pin valid.

use super::amount::read_number;
use super::fields::Field;
use super::report::Report;
use super::write;
use crate::pin::Key;
use base64ct::{Base64UrlUnpadded, Encoding};
use core::fmt;
use serde::{Serialize, Serializer};

/// How many signatures a worker verifies in a second if nothing is said.
pub const VERIFICATIONS_PER_SECOND: u32 = 100;

/// The longest key id, and subject of a revoked token.
const MAX_NAME: usize = 128;

/// Whose signatures make a pin valid, and which of them no longer do.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedPins {
    /// Public keys by their key id (`kid`), as written.
    #[serde(serialize_with = "write::as_map")]
    pub keys: Vec<(String, PublicKey)>,
    /// Whether a pin without a signature counts for nothing.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub required: bool,
    /// What was signed and is no longer valid.
    #[serde(skip_serializing_if = "Revoked::is_empty")]
    pub revoked: Revoked,
    /// How many signatures a worker verifies in a second at most;
    /// [`VERIFICATIONS_PER_SECOND`] if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verifications_per_second: Option<u32>,
}

/// What was signed and is no longer valid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Revoked {
    /// Tokens for these subjects (`sub`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// Tokens signed with these keys (`kid`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
}

/// A public key for Ed25519 (RFC 8032, section 5.1.5), 32 bytes; written in base64url without
/// padding, as `x` of a JSON Web Key (RFC 8037, section 2).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(pub [u8; 32]);

pub(super) fn read_signed(field: &Field<'_>, report: &mut Report<'_>) -> Option<SignedPins> {
    const FIELDS: &[&str] = &["keys", "required", "revoked", "verificationsPerSecond"];
    let fields = field.fields(report, FIELDS)?;
    let keys = fields
        .required(
            report,
            "keys",
            "write `keys: {<key id>: <public key>}`; `coalmine pin keygen` makes one",
        )
        .and_then(|field| read_keys(&field, report));
    let required = fields
        .get("required")
        .and_then(|field| field.boolean(report));
    let revoked = fields
        .get("revoked")
        .and_then(|field| read_revoked(&field, report));
    let budget = fields
        .get("verificationsPerSecond")
        .and_then(|field| read_number(&field, (1, 1_000_000), report));
    Some(SignedPins {
        keys: keys?,
        required: required.unwrap_or_default(),
        revoked: revoked.unwrap_or_default(),
        verifications_per_second: budget,
    })
}

fn read_keys(field: &Field<'_>, report: &mut Report<'_>) -> Option<Vec<(String, PublicKey)>> {
    let map = field.map(report)?;
    let mut keys = Vec::new();
    for (id, field) in map.entries() {
        let good = check_name(id, &field, report);
        let Some(text) = field.filled(report) else {
            continue;
        };
        match PublicKey::parse(text) {
            Some(key) if Key::new(&key).is_none() => report.error(
                field.value_place(),
                "weak-key",
                format_args!("`{text}` is 32 bytes, but no key that can be trusted to verify"),
                "it is no point of the curve in its one form, or anybody could sign with it; write the public key that `coalmine pin keygen` prints",
            ),
            Some(key) if good => keys.push((id.to_owned(), key)),
            Some(_) => {}
            None => report.error(
                field.value_place(),
                "bad-key",
                format_args!("`{text}` is not a public key"),
                "write the 32 bytes of an Ed25519 key in base64url, as `coalmine pin keygen` prints them",
            ),
        }
    }
    if map.entries().next().is_none() {
        report.error(
            field.key_place(),
            "empty",
            format_args!("without a key no signature is valid"),
            "write `{<key id>: <public key>}`; `coalmine pin keygen` makes one",
        );
    }
    Some(keys)
}

fn read_revoked(field: &Field<'_>, report: &mut Report<'_>) -> Option<Revoked> {
    let fields = field.fields(report, &["subjects", "keys"])?;
    let mut names = |name: &str| {
        let list = fields.get(name).and_then(|field| field.list(report));
        let names = list.unwrap_or_default().into_iter().filter_map(|field| {
            let name = field.filled(report)?;
            check_name(name, &field, report).then(|| name.to_owned())
        });
        names.collect()
    };
    Some(Revoked {
        subjects: names("subjects"),
        keys: names("keys"),
    })
}

/// A key id or a subject: text of a sane length that cannot break a line of a log.
fn check_name(name: &str, field: &Field<'_>, report: &mut Report<'_>) -> bool {
    let good = !name.is_empty() && name.len() <= MAX_NAME && !name.contains(char::is_control);
    if !good {
        report.error(
            field.key_place(),
            "bad-name",
            format_args!("`{}` cannot be a key id or a subject", name.escape_debug()),
            format!("use at most {MAX_NAME} bytes without control characters"),
        );
    }
    good
}

// === impl Revoked ===

impl Revoked {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

// === impl PublicKey ===

impl PublicKey {
    /// The key that a text in base64url says.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let decoded = Base64UrlUnpadded::decode(text, &mut bytes).ok()?;
        (decoded.len() == bytes.len()).then_some(Self(bytes))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Base64UrlUnpadded::encode_string(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
