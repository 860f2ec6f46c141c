//! Lines of an access log to requests: the one reader of all commands.
//!
//! | file | what |
//! |---|---|
//! | `part` | what a field can be of a request |
//! | `names` | which field is what by its name |
//! | `units` | whether the log says who is who |
//!
//! The names of fields are those of Envoy's and Istio's logs in JSON and of what people write
//! themselves; a header that anybody asks for is found under its own name, with `_` for `-`, and
//! with words like `request_header_` or `request.headers.` in front.

mod names;
mod part;
mod units;

pub use part::{Part, Target};

use coalmine::config::Canaries;
use coalmine::{Request, Timestamp};
use names::{Names, normal};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// How many names of fields are kept; a log has some dozens.
const REMEMBERED: usize = 4_096;

/// The header in which a proxy says by which scheme the client came.
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// What is asked beside the log: what its lines do not say.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The host of lines without one.
    pub host: Option<String>,
    /// The path of lines without one; `/` if nothing is said.
    pub path: Option<String>,
    /// The method of lines without one; `GET` if nothing is said.
    pub method: Option<String>,
    /// The client's address of lines without one.
    pub source_address: Option<String>,
    /// Headers that every request has behind those of its line.
    pub headers: Vec<(String, String)>,
}

/// A request of a log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logged {
    /// Its headers, `:authority`, `:path` and `:method` first.
    pub headers: Vec<(String, String)>,
    /// The client's address.
    pub source_address: Option<String>,
    /// When it came, if the log says so.
    pub at: Option<Timestamp>,
    /// Whether it came over TLS, as far as the log says so.
    pub tls: bool,
    /// What is in the variant header, by which Envoy chose the route, empty if there was none; none
    /// if the log does not tell. It is none of the headers: the client sent another, or none.
    pub variant_header: Option<String>,
    /// Which parts the line tells about, be it that they were not sent.
    pub told: Vec<Part>,
    /// The cluster that Envoy chose.
    pub upstream_cluster: Option<String>,
}

/// What is in a field that says something of a request.
#[derive(Clone, Copy, Debug)]
enum Meaning {
    Part { slot: usize, rank: usize },
    Scheme,
    UpstreamCluster,
}

/// What a line says of a part: the values of the field that counts most, none if it says that there
/// is none.
#[derive(Debug)]
struct Slot {
    part: Part,
    told: bool,
    rank: usize,
    values: Vec<String>,
}

/// Reads lines.
#[derive(Debug)]
pub struct Reader {
    names: Names,
    asked: Asked,
    known: HashMap<String, Option<Meaning>>,
    slots: Vec<Slot>,
    variant_header: String,
    scheme: Option<String>,
    upstream_cluster: Option<String>,
    /// Fields that were named and have not been seen yet, as they were written.
    missing: BTreeMap<String, String>,
}

// === impl Reader ===

impl Reader {
    /// What was said of fields counts before what their names suggest.
    pub fn new(said: &[Target], canaries: &Canaries, variant_header: &str, asked: Asked) -> Self {
        let mut headers = names::read_headers(canaries);
        headers.extend(["cookie", FORWARDED_PROTO, variant_header].map(str::to_owned));
        let missing = said.iter();
        let missing = missing.map(|target| (normal(&target.field), target.field.clone()));
        let mut reader = Self {
            missing: missing.collect(),
            names: Names::new(said, headers),
            asked,
            known: HashMap::new(),
            slots: Vec::new(),
            variant_header: variant_header.to_owned(),
            scheme: None,
            upstream_cluster: None,
        };
        // In their order, so that no line before another one changes what comes out of that.
        for target in said {
            reader.slot(&target.part);
        }
        reader
    }

    /// A field that was named and that no line had.
    pub fn missing(&self) -> Option<&str> {
        self.missing.values().next().map(String::as_str)
    }

    /// The request of a line in JSON.
    ///
    /// # Errors
    /// Why it is no request.
    pub fn json(&mut self, line: &[u8]) -> Result<Logged, String> {
        let value: Value =
            serde_json::from_slice(line).map_err(|error| format!("it is no JSON: {error}"))?;
        let Value::Object(fields) = value else {
            return Err("it is no JSON object".to_owned());
        };
        self.clear();
        let mut name = String::new();
        for (field, value) in fields {
            name.clear();
            name.push_str(&field);
            self.value(&mut name, value);
        }
        self.request()
    }

    /// The request of a line of columns.
    ///
    /// # Errors
    /// Why it is no request.
    pub fn columns<'l>(
        &mut self,
        columns: impl IntoIterator<Item = (&'l str, &'l str)>,
    ) -> Result<Logged, String> {
        self.clear();
        for (name, value) in columns {
            self.field(name.trim(), [value.to_owned()]);
        }
        self.request()
    }

    fn clear(&mut self) {
        self.scheme = None;
        self.upstream_cluster = None;
        for slot in &mut self.slots {
            slot.told = false;
            slot.values.clear();
        }
    }

    /// Plain values and lists of them by their names, those of objects behind a dot.
    fn value(&mut self, name: &mut String, value: Value) {
        match value {
            Value::Object(fields) => {
                let length = name.len();
                for (inner, value) in fields {
                    name.push('.');
                    name.push_str(&inner);
                    self.value(name, value);
                    name.truncate(length);
                }
            }
            Value::Array(values) => self.field(name, values.into_iter().filter_map(plain)),
            other => self.field(name, plain(other)),
        }
    }

    fn field(&mut self, name: &str, values: impl IntoIterator<Item = String>) {
        let meaning = match self.known.get(name) {
            Some(meaning) => *meaning,
            None => self.learn(name),
        };
        // Envoy writes `-` for what is not there.
        let mut values = values
            .into_iter()
            .filter(|value| !value.is_empty() && value != "-");
        match meaning {
            Some(Meaning::Part { slot, rank }) => {
                if let Some(slot) = self.slots.get_mut(slot)
                    && (slot.values.is_empty() || rank < slot.rank)
                {
                    let mut values = values.peekable();
                    slot.told = true;
                    if values.peek().is_some() {
                        slot.rank = rank;
                        slot.values.clear();
                        slot.values.extend(values);
                    }
                }
            }
            Some(Meaning::Scheme) => self.scheme = values.next(),
            Some(Meaning::UpstreamCluster) => self.upstream_cluster = values.next(),
            None => {}
        }
    }

    fn learn(&mut self, name: &str) -> Option<Meaning> {
        let plain = normal(name);
        self.missing.remove(&plain);
        let meaning = match self.names.part_of(name) {
            Some((part, rank)) => Some(Meaning::Part {
                slot: self.slot(&part),
                rank,
            }),
            None if plain == "scheme" => Some(Meaning::Scheme),
            None if plain == "upstream-cluster" => Some(Meaning::UpstreamCluster),
            None => None,
        };
        if self.known.len() < REMEMBERED {
            self.known.insert(name.to_owned(), meaning);
        }
        meaning
    }

    fn slot(&mut self, part: &Part) -> usize {
        let found = self.slots.iter().position(|slot| slot.part == *part);
        if found.is_none() {
            self.slots.push(Slot {
                part: part.clone(),
                told: false,
                rank: 0,
                values: Vec::new(),
            });
        }
        found.unwrap_or(self.slots.len() - 1)
    }

    fn request(&mut self) -> Result<Logged, String> {
        let mut logged = Logged {
            upstream_cluster: self.upstream_cluster.take(),
            tls: self.scheme.as_deref() == Some("https"),
            ..Logged::default()
        };
        let (mut host, mut path, mut method) = (None, None, None);
        let mut parameters = String::new();
        let mut headers = Vec::new();
        for slot in self.slots.iter_mut().filter(|slot| slot.told) {
            logged.told.push(slot.part.clone());
            let mut values = slot.values.drain(..);
            match &slot.part {
                Part::Header(name) if *name == self.variant_header => {
                    logged.variant_header = Some(values.next().unwrap_or_default());
                }
                Part::Header(name) => headers.extend(values.map(|value| (name.clone(), value))),
                Part::Cookie(name) => {
                    for value in values {
                        whole(&value, ';', "cookie")?;
                        headers.push(("cookie".to_owned(), format!("{name}={value}")));
                    }
                }
                Part::Query(name) => {
                    for value in values {
                        whole(&value, '&', "query parameter")?;
                        parameters.push_str(&format!("&{name}={value}"));
                    }
                }
                Part::Host => host = values.next(),
                Part::Path => path = values.next(),
                Part::Method => method = values.next(),
                Part::SourceAddress => logged.source_address = values.next(),
                Part::Time => logged.at = values.next().map(|value| time(&value)).transpose()?,
            }
        }
        if logged.told.is_empty() {
            return Err("none of its fields is known; say which is what with --map".to_owned());
        }
        let asked = &self.asked;
        let host = host.or_else(|| asked.host.clone()).ok_or(
            "it has no host, as a field `authority` would say it; \
             say which with --map FIELD=host or --host",
        )?;
        let path = path.or_else(|| asked.path.clone());
        let path = with_parameters(path.unwrap_or_else(|| "/".to_owned()), &parameters);
        let method = method.or_else(|| asked.method.clone());
        logged.headers = vec![
            (":authority".to_owned(), host),
            (":path".to_owned(), path),
            (
                ":method".to_owned(),
                method.unwrap_or_else(|| "GET".to_owned()),
            ),
        ];
        // The order of the fields must not matter, nor that of the lines before.
        headers.sort_by(|(one, _), (other, _)| one.cmp(other));
        let forwarded =
            |(name, value): &(String, String)| name == FORWARDED_PROTO && value == "https";
        logged.tls |= headers.iter().any(forwarded);
        logged.headers.append(&mut headers);
        logged.headers.extend(asked.headers.iter().cloned());
        logged.source_address = logged
            .source_address
            .or_else(|| asked.source_address.clone());
        Ok(logged)
    }
}

fn plain(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn with_parameters(path: String, parameters: &str) -> String {
    match parameters.strip_prefix('&') {
        None => path,
        Some(parameters) if path.contains('?') => format!("{path}&{parameters}"),
        Some(parameters) => format!("{path}?{parameters}"),
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
fn time(text: &str) -> Result<Timestamp, String> {
    if let Some(time) = Timestamp::parse(text.trim_matches(['[', ']'])) {
        return Ok(time);
    }
    let number = text.parse().ok();
    let number = number.filter(|number: &f64| (0.0..1e14).contains(number));
    let number = number
        .ok_or_else(|| format!("its time {text:?} is neither RFC 3339 nor a number since 1970"))?;
    let millis = if number < 1e11 { number * 1e3 } else { number };
    Ok(Timestamp::from_unix_millis(millis.round() as i64))
}

// === impl Logged ===

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
