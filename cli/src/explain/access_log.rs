//! Lines of an Envoy access log in JSON to requests.
//!
//! The names of fields are those of Istio's log (`authority`, `path`, `method`, `start_time`,
//! `downstream_remote_address`, `upstream_cluster`) and of what people write themselves: every
//! header that the canaries read is found under its own name, with `_` for `-` and with words like
//! `request_header_` in front.

use crate::request::RequestArgs;
use coalmine::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// What may stand in front of a header's name, with `-` for `_`.
const BEFORE_HEADERS: [&str; 8] = [
    "",
    "req-",
    "request-",
    "header-",
    "req-header-",
    "request-header-",
    "headers.",
    "request-headers.",
];

/// A field of the log, and what it is: `uid=header:x-user-id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    field: String,
    meaning: Meaning,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Meaning {
    Header(String),
    Cookie(String),
    Host,
    Path,
    Method,
    Time,
    Address,
}

/// A line as a request, and what else it says.
#[derive(Debug)]
pub(super) struct Logged {
    /// The request.
    pub(super) request: RequestArgs,
    /// Which headers and cookies it tells about, be it that they were not sent, in the form
    /// `header x-user-id`; `path` and `method`, too.
    pub(super) carried: BTreeSet<String>,
    /// What was in the variant header: none if the log does not tell.
    pub(super) variant_header: Option<String>,
    /// The cluster that Envoy chose.
    pub(super) upstream_cluster: Option<String>,
}

impl FromStr for Mapping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const HELP: &str = "write FIELD=header:NAME, FIELD=cookie:NAME, or FIELD=host, path, method, \
                            time or source-address";
        let (field, meaning) = text.split_once('=').ok_or(HELP)?;
        let meaning = match (meaning, meaning.split_once(':')) {
            ("host", _) => Meaning::Host,
            ("path", _) => Meaning::Path,
            ("method", _) => Meaning::Method,
            ("time", _) => Meaning::Time,
            ("address" | "source-address", _) => Meaning::Address,
            (_, Some(("header", name))) if !name.is_empty() => {
                Meaning::Header(name.to_ascii_lowercase())
            }
            (_, Some(("cookie", name))) if !name.is_empty() => Meaning::Cookie(name.to_owned()),
            _ => return Err(HELP.to_owned()),
        };
        let field = field.to_owned();
        Ok(Self { field, meaning })
    }
}

/// Reads a line; `headers` are the names that the canaries read, `asked` is what the arguments say
/// beside the log, which comes first.
///
/// # Errors
/// It is no JSON object, has no host, or a time that cannot be read.
pub(super) fn read(
    line: &str,
    headers: &BTreeSet<String>,
    variant_header: &str,
    mappings: &[Mapping],
    asked: &RequestArgs,
) -> Result<Logged, String> {
    let value: Value =
        serde_json::from_str(line).map_err(|error| format!("this is not JSON: {error}"))?;
    let Value::Object(object) = value else {
        return Err("this is no JSON object".to_owned());
    };
    let mut fields = BTreeMap::new();
    for (name, value) in &object {
        flatten(name, value, &mut fields);
    }
    let find = |names: &[&str], wanted: &Meaning| -> Option<&Option<String>> {
        let mapped = mappings.iter().find(|mapping| mapping.meaning == *wanted);
        let mapped = mapped.and_then(|mapping| fields.get(&normal(&mapping.field)));
        mapped.or_else(|| names.iter().find_map(|name| fields.get(*name)))
    };
    let mut carried = BTreeSet::new();
    let mut told = |place: &str, found: Option<&Option<String>>| {
        if found.is_some() {
            carried.insert(place.to_owned());
        }
        found.cloned().flatten()
    };
    let host = told(
        "host",
        find(&["authority", "host", "req-authority"], &Meaning::Host),
    );
    // The path before a rewrite is the one that the filter saw.
    let original = find(&["x-envoy-original-path"], &Meaning::Path).filter(|path| path.is_some());
    let path = told(
        "path",
        original.or_else(|| find(&["path", "req-path"], &Meaning::Path)),
    );
    let method = told(
        "method",
        find(
            &["method", "req-method", "request-method"],
            &Meaning::Method,
        ),
    );
    let scheme = find(
        &["scheme", "x-forwarded-proto"],
        &Meaning::Header("x-forwarded-proto".into()),
    );
    let address = told(
        "the client's address",
        find(
            &[
                "downstream-remote-address",
                "downstream-remote-address-without-port",
            ],
            &Meaning::Address,
        ),
    );
    let time = told(
        "the time",
        find(
            &["start-time", "time", "timestamp", "@timestamp", "ts"],
            &Meaning::Time,
        ),
    );
    let mut request = RequestArgs {
        method: method.unwrap_or_else(|| "GET".to_owned()),
        path: path.unwrap_or_else(|| "/".to_owned()),
        tls: scheme.cloned().flatten().as_deref() == Some("https"),
        source_address: asked.source_address.clone().or(address),
        draw: asked.draw,
        host: asked.host.clone().or(host),
        at: match (asked.at, time) {
            (Some(at), _) => Some(at),
            (None, Some(time)) => Some(read_time(&time)?),
            (None, None) => None,
        },
        ..RequestArgs::default()
    };
    if request.host.is_none() {
        return Err(
            "the line does not say which host it is for; it has no field `authority`, \
                    name it with --map FIELD=host, or give --host"
                .to_owned(),
        );
    }
    let header = |name: &str| {
        let names = BEFORE_HEADERS.map(|before| format!("{before}{}", normal(name)));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        find(&names, &Meaning::Header(name.to_owned()))
    };
    for name in headers {
        let value = told(&format!("header {name}"), header(name));
        request
            .headers
            .extend(value.map(|value| (name.clone(), value)));
    }
    if let Some(cookies) = told("cookies", header("cookie")) {
        request.cookies.push(cookies);
    }
    for mapping in mappings {
        if let Meaning::Cookie(name) = &mapping.meaning {
            let value = told(
                &format!("cookie {name}"),
                fields.get(&normal(&mapping.field)),
            );
            request
                .cookies
                .extend(value.map(|value| format!("{name}={value}")));
        }
    }
    request.headers.extend(asked.headers.iter().cloned());
    carried.extend(
        asked
            .headers
            .iter()
            .map(|(name, _)| format!("header {name}")),
    );
    request.cookies.extend(asked.cookies.iter().cloned());
    let names = asked
        .cookies
        .iter()
        .filter_map(|cookie| cookie.split('=').next());
    carried.extend(names.map(|name| format!("cookie {}", name.trim())));
    Ok(Logged {
        variant_header: header(variant_header).map(|value| value.clone().unwrap_or_default()),
        upstream_cluster: fields.get("upstream-cluster").cloned().flatten(),
        request,
        carried,
    })
}

/// The form in which names are compared.
fn normal(name: &str) -> String {
    let name = name.strip_prefix(':').unwrap_or(name);
    name.to_ascii_lowercase()
        .replace('_', "-")
        .replace(".:", ".")
}

/// Every plain value by its name, those of objects behind a dot. Envoy writes `-` or `null` for what
/// is not there.
fn flatten(name: &str, value: &Value, fields: &mut BTreeMap<String, Option<String>>) {
    let text = match value {
        Value::Object(object) => {
            for (inner, value) in object {
                flatten(&format!("{name}.{inner}"), value, fields);
            }
            return;
        }
        Value::Null => None,
        Value::String(text) if text.is_empty() || text == "-" => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    fields.insert(normal(name), text);
}

/// RFC 3339, or seconds since 1970, maybe with a fraction, or milliseconds.
fn read_time(text: &str) -> Result<Timestamp, String> {
    let seconds = || {
        // Later than the year 5138 in seconds: milliseconds.
        const MILLISECONDS: f64 = 1e11;
        let number: f64 = text.parse().ok()?;
        let millis = if number < MILLISECONDS {
            number * 1000.0
        } else {
            number
        };
        (number >= 0.0 && millis < 1e15).then(|| Timestamp::from_unix_millis(millis.round() as i64))
    };
    Timestamp::parse(text).or_else(seconds).ok_or_else(|| {
        format!("{text:?} is no time that is known here; log %START_TIME%, or give --at")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_line(line: &str, mappings: &[&str]) -> Result<Logged, String> {
        let headers = ["x-user-id", "user-agent", "x-canary"]
            .map(str::to_owned)
            .into();
        let mappings: Vec<Mapping> = mappings.iter().map(|text| text.parse().unwrap()).collect();
        read(
            line,
            &headers,
            "x-coalmine-variant",
            &mappings,
            &RequestArgs::default(),
        )
    }

    #[test]
    fn lines_of_all_kinds() {
        let check = |line: &str, mappings: &[&str], expected: &str, carried: &[&str]| {
            let logged =
                read_line(line, mappings).unwrap_or_else(|error| panic!("{line}: {error}"));
            let request = &logged.request;
            let mut parts = vec![request.line(request.host.as_deref().unwrap())];
            parts.extend(
                request
                    .headers
                    .iter()
                    .map(|(name, value)| format!("{name}: {value}")),
            );
            parts.extend(
                request
                    .cookies
                    .iter()
                    .map(|cookie| format!("cookie: {cookie}")),
            );
            parts.extend(request.at.map(|at| at.to_string()));
            assert_eq!(parts.join(" | "), expected, "{line}");
            let places: Vec<&str> = logged.carried.iter().map(String::as_str).collect();
            assert_eq!(places, carried, "{line}");
        };
        // As Istio writes it with `accessLogEncoding: JSON`.
        check(
            r#"{"authority":"reviews:9080","bytes_received":0,"method":"GET","path":"/reviews/1?a=b",
                "start_time":"2026-11-24T10:30:00.123Z","user_agent":"curl/8.5.0","x_forwarded_for":null,
                "downstream_remote_address":"10.1.2.3:5555","upstream_cluster":"outbound|9080|v1|reviews"}"#,
            &[],
            "GET http://reviews:9080/reviews/1?a=b | user-agent: curl/8.5.0 | 2026-11-24T10:30:00.123Z",
            &[
                "header user-agent",
                "host",
                "method",
                "path",
                "the client's address",
                "the time",
            ],
        );
        check(
            r#"{":authority":"r",":path":"/a","x-envoy-original-path":"-","X_USER_ID":"alice","x-canary":"-"}"#,
            &[],
            "GET http://r/a | x-user-id: alice",
            &["header x-canary", "header x-user-id", "host", "path"],
        );
        check(
            r#"{"authority":"r","request_headers":{"x-user-id":"a","cookie":"s=1"},"ts":1700000000.5}"#,
            &[],
            "GET http://r/ | x-user-id: a | cookie: s=1 | 2023-11-14T22:13:20.500Z",
            &["cookies", "header x-user-id", "host", "the time"],
        );
        check(
            r#"{"h":"r","who":"a","sess":"1","when":1700000000500,"scheme":"https","p":"/x","m":"POST"}"#,
            &[
                "h=host",
                "who=header:X-User-Id",
                "sess=cookie:session",
                "when=time",
                "p=path",
                "m=method",
            ],
            "POST https://r/x | x-user-id: a | cookie: session=1 | 2023-11-14T22:13:20.500Z",
            &[
                "cookie session",
                "header x-user-id",
                "host",
                "method",
                "path",
                "the time",
            ],
        );
    }

    #[test]
    fn lines_that_say_too_little() {
        let check = |line: &str, needed: &str| {
            let error = read_line(line, &[]).unwrap_err();
            assert!(error.contains(needed), "{line}: {error}");
        };
        check("[2026-11-24T10:30:00Z] \"GET / HTTP/1.1\"", "not JSON");
        check("[1]", "no JSON object");
        check("{}", "no field `authority`");
        check(r#"{"authority":"r","start_time":"yesterday"}"#, "no time");
        check(r#"{"authority":"r","start_time":1e300}"#, "no time");
        for mapping in ["x", "x=y", "x=header:", "x=cookie:"] {
            assert!(mapping.parse::<Mapping>().is_err(), "{mapping}");
        }
    }
}
