//! What a field of a log can be of a request.

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
    /// The column, or the key in JSON; dots lead into nested objects. Case does not matter, nor
    /// whether it has `-` or `_`.
    pub field: String,
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, name) = text.split_once(':').unwrap_or((text, ""));
        match (kind, name) {
            ("path", "") => Ok(Self::Path),
            ("host", "") => Ok(Self::Host),
            ("method", "") => Ok(Self::Method),
            ("time", "") => Ok(Self::Time),
            ("source-address" | "address", "") => Ok(Self::SourceAddress),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_cannot_be_read() {
        for text in [
            "x",
            "user=header:",
            "user=headers:x",
            "x=cookie:",
            "path",
            "path=",
            "=path",
            "y=path:x",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }

    #[test]
    fn parts_are_written_as_they_are_read() {
        for text in [
            "header:x", "cookie:S", "query:q", "path", "host", "method", "time",
        ] {
            let part: Part = text.parse().unwrap();
            assert_eq!(part.to_string(), text);
        }
    }
}
