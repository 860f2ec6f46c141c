//! The real policy of `cargo xtask bench`, and requests for it.

use coalmine::config::{Canary, read_json};
use coalmine::{Policy, Timestamp};
use coalmine_analysis::simulate::Run;

const REAL: &str = include_str!("../../benches/real-policy.json");

/// A pin by header and cookie, three rules, 5 % of the users by header or cookie.
pub(crate) fn policy() -> (Canary, Policy) {
    let canaries = read_json(REAL.as_bytes()).expect("a good config");
    (canaries.canaries[0].clone(), Policy::compile(&canaries))
}

/// What `coalmine simulate` sends if nothing is said.
pub(crate) fn made() -> Vec<(String, String)> {
    headers(&[
        (":authority", "reviews"),
        (":path", "/"),
        (":method", "GET"),
        (":scheme", "http"),
    ])
}

/// What a browser sends.
#[allow(dead_code, reason = "the floor is held for what the command sends")]
pub(crate) fn browser() -> Vec<(String, String)> {
    let mut all = made();
    all.extend(headers(&[
        (
            "accept",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        ),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("accept-language", "en-GB,en;q=0.5"),
        (
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        ),
        (
            "cookie",
            "theme=dark; lang=en; session=7d1f0c52b8f14f6e9b4d; consent=all",
        ),
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "5a2f6f60-5b5f-9d3c-8f9e-0d4f7a0c9b11"),
    ]));
    all
}

fn headers(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    let headers = headers.iter();
    headers
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// So many units.
pub(crate) fn run(headers: &[(String, String)], units: u64) -> Run<'_> {
    Run {
        headers,
        address: None,
        units,
        seed: 1,
        now: Timestamp::from_unix_millis(0),
    }
}
