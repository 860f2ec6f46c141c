//! Which fields become what.

use super::*;

fn record(fields: &[(&str, &str)]) -> Record {
    let fields = fields.iter();
    fields
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn fields_become_parts() {
    let check = |said: &[&str], fields: &[(&str, &str)], expected: &[&str]| {
        let said = said.iter().map(|said| said.parse().unwrap()).collect();
        let logged = Mapping::new(said).request(&record(fields), &[], Some("shop"));
        let logged = logged.unwrap();
        let lines = logged.headers.iter();
        let lines: Vec<String> = lines.map(|(n, v)| format!("{n}: {v}")).collect();
        for line in expected {
            assert!(lines.contains(&(*line).to_owned()), "{line}: {lines:?}");
        }
        logged
    };
    // Istio's names.
    let logged = check(
        &[],
        &[
            ("authority", "reviews:9080"),
            ("path", "/a?b=c"),
            ("method", "POST"),
            ("user_agent", "curl"),
            ("x_forwarded_for", "10.0.0.1"),
            ("start_time", "2026-11-24T09:00:00.5Z"),
            ("downstream_remote_address", "10.0.0.2:4711"),
            ("response_code", "200"),
        ],
        &[
            ":authority: reviews:9080",
            ":path: /a?b=c",
            ":method: POST",
            "user-agent: curl",
            "x-forwarded-for: 10.0.0.1",
        ],
    );
    assert_eq!(logged.headers.len(), 5);
    assert_eq!(logged.source_address.as_deref(), Some("10.0.0.2:4711"));
    assert_eq!(logged.at, Timestamp::parse("2026-11-24T09:00:00.5Z"));
    // What is said comes first, and what is not there (`-`) is not there.
    check(
        &[
            "user=header:X-User-Id",
            "page=path",
            "word=query:q",
            "sid=cookie:s",
        ],
        &[
            ("user", "ada"),
            ("page", "/p"),
            ("path", "/"),
            ("word", "w"),
            ("sid", "1"),
            ("host", "-"),
        ],
        &[
            "x-user-id: ada",
            ":path: /p?q=w",
            "cookie: s=1",
            ":authority: shop",
            ":method: GET",
        ],
    );
}

#[test]
fn what_is_no_request() {
    let check = |fields: &[(&str, &str)], host: Option<&str>, needed: &str| {
        let error = Mapping::default().request(&record(fields), &[], host);
        let error = error.unwrap_err();
        assert!(error.contains(needed), "{error}");
    };
    check(&[("status", "200")], Some("shop"), "--map");
    check(&[], Some("shop"), "--map");
    check(&[("path", "/")], None, "--host");
    check(&[("path", "/"), ("time", "noon")], Some("shop"), "noon");
    check(&[("cookie:s", "a;b")], Some("shop"), "where a cookie ends");
    check(&[("query:q", "a&b")], Some("shop"), "query parameter ends");
}

#[test]
fn times_of_three_kinds() {
    let expected = Timestamp::from_unix_millis(1_764_000_000_500);
    for text in ["1764000000.5", "1764000000500", "2025-11-24T16:00:00.500Z"] {
        assert_eq!(time(text), Some(expected), "{text}");
    }
    for text in ["", "NaN", "inf", "yesterday", "1764000000500000000"] {
        assert_eq!(time(text), None, "{text}");
    }
}

#[test]
fn parts_that_cannot_be_read() {
    for text in [
        "user=header:",
        "user=headers:x",
        "path",
        "path=",
        "=path",
        "y=path:x",
    ] {
        assert!(text.parse::<Target>().is_err(), "{text}");
    }
}
