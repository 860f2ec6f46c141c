//! A request made up from arguments, and the moment it arrives in.

use crate::outcome::Failure;
use clap::Args;
use coalmine::config::Canaries;
use coalmine::{Moment, Request, Timestamp};
use coalmine_analysis::log::Asked;
use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

/// How many hosts a message lists.
const HOSTS_SHOWN: usize = 5;

/// A request in arguments, as `coalmine explain` and the comments of `examples/` take them.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestArgs {
    /// The host it asks for [default: the first host, if there is one canary]
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    /// Its method
    #[arg(long, value_name = "METHOD", default_value = "GET")]
    pub method: String,
    /// Its path, with the query
    #[arg(long, value_name = "PATH", default_value = "/")]
    pub path: String,
    /// A header; may be repeated
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub headers: Vec<(String, String)>,
    /// A cookie; may be repeated
    #[arg(long = "cookie", value_name = "NAME=VALUE", value_parser = cookie)]
    pub cookies: Vec<String>,
    /// It comes over TLS, so an issued cookie is Secure
    #[arg(long)]
    pub tls: bool,
    /// The client's address, for whenNoUnit: source-address
    #[arg(long, value_name = "ADDRESS")]
    pub source_address: Option<String>,
    /// When it comes, in RFC 3339 like 2026-11-24T09:00:00Z, for ramps [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub at: Option<Timestamp>,
    /// The random draw as hexadecimal digits, for whenNoUnit: random and issue-cookie
    /// [default: a new one, which is shown]
    #[arg(long, value_name = "HEX", value_parser = draw)]
    pub draw: Option<u128>,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or("write it like 'x-user-id: alice'")?;
    let name = name.trim().to_ascii_lowercase();
    match name.as_str() {
        "" => Err("it has no name; write it like 'x-user-id: alice'".to_owned()),
        "host" => Err("give the host with --host".to_owned()),
        _ => Ok((name, value.trim().to_owned())),
    }
}

fn cookie(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((name, _)) if !name.trim().is_empty() => Ok(text.to_owned()),
        _ => Err("write it like session=abc".to_owned()),
    }
}

pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text)
        .ok_or_else(|| "write RFC 3339 with an offset, like 2026-11-24T09:00:00Z".to_owned())
}

fn draw(text: &str) -> Result<u128, String> {
    // A sign is no digit, though a number may begin with one.
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let draw = u128::from_str_radix(text, 16).ok().filter(|_| digits);
    draw.ok_or_else(|| "write 1 to 32 hexadecimal digits".to_owned())
}

impl RequestArgs {
    /// Whether it asks for what a real request cannot bring along: a time, a draw, an address.
    pub fn is_made_up(&self) -> bool {
        self.at.is_some() || self.draw.is_some() || self.source_address.is_some()
    }

    /// The host it asks for.
    ///
    /// # Errors
    /// It names none, and the canaries leave open which is meant.
    pub fn host_among(&self, canaries: &Canaries) -> Result<String, Failure> {
        if let Some(host) = &self.host {
            return Ok(host.clone());
        }
        let first = match canaries.canaries.as_slice() {
            [only] => only.spec.hosts.first(),
            _ => None,
        };
        match first {
            Some(host) if !host.contains('*') => Ok(host.clone()),
            Some(host) => Err(Failure::refused(format!(
                "the canary governs {host}; say which host is meant with --host"
            ))),
            None => {
                let hosts: Vec<&str> = canaries
                    .canaries
                    .iter()
                    .filter_map(|canary| canary.spec.hosts.first().map(String::as_str))
                    .collect();
                let shown: Vec<&str> = hosts.iter().take(HOSTS_SHOWN).copied().collect();
                let more = match hosts.len().saturating_sub(HOSTS_SHOWN) {
                    0 => String::new(),
                    more => format!(", and {more} more"),
                };
                Err(Failure::refused(format!(
                    "there are several canaries; say which host is meant with --host ({}{more})",
                    shown.join(", ")
                )))
            }
        }
    }

    /// What the lines of an access log do not say, with the host of those without one.
    pub(crate) fn beside_a_log(&self, host: Option<String>) -> Asked {
        let named = |cookie: &String| ("cookie".to_owned(), cookie.clone());
        let headers = self.headers.iter().cloned();
        Asked {
            host,
            path: Some(self.path.clone()),
            method: Some(self.method.clone()),
            source_address: self.source_address.clone(),
            headers: headers.chain(self.cookies.iter().map(named)).collect(),
        }
    }

    /// The request in one line.
    pub fn line(&self, host: &str) -> String {
        format!("{} {}://{host}{}", self.method, self.scheme(), self.path)
    }

    fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// Its headers as a proxy sees them, the pseudo-headers first.
    pub fn header_list(&self, host: &str) -> Vec<(String, String)> {
        let mut headers: Vec<(String, String)> = [
            (":authority", host),
            (":path", &self.path),
            (":method", &self.method),
            (":scheme", self.scheme()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        headers.extend(self.headers.iter().cloned());
        let cookies = self.cookies.iter();
        headers.extend(cookies.map(|cookie| ("cookie".to_owned(), cookie.clone())));
        headers
    }
}

/// The request as the decision reads it.
#[derive(Debug)]
pub struct MadeUpRequest {
    headers: Vec<(String, String)>,
    source_address: Option<String>,
}

impl MadeUpRequest {
    /// The request that the arguments describe.
    pub fn new(args: &RequestArgs, host: &str) -> Self {
        Self {
            headers: args.header_list(host),
            source_address: args.source_address.clone(),
        }
    }
}

impl Request for MadeUpRequest {
    fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
    }

    fn source_address(&self) -> Option<Vec<u8>> {
        self.source_address.clone().map(String::into_bytes)
    }
}

/// The moment that the arguments describe: one time and one draw, however often they are asked for.
#[derive(Debug)]
pub struct MadeUpMoment {
    now: Timestamp,
    draw: u128,
    drawn: Cell<bool>,
}

impl MadeUpMoment {
    /// With the clock and the entropy of this machine for what the arguments leave open.
    ///
    /// # Errors
    /// The machine gives no entropy.
    pub fn new(args: &RequestArgs) -> Result<Self, Failure> {
        let draw = match args.draw {
            Some(draw) => draw,
            None => fresh_draw()?,
        };
        Ok(Self {
            now: args.at.unwrap_or_else(wall_clock),
            draw,
            drawn: Cell::new(false),
        })
    }

    /// The draw in hexadecimal, if the decision asked for it.
    pub fn draw_used(&self) -> Option<String> {
        self.drawn.get().then(|| format!("{:032x}", self.draw))
    }
}

impl Moment for MadeUpMoment {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn draw(&self) -> u128 {
        self.drawn.set(true);
        self.draw
    }
}

fn fresh_draw() -> Result<u128, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::cannot(format!("no random draw: {error}; give one with --draw"))
    })?;
    Ok(u128::from_be_bytes(bytes))
}

pub(crate) fn wall_clock() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
