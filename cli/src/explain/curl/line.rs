//! Words to a request.

use super::options::{self, Meaning};
use super::url;
use crate::request::RequestArgs;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// What curl says of itself where nothing else is said; the version is not known.
const USER_AGENT: &str = "curl";

/// The request of a `curl` line in words, with or without the word `curl` itself.
///
/// # Errors
/// What is wrong with it and what to do, beginning in lower case.
pub(in crate::explain) fn request(words: &[String]) -> Result<RequestArgs, String> {
    let mut line = Line::default();
    let mut words = words.iter().map(String::as_str).peekable();
    words.next_if(|word| *word == "$");
    let program = |word: &str| word.rsplit('/').next() == Some("curl");
    if words.next_if(|word| program(word)).is_none()
        && words
            .peek()
            .is_some_and(|word| !word.starts_with('-') && !word.contains("://"))
    {
        return Err("this is no curl line: it does not begin with `curl`".to_owned());
    }
    let mut only_urls = false;
    while let Some(word) = words.next() {
        if only_urls || !word.starts_with('-') || word == "-" {
            line.url(word)?;
        } else if word == "--" {
            only_urls = true;
        } else if let Some(name) = word.strip_prefix("--") {
            long(name, &mut words, &mut line)?;
        } else {
            letters(&word[1..], &mut words, &mut line)?;
        }
    }
    line.request()
}

fn unknown(option: &str) -> String {
    format!("`{option}` is no option of curl that is known here; take it out if it does not matter")
}

fn long<'w>(
    name: &str,
    words: &mut impl Iterator<Item = &'w str>,
    line: &mut Line,
) -> Result<(), String> {
    let (name, value) = match name.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (name, None),
    };
    let option = format!("--{name}");
    let meaning = options::long(name).ok_or_else(|| unknown(&option))?;
    let value = match meaning.takes_value() {
        true => value
            .or_else(|| words.next())
            .ok_or_else(|| no_value(&option))?,
        false => "",
    };
    line.take(meaning, &option, value)
}

/// Several switches may share one dash, and a value may follow its letter at once.
fn letters<'w>(
    letters: &str,
    words: &mut impl Iterator<Item = &'w str>,
    line: &mut Line,
) -> Result<(), String> {
    for (at, letter) in letters.char_indices() {
        let option = format!("-{letter}");
        let meaning = options::short(letter).ok_or_else(|| unknown(&option))?;
        if meaning.takes_value() {
            let rest = &letters[at + letter.len_utf8()..];
            let value = match rest {
                "" => words.next().ok_or_else(|| no_value(&option))?,
                rest => rest,
            };
            return line.take(meaning, &option, value);
        }
        line.take(meaning, &option, "")?;
    }
    Ok(())
}

fn no_value(option: &str) -> String {
    format!("nothing follows `{option}`; paste the whole line")
}

/// What the options have said so far.
#[derive(Default)]
struct Line {
    url: Option<String>,
    method: Option<String>,
    head: bool,
    get: bool,
    upload: bool,
    body: Vec<String>,
    has_form: bool,
    query: Vec<String>,
    target: Option<String>,
    headers: Vec<(String, String)>,
    /// Headers that curl would send by itself and is told not to.
    without: Vec<String>,
    cookies: Vec<String>,
    /// Name and password, of which the last word counts.
    user: Option<String>,
    other_auth: bool,
    path_as_is: bool,
    glob_off: bool,
}

impl Line {
    fn url(&mut self, url: &str) -> Result<(), String> {
        match &self.url {
            Some(first) => Err(format!(
                "the line asks for two URLs, {first} and {url}; explain them one by one"
            )),
            None => {
                self.url = Some(url.to_owned());
                Ok(())
            }
        }
    }

    fn take(&mut self, meaning: Meaning, option: &str, value: &str) -> Result<(), String> {
        match meaning {
            Meaning::Header => self.header(option, value)?,
            Meaning::Cookie if value.contains('=') => self.cookies.push(value.to_owned()),
            Meaning::Cookie if value.is_empty() => {}
            Meaning::Cookie => return Err(file(option, value, "-b 'name=value'")),
            Meaning::Method => self.method = Some(value.to_owned()),
            Meaning::Head => self.head = true,
            Meaning::Get => self.get = true,
            Meaning::UserAgent if value.is_empty() => self.without.push("user-agent".to_owned()),
            Meaning::UserAgent => self.set("user-agent", value),
            // Behind a semicolon stands what to do on redirects.
            Meaning::Referer => match value.split(';').next() {
                Some("") | None => {}
                Some(value) => self.set("referer", value),
            },
            Meaning::Url => self.url(value)?,
            Meaning::UrlQuery => self.query.push(match value.strip_prefix('+') {
                Some(raw) => raw.to_owned(),
                None => encoded(option, value)?,
            }),
            Meaning::RequestTarget => self.target = Some(value.to_owned()),
            Meaning::Bearer => self.set("authorization", &format!("Bearer {value}")),
            Meaning::User if value.contains(':') => self.user = Some(value.to_owned()),
            Meaning::User => {
                return Err(format!(
                    "`{option} {value}` asks for a password; write {option} {value}:PASSWORD"
                ));
            }
            Meaning::OtherAuth => self.other_auth = true,
            Meaning::PathAsIs => self.path_as_is = true,
            Meaning::GlobOff => self.glob_off = true,
            Meaning::Range => self.set("range", &format!("bytes={value}")),
            Meaning::Data => self.body.push(value.to_owned()),
            Meaning::DataUrlencode => {
                // Only where it goes into the query does the decision see it.
                let encoded = encoded(option, value);
                self.body.push(encoded.unwrap_or_else(|_| "@".to_owned()));
            }
            Meaning::Json => {
                self.body.push(value.to_owned());
                for name in ["content-type", "accept"] {
                    if !self.has(name) {
                        self.set(name, "application/json");
                    }
                }
            }
            Meaning::Form => {
                self.has_form = true;
                self.body.push(String::new());
            }
            Meaning::Upload => self.upload = true,
            Meaning::Compressed => self.set("accept-encoding", "deflate, gzip, br, zstd"),
            Meaning::Config => return Err(file(option, value, "its options themselves")),
            Meaning::Next => {
                return Err(format!(
                    "`{option}` begins another request; explain them one by one"
                ));
            }
            Meaning::Ignored | Meaning::IgnoredValue => {}
        }
        Ok(())
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known == name)
    }

    fn set(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    fn header(&mut self, option: &str, text: &str) -> Result<(), String> {
        if let Some(name) = text.strip_prefix('@') {
            return Err(file(option, name, "-H 'name: value'"));
        }
        let bare = text.strip_suffix(';').filter(|name| !name.contains(':'));
        if let Some(name) = bare {
            self.set(&name.trim().to_ascii_lowercase(), "");
            return Ok(());
        }
        let (name, value) = text.split_once(':').ok_or_else(|| {
            format!("`{option} {text}` is no header; write it like 'x-user-id: alice'")
        })?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        match (name.as_str(), value) {
            ("", _) => return Err(format!("`{option} {text}` is a header without a name")),
            (_, "") => self.without.push(name),
            ("cookie", _) => self.cookies.push(value.to_owned()),
            _ => self.set(&name, value),
        }
        Ok(())
    }

    fn request(mut self) -> Result<RequestArgs, String> {
        let url = self.url.take().ok_or("the line has no URL")?;
        let (scheme, rest) = match url.split_once("://") {
            Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
            None => ("http".to_owned(), url.as_str()),
        };
        if scheme != "http" && scheme != "https" {
            return Err(format!("{url} is no http or https URL"));
        }
        if !self.glob_off && url::has_glob(rest) {
            return Err(format!(
                "{url} is several URLs to curl, for what stands in {{}} or []; explain them one by one, \
                 or add -g if the brackets are meant"
            ));
        }
        let (user, authority, path) = url::parts(rest);
        if let Some(user) = self.user.take().or(user) {
            self.authorize(&user);
        }
        let host_header = self.headers.iter().position(|(name, _)| name == "host");
        let host = match host_header {
            // curl sends the first, and so does it with every header that it would set itself.
            Some(at) => self.headers[at].1.clone(),
            None => authority.to_owned(),
        };
        if host.is_empty() {
            return Err(format!("{url} has no host"));
        }
        self.headers.retain(|(name, _)| name != "host");
        for (name, value) in [("user-agent", USER_AGENT), ("accept", "*/*")] {
            if !self.has(name) && !self.without.iter().any(|without| without == name) {
                self.set(name, value);
            }
        }
        let method = self.method();
        if self.get {
            if self.body.iter().any(|data| data.starts_with('@')) {
                return Err(file("-d", "", "what goes into the query"));
            }
            self.query.append(&mut self.body);
        }
        Ok(RequestArgs {
            host: Some(host),
            method,
            path: self.path(path),
            headers: self.headers,
            // One line, whatever was said in how many options.
            cookies: match self.cookies.is_empty() {
                true => Vec::new(),
                false => vec![self.cookies.join("; ")],
            },
            tls: scheme == "https",
            ..RequestArgs::default()
        })
    }

    /// Basic authentication (RFC 7617), unless the line says otherwise who asks.
    fn authorize(&mut self, user: &str) {
        let said = |name: &String| name == "authorization";
        if !self.other_auth && !self.has("authorization") && !self.without.iter().any(said) {
            let user = BASE64_STANDARD.encode(user);
            self.set("authorization", &format!("Basic {user}"));
        }
    }

    fn method(&self) -> String {
        let by_itself = match () {
            () if self.head => "HEAD",
            () if self.get => "GET",
            () if self.upload => "PUT",
            () if self.has_form || !self.body.is_empty() => "POST",
            () => "GET",
        };
        self.method.clone().unwrap_or_else(|| by_itself.to_owned())
    }

    /// The path as it is sent: without the fragment, with what goes into the query.
    fn path(&self, path: &str) -> String {
        if let Some(target) = &self.target {
            return target.clone();
        }
        let path = path.split('#').next().unwrap_or_default();
        let mut path = match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("/{path}"),
        };
        if !self.path_as_is {
            path = url::without_dots(&path);
        }
        for more in &self.query {
            let between = match path.split_once('?') {
                None => "?",
                Some((_, "")) => "",
                Some(_) => "&",
            };
            path.push_str(between);
            path.push_str(more);
        }
        path
    }
}

fn file(option: &str, name: &str, instead: &str) -> String {
    format!(
        "`{option}` reads a file {name}, which is not at hand here; write {instead} in its place"
    )
}

/// `content`, `=content` or `name=content`, percent-encoded as curl does.
fn encoded(option: &str, value: &str) -> Result<String, String> {
    let (name, content) = match value.split_once('=') {
        Some((name, content)) if !name.contains('@') => (name, content),
        _ if value.contains('@') => return Err(file(option, "", "its contents")),
        _ => ("", value),
    };
    let mut encoded = match name {
        "" => String::new(),
        name => format!("{name}="),
    };
    for byte in content.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(encoded)
}

#[cfg(test)]
mod tests;
