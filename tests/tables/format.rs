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
//! order), `source` (the client's address), `now` (RFC 3339), `draw` (hexadecimal, 128 bits), `held`
//! (the variants that their guards hold back).
//! In all of these but the last three `\xHH` is one byte, so values need not be UTF-8; in JSON the
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
//! And of `baggage`: `baggage`, the one line that goes on (`null`: none does; what was sent if not
//! said), and `dropped`, why the decision does not go on (`full`, `malformed`); both also where no
//! canary governs the host. In them and in `headers`, `{*N}` behind a part in parentheses repeats it
//! N times, with `#` for the number of each, as in `(k#=1,){*200}`.
//!
//! `pure` says why a case cannot be sent to a real proxy: HTTP/1.1 has no such request, the proxy
//! would refuse it, or the case depends on an address, a time, a draw or the state of a guard, which
//! nobody can choose there.

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
    /// The variants that are held back.
    pub(crate) held: Vec<String>,
    /// Why it cannot be sent to a real proxy, if so.
    pub(crate) pure: Option<String>,
    /// The decision; `None` out of scope.
    pub(crate) expected: Option<Expected>,
    /// What goes on in `baggage`.
    pub(crate) baggage: Baggage,
}

/// What goes on in `baggage`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Baggage {
    /// Its lines.
    pub(crate) lines: Vec<Vec<u8>>,
    /// Why the decision is not among them.
    pub(crate) dropped: Option<String>,
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
        const KNOWN: [&str; 17] = [
            "name", "host", "method", "path", "headers", "source", "now", "draw", "held", "pure",
            "variant", "reason", "edit", "issued", "refused", "baggage", "dropped",
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
            (Some(name), Some(value)) => (bytes(name), bytes(&repeated(&filled(value, tokens)))),
            _ => panic!("{case}: {pair} is not a header"),
        };
        let draw = |draw| u128::from_str_radix(draw, 16).expect("a draw is hexadecimal");
        let headers: Vec<(Vec<u8>, Vec<u8>)> = case["headers"]
            .as_array()
            .map_or_else(Vec::new, |headers| headers.iter().map(pair).collect());
        let sent = headers.iter().filter(|(name, _)| name == b"baggage");
        let lines = match case.get("baggage") {
            None => sent.map(|(_, value)| value.clone()).collect(),
            Some(line) => line
                .as_str()
                .map(|line| bytes(&repeated(line)))
                .into_iter()
                .collect(),
        };
        let dropped = text("dropped").map(str::to_owned);
        Self {
            name: required("name").to_owned(),
            host: text("host").map(bytes),
            method: bytes(text("method").unwrap_or("GET")),
            path: bytes(&filled(text("path").unwrap_or("/"), tokens)),
            headers,
            source: text("source").map(bytes),
            now: text("now").map(str::to_owned),
            draw: text("draw").map(draw),
            held: case["held"].as_array().map_or_else(Vec::new, |held| {
                held.iter()
                    .filter_map(|name| Some(name.as_str()?.to_owned()))
                    .collect()
            }),
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
            baggage: Baggage { lines, dropped },
        }
    }
}

/// The text in which `(part){*N}` is the part N times; in the part `#` is its number.
fn repeated(text: &str) -> String {
    let Some((before, rest)) = text.split_once('(') else {
        return text.to_owned();
    };
    let Some((part, rest)) = rest.split_once("){*") else {
        return text.to_owned();
    };
    let (times, behind) = rest.split_once('}').expect("a number in {*N}");
    let times: usize = times.parse().expect("a number in {*N}");
    let parts = (0..times).map(|number| part.replace('#', &number.to_string()));
    format!("{before}{}{}", parts.collect::<String>(), repeated(behind))
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
