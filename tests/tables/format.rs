//! How a decision table is written.
//!
//! ```json
//! {
//!   "about": "what is shown",
//!   "config": { "kind": "Plugin", ... },
//!   "cases": [
//!     {"name": "a tester", "host": "shop", "path": "/", "headers": [["x-canary", "canary"]],
//!      "variant": "canary", "reason": "pin", "edit": "replace"}
//!   ]
//! }
//! ```
//!
//! Asked: `host` (`null`: none is sent), `method` (`GET`), `path` (`/`), `headers` (pairs, in
//! order), `source` (the client's address), `now` (RFC 3339), `draw` (hexadecimal, 128 bits).
//! In all of these but the last two `\xHH` is one byte, so values need not be UTF-8; in JSON the
//! backslash is doubled.
//!
//! Expected: `variant` (`null`: no canary governs the host, and nothing else is expected), `reason`
//! as metrics show it, `edit` of the variant header (`keep`, `replace`, `remove`; `keep` if not
//! said), `issued` (the unit that is handed out; none if not said), `refused` (the causes for which
//! pins were refused; none if not said).
//!
//! Beside `config` there may be `tokens` by their names, written as `tokens` says; `${name}` stands for
//! one in the path and in the values of headers.
//!
//! `pure` says why a case cannot be sent to a real proxy: HTTP/1.1 has no such request, the proxy
//! would refuse it, or the case depends on an address, a time or a draw that nobody can choose there.

use super::tokens;
use serde_json::Value;
use std::collections::BTreeMap;

/// A config and what it must decide.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// The file's name without its ending.
    pub(crate) name: String,
    /// The plugin's config, as JSON.
    pub(crate) config: String,
    /// The requests, with what is expected.
    pub(crate) cases: Vec<Case>,
}

/// A request and the decision that it must get.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// What is special about it.
    pub(crate) name: String,
    /// The host, where one is sent.
    pub(crate) host: Option<Vec<u8>>,
    /// The method.
    pub(crate) method: Vec<u8>,
    /// The path with its query.
    pub(crate) path: Vec<u8>,
    /// The other headers in order.
    pub(crate) headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The client's address.
    pub(crate) source: Option<Vec<u8>>,
    /// The time in RFC 3339.
    pub(crate) now: Option<String>,
    /// The draw.
    pub(crate) draw: Option<u128>,
    /// Why it cannot be sent to a real proxy, if so.
    pub(crate) pure: Option<String>,
    /// The decision; `None` out of scope.
    pub(crate) expected: Option<Expected>,
}

/// What is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    /// The name of the variant.
    pub(crate) variant: String,
    /// The reason as in metrics.
    pub(crate) reason: String,
    /// `keep`, `replace` or `remove`.
    pub(crate) edit: String,
    /// The unit that is handed out.
    pub(crate) issued: Option<String>,
    /// Why pins were refused.
    pub(crate) refused: Vec<String>,
}

impl Table {
    /// Reads a table.
    ///
    /// # Panics
    /// The text is not one; the message names the case.
    pub(crate) fn read(name: &str, text: &str) -> Self {
        let table: Value = serde_json::from_str(text)
            .unwrap_or_else(|error| panic!("tests/tables/{name}.json: {error}"));
        assert!(table["about"].is_string(), "{name}: no `about`");
        let cases = table["cases"].as_array();
        let tokens = table["tokens"].as_object().into_iter().flatten();
        let tokens = tokens.map(|(name, entry)| (name.as_str(), tokens::token(entry)));
        let tokens: BTreeMap<&str, String> = tokens.collect();
        let read = |case| Case::read(case, &tokens);
        let cases: Vec<Case> = cases.into_iter().flatten().map(read).collect();
        assert!(!cases.is_empty(), "{name}: no cases");
        Self {
            name: name.to_owned(),
            config: table["config"].to_string(),
            cases,
        }
    }
}

impl Case {
    fn read(case: &Value, tokens: &BTreeMap<&str, String>) -> Self {
        const KNOWN: [&str; 14] = [
            "name", "host", "method", "path", "headers", "source", "now", "draw", "pure",
            "variant", "reason", "edit", "issued", "refused",
        ];
        for field in case.as_object().expect("a case is a map").keys() {
            assert!(
                KNOWN.contains(&field.as_str()),
                "{case}: what is `{field}`?"
            );
        }
        let text = |field: &str| {
            let value = case.get(field).filter(|value| !value.is_null())?;
            let text = value.as_str();
            Some(text.unwrap_or_else(|| panic!("{case}: `{field}` is not text")))
        };
        let required = |field: &str| text(field).unwrap_or_else(|| panic!("{case}: no `{field}`"));
        for field in ["host", "variant"] {
            assert!(case.get(field).is_some(), "{case}: no `{field}`");
        }
        let pair = |pair: &Value| match (pair[0].as_str(), pair[1].as_str()) {
            (Some(name), Some(value)) => (bytes(name), bytes(&filled(value, tokens))),
            _ => panic!("{case}: {pair} is not a header"),
        };
        let draw = |draw| u128::from_str_radix(draw, 16).expect("a draw is hexadecimal");
        Self {
            name: required("name").to_owned(),
            host: text("host").map(bytes),
            method: bytes(text("method").unwrap_or("GET")),
            path: bytes(&filled(text("path").unwrap_or("/"), tokens)),
            headers: case["headers"]
                .as_array()
                .map_or_else(Vec::new, |headers| headers.iter().map(pair).collect()),
            source: text("source").map(bytes),
            now: text("now").map(str::to_owned),
            draw: text("draw").map(draw),
            pure: text("pure").map(str::to_owned),
            expected: text("variant").map(|variant| Expected {
                variant: variant.to_owned(),
                reason: required("reason").to_owned(),
                edit: text("edit").unwrap_or("keep").to_owned(),
                issued: text("issued").map(str::to_owned),
                refused: case["refused"].as_array().map_or_else(Vec::new, |causes| {
                    causes
                        .iter()
                        .map(|cause| cause.as_str().unwrap().to_owned())
                        .collect()
                }),
            }),
        }
    }
}

/// A text with the tokens that it names.
fn filled(text: &str, tokens: &BTreeMap<&str, String>) -> String {
    let mut parts = text.split("${");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part
            .split_once('}')
            .expect("`${` begins the name of a token");
        let token = tokens.get(name);
        filled.push_str(token.unwrap_or_else(|| panic!("{text}: there is no token {name}")));
        filled.push_str(rest);
    }
    filled
}

/// The bytes of a text in which `\xHH` is a byte.
pub(super) fn bytes(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).expect("two hexadecimal digits after \\x"));
        bytes.extend_from_slice(rest.as_bytes());
    }
    bytes
}
