//! What a token says, believed or not.

use coalmine::Timestamp;
use coalmine::pin::Parts;
use serde::Serialize;
use serde_json::Value;

/// What a token says of itself, as far as it can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Said {
    /// The id of its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The canaries that it is for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub canaries: Vec<String>,
    /// The variant that it pins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Whom it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// When it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
}

impl Said {
    /// What this token says; `None` if it has no header and claims that are JSON objects.
    pub fn of(token: &[u8]) -> Option<Self> {
        let [header, claims] = objects(token)?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Some(Self {
            key: text(&header["kid"]),
            canaries: match &claims["aud"] {
                Value::Array(several) => several.iter().filter_map(text).collect(),
                one => text(one).into_iter().collect(),
            },
            variant: text(&claims["variant"]),
            subject: text(&claims["sub"]),
            expires: time(&claims["exp"]),
            not_before: time(&claims["nbf"]),
        })
    }
}

/// The header and the claims of a token.
pub(super) fn objects(token: &[u8]) -> Option<[Value; 2]> {
    let parts = Parts::of(token)?;
    let object = |json: Option<String>| {
        let value: Value = serde_json::from_str(&json?).ok()?;
        value.is_object().then_some(value)
    };
    Some([object(parts.header())?, object(parts.claims())?])
}

/// A time of a token that a calendar of four digits has.
pub(super) fn time(value: &Value) -> Option<Timestamp> {
    const LAST_SECOND: i64 = 253_402_300_799;
    let seconds = match value.as_i64() {
        Some(seconds) => seconds,
        None => value.as_f64()?.floor() as i64,
    };
    let millis = seconds.checked_mul(1000)?;
    (0..=LAST_SECOND)
        .contains(&seconds)
        .then(|| Timestamp::from_unix_millis(millis))
}
