//! A request that was made up, as `coalmine explain` takes it.

use coalmine::config::UnitSource;
use coalmine::{Moment, Request, Timestamp};
use serde::Serialize;

/// A request in the words of `coalmine explain`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Example {
    /// The host.
    pub host: String,
    /// The method, if it is not GET.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The path with the query, if it is not `/`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Headers: name and value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// Cookies: `name=value`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cookies: Vec<String>,
    /// The client's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_address: Option<String>,
    /// The draw in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draw: Option<String>,
    /// When, if it depends on the time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

impl Example {
    /// How much there is to it: attributes first, then characters.
    pub(super) fn size(&self) -> (usize, usize) {
        let lines = self.lines();
        let attributes = lines.len()
            + self
                .path
                .as_ref()
                .map_or(0, |path| path.matches('&').count());
        let characters = lines.iter().map(|(_, value)| value.len()).sum();
        (attributes, characters)
    }

    /// The options of `coalmine explain` for it, without those for the host: name and value.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        let mut one = |name, value: &Option<String>| {
            lines.extend(value.clone().map(|value| (name, value)));
        };
        one("--method", &self.method);
        one("--path", &self.path);
        one("--source-address", &self.source_address);
        one("--draw", &self.draw);
        one("--at", &self.at.map(|at| at.to_string()));
        let headers = self.headers.iter();
        lines.extend(headers.map(|(name, value)| ("--header", format!("{name}: {value}"))));
        lines.extend(
            self.cookies
                .iter()
                .map(|cookie| ("--cookie", cookie.clone())),
        );
        lines
    }

    /// As the decision reads it.
    pub(super) fn request(&self) -> Made {
        let path = self.path.as_deref().unwrap_or("/");
        let method = self.method.as_deref().unwrap_or("GET");
        let mut headers: Vec<(String, String)> = [
            (":authority", &*self.host),
            (":path", path),
            (":method", method),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        headers.extend(self.headers.iter().cloned());
        let cookies = self.cookies.iter();
        headers.extend(cookies.map(|cookie| ("cookie".to_owned(), cookie.clone())));
        Made {
            headers,
            address: self.source_address.clone(),
        }
    }

    /// The moment it comes in.
    pub(super) fn moment(&self, now: Timestamp) -> Then {
        let draw = self.draw.as_deref();
        let draw = draw.and_then(|draw| u128::from_str_radix(draw, 16).ok());
        Then {
            now,
            draw: draw.unwrap_or_default(),
        }
    }

    /// The same with other units in these sources.
    pub(super) fn with_units(
        &self,
        sources: &[UnitSource],
        other: impl Fn(&str) -> String,
    ) -> Self {
        let named = |source: UnitSource| sources.contains(&source);
        let pair = |pair: &str, source: fn(String) -> UnitSource| match pair.split_once('=') {
            Some((name, value)) if named(source(name.to_owned())) => {
                format!("{name}={}", other(value))
            }
            _ => pair.to_owned(),
        };
        let mut changed = self.clone();
        for (name, value) in &mut changed.headers {
            if named(UnitSource::Header(name.clone())) {
                *value = other(value);
            }
        }
        for cookie in &mut changed.cookies {
            *cookie = pair(cookie, UnitSource::Cookie);
        }
        if let Some((path, query)) = self.path.as_ref().and_then(|path| path.split_once('?')) {
            let query = query.split('&').map(|one| pair(one, UnitSource::Query));
            let query: Vec<String> = query.collect();
            changed.path = Some(format!("{path}?{}", query.join("&")));
        }
        changed
    }

    /// Puts a parameter behind the path.
    pub(super) fn add_parameter(&mut self, name: &str, value: &str) {
        let path = self.path.get_or_insert_with(|| "/".to_owned());
        let mark = if path.contains('?') { '&' } else { '?' };
        path.push_str(&format!("{mark}{name}={value}"));
    }
}

/// A request with its headers.
pub(super) struct Made {
    headers: Vec<(String, String)>,
    address: Option<String>,
}

/// A fixed moment.
pub(super) struct Then {
    now: Timestamp,
    draw: u128,
}

impl Request for Made {
    fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
    }

    fn source_address(&self) -> Option<Vec<u8>> {
        self.address.clone().map(String::into_bytes)
    }
}

impl Moment for Then {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn draw(&self) -> u128 {
        self.draw
    }
}
