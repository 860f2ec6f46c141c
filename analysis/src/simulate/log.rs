//! Which fields of a log's line are what of a request.

use coalmine::{Request, Timestamp};
use std::fmt;
use std::str::FromStr;

/// A part of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A header, by its name in lower case.
    Header(String),
    /// A cookie.
    Cookie(String),
    /// A query parameter, which is put behind the path.
    Query(String),
    /// The path, with or without the query.
    Path,
    /// The host.
    Host,
    /// The method.
    Method,
    /// When it came: RFC 3339, or seconds or milliseconds since 1970.
    Time,
    /// The client's address.
    SourceAddress,
}

/// A field of the log that is a part of the request: `user=header:x-user-id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What it is.
    pub part: Part,
    /// The column, or the key in JSON; dots lead into nested objects.
    pub field: String,
}

/// Which fields are what.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    said: Vec<Target>,
}

/// A line of the log: names and values, in their order.
pub type Record = Vec<(String, String)>;

/// A request of the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logged {
    headers: Vec<(String, String)>,
    source_address: Option<String>,
    /// When it came, if the log says so.
    pub at: Option<Timestamp>,
}

/// Fields that are known by their names, as Envoy's and Istio's JSON access logs and many others
/// have them, without regard to `-`, `_` and case.
const KNOWN: [(&str, &str); 27] = [
    ("authority", "host"),
    (":authority", "host"),
    ("host", "host"),
    ("http_host", "host"),
    ("path", "path"),
    (":path", "path"),
    ("x_envoy_original_path", "path"),
    ("uri", "path"),
    ("request_uri", "path"),
    ("url_path", "path"),
    ("method", "method"),
    (":method", "method"),
    ("request_method", "method"),
    ("start_time", "time"),
    ("time", "time"),
    ("timestamp", "time"),
    ("@timestamp", "time"),
    ("ts", "time"),
    ("downstream_remote_address", "source-address"),
    ("downstream_direct_remote_address", "source-address"),
    ("source_address", "source-address"),
    ("remote_addr", "source-address"),
    ("client_ip", "source-address"),
    ("user_agent", "header:user-agent"),
    ("referer", "header:referer"),
    ("cookie", "header:cookie"),
    ("request_id", "header:x-request-id"),
];

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, name) = text.split_once(':').unwrap_or((text, ""));
        match (kind, name) {
            ("path", "") => Ok(Self::Path),
            ("host", "") => Ok(Self::Host),
            ("method", "") => Ok(Self::Method),
            ("time", "") => Ok(Self::Time),
            ("source-address", "") => Ok(Self::SourceAddress),
            ("header", name) if !name.is_empty() => Ok(Self::Header(name.to_ascii_lowercase())),
            ("cookie", name) if !name.is_empty() => Ok(Self::Cookie(name.to_owned())),
            ("query", name) if !name.is_empty() => Ok(Self::Query(name.to_owned())),
            _ => Err(format!(
                "`{text}` is no part of a request; there are header:NAME, cookie:NAME, \
                 query:NAME, path, host, method, time and source-address"
            )),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Cookie(name) => write!(f, "cookie:{name}"),
            Self::Query(name) => write!(f, "query:{name}"),
            Self::Path => f.write_str("path"),
            Self::Host => f.write_str("host"),
            Self::Method => f.write_str("method"),
            Self::Time => f.write_str("time"),
            Self::SourceAddress => f.write_str("source-address"),
        }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((field, part)) if !field.is_empty() => Ok(Self {
                part: part.parse()?,
                field: field.to_owned(),
            }),
            _ => Err("write it like user=header:x-user-id".to_owned()),
        }
    }
}

impl Mapping {
    /// What was said of fields counts before what their names suggest.
    pub fn new(said: Vec<Target>) -> Self {
        Self { said }
    }

    /// Fields that were named.
    pub fn said(&self) -> &[Target] {
        &self.said
    }

    /// What a field is; none if it is nothing of a request.
    pub fn part_of(&self, field: &str) -> Option<Part> {
        if let Some(said) = self.said.iter().find(|said| said.field == field) {
            return Some(said.part.clone());
        }
        let part = part_by_name(field)?;
        // The column that was named for it is it, and no other.
        let taken = self.said.iter().any(|said| said.part == part);
        (!taken).then_some(part)
    }

    /// The request of a line, with what all requests have in front.
    ///
    /// # Errors
    /// Why it is no request: nothing in it is known, no host, or a time that cannot be read.
    pub fn request(
        &self,
        record: &Record,
        fixed: &[(String, String)],
        host: Option<&str>,
    ) -> Result<Logged, String> {
        let mut logged = Logged::default();
        let mut found = Found::default();
        for (field, value) in record {
            // Envoy writes `-` for what is not there.
            if value.is_empty() || value == "-" {
                continue;
            }
            if let Some(part) = self.part_of(field) {
                found.put(part, value, &mut logged)?;
            }
        }
        if !found.any {
            return Err("none of its fields is known; say which is what with --map".to_owned());
        }
        let host = found.host.clone().or_else(|| host.map(str::to_owned));
        let host = host.ok_or("it has no host; say which with --map FIELD=host or --host")?;
        let path = found.path(fixed);
        let method = found.method.clone().or_else(|| of(fixed, ":method"));
        let mut headers = vec![
            (":authority".to_owned(), host),
            (":path".to_owned(), path),
            (":method".to_owned(), method.unwrap_or("GET".to_owned())),
        ];
        headers.append(&mut logged.headers);
        let fixed = fixed.iter().filter(|(name, _)| !name.starts_with(':'));
        headers.extend(fixed.cloned());
        logged.headers = headers;
        Ok(logged)
    }
}

fn part_by_name(field: &str) -> Option<Part> {
    let plain = field.to_ascii_lowercase().replace('-', "_");
    let known = KNOWN.iter().find(|(name, _)| *name == plain);
    if let Some((_, part)) = known {
        return part.parse().ok();
    }
    if let Ok(part) = field.parse::<Part>() {
        return Some(part);
    }
    // `x_forwarded_for` in a log is the header `x-forwarded-for`.
    plain
        .starts_with("x_")
        .then(|| Part::Header(plain.replace('_', "-")))
}

fn of(headers: &[(String, String)], name: &str) -> Option<String> {
    let found = headers.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.clone())
}

/// What of a request was found in a line.
#[derive(Default)]
struct Found {
    any: bool,
    host: Option<String>,
    path: Option<String>,
    method: Option<String>,
    parameters: String,
}

impl Found {
    fn put(&mut self, part: Part, value: &str, logged: &mut Logged) -> Result<(), String> {
        self.any = true;
        match part {
            Part::Header(name) => logged.headers.push((name, value.to_owned())),
            Part::Cookie(name) => {
                whole(value, ';', "cookie")?;
                let cookie = format!("{name}={value}");
                logged.headers.push(("cookie".to_owned(), cookie));
            }
            Part::Query(name) => {
                whole(value, '&', "query parameter")?;
                self.parameters.push_str(&format!("&{name}={value}"));
            }
            Part::Path => self.path = Some(value.to_owned()),
            Part::Host => self.host = Some(value.to_owned()),
            Part::Method => self.method = Some(value.to_owned()),
            Part::SourceAddress => logged.source_address = Some(value.to_owned()),
            Part::Time => {
                let at = time(value).ok_or_else(|| {
                    format!("its time {value:?} is neither RFC 3339 nor a number since 1970")
                })?;
                logged.at = Some(at);
            }
        }
        Ok(())
    }

    fn path(&self, fixed: &[(String, String)]) -> String {
        let path = self.path.clone().or_else(|| of(fixed, ":path"));
        let path = path.unwrap_or_else(|| "/".to_owned());
        match self.parameters.strip_prefix('&') {
            None => path,
            Some(parameters) if path.contains('?') => format!("{path}&{parameters}"),
            Some(parameters) => format!("{path}?{parameters}"),
        }
    }
}

/// A value that would be cut where it stands would be that of somebody else.
fn whole(value: &str, end: char, what: &str) -> Result<(), String> {
    if value.contains(end) {
        return Err(format!("{value:?} has {end:?} in it, where a {what} ends"));
    }
    Ok(())
}

/// RFC 3339, or a number since 1970: seconds, or from 10^11 on milliseconds, which for seconds
/// would be the year 5138; from 10^14 on it is neither.
fn time(text: &str) -> Option<Timestamp> {
    if let Some(time) = Timestamp::parse(text.trim_matches(['[', ']'])) {
        return Some(time);
    }
    let number: f64 = text
        .parse()
        .ok()
        .filter(|number: &f64| number.abs() < 1e14)?;
    let millis = if number.abs() < 1e11 {
        number * 1e3
    } else {
        number
    };
    Some(Timestamp::from_unix_millis(millis as i64))
}

impl Request for Logged {
    fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
    }

    fn source_address(&self) -> Option<Vec<u8>> {
        self.source_address.clone().map(String::into_bytes)
    }
}

#[cfg(test)]
mod tests;
