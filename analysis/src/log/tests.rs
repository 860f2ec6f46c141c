//! Which lines become which requests.

use super::*;
use coalmine::config::read_json;
use serde_json::json;

fn reader(said: &[&str], host: Option<&str>) -> Reader {
    let canary = json!({
        "apiVersion": "coalmine.dev/v1alpha1", "kind": "Canary", "metadata": {"name": "r"},
        "spec": {
            "hosts": ["r"],
            "variants": {"stable": {}, "canary": {}},
            "default": "stable",
            "pins": {"header": "x-canary"},
            "unit": [{"header": "x-user-id"}],
            "rules": [{
                "name": "curl", "route": "canary",
                "when": {"not": {"any": [{"header": {"name": "user-agent", "contains": "a"}}]}},
            }],
        },
    });
    let canaries = read_json(canary.to_string().as_bytes()).unwrap();
    let said: Vec<Target> = said.iter().map(|said| said.parse().unwrap()).collect();
    let asked = Asked {
        host: host.map(str::to_owned),
        ..Asked::default()
    };
    Reader::new(&said, &canaries, "x-coalmine-variant", asked)
}

#[test]
fn lines_become_requests() {
    let check = |line: &str, said: &[&str], expected: &str| {
        let mut reader = reader(said, Some("shop"));
        // What another line said must not be left over.
        let other = br#"{"authority":"other","x-user-id":"other","ts":1,"x_canary":"other"}"#;
        reader.json(other).unwrap();
        let logged = reader.json(line.as_bytes());
        let logged = logged.unwrap_or_else(|error| panic!("{line}: {error}"));
        let headers = logged.headers.iter();
        let mut parts: Vec<String> = headers
            .map(|(name, value)| match name.as_str() {
                ":authority" | ":path" | ":method" => value.clone(),
                _ => format!("{name}: {value}"),
            })
            .collect();
        parts.extend(logged.at.map(|at| at.to_string()));
        parts.extend(logged.source_address);
        assert_eq!(parts.join(" | "), expected, "{line}");
    };
    // As Istio writes it with `accessLogEncoding: JSON`.
    check(
        r#"{"authority":"reviews:9080","bytes_received":0,"method":"GET","path":"/reviews/1?a=b",
            "start_time":"2026-11-24T10:30:00.123Z","user_agent":"curl/8.5.0","x_forwarded_for":null,
            "downstream_remote_address":"10.1.2.3:5555","upstream_cluster":"outbound|9080|v1|reviews"}"#,
        &[],
        "reviews:9080 | /reviews/1?a=b | GET | user-agent: curl/8.5.0 | 2026-11-24T10:30:00.123Z | 10.1.2.3:5555",
    );
    check(
        r#"{":authority":"r",":path":"/a","x-envoy-original-path":"-","X_USER_ID":"alice","x-canary":"-"}"#,
        &[],
        "r | /a | GET | x-user-id: alice",
    );
    check(
        r#"{"path":"/rewritten","x_envoy_original_path":"/as-sent"}"#,
        &[],
        "shop | /as-sent | GET",
    );
    check(
        r#"{"request_headers":{"x-user-id":"a","cookie":"s=1"},"ts":1700000000.5}"#,
        &[],
        "shop | / | GET | cookie: s=1 | x-user-id: a | 2023-11-14T22:13:20.500Z",
    );
    // Caddy's form.
    check(
        r#"{"request":{"host":"r","headers":{"X-User-Id":["a"],"Cookie":["s=1","t=2"]}}}"#,
        &[],
        "shop | / | GET | cookie: s=1 | cookie: t=2 | x-user-id: a",
    );
    for name in [
        "req_x_user_id",
        "request_header_x_user_id",
        "header:x-user-id",
    ] {
        let line = format!(r#"{{"{name}":"a"}}"#);
        check(&line, &[], "shop | / | GET | x-user-id: a");
    }
    // What counts more is taken, wherever it stands, unless it says nothing.
    for line in [
        r#"{"req_x_user_id":"less","x-user-id":"more"}"#,
        r#"{"x-user-id":"more","req_x_user_id":"less"}"#,
        r#"{"x-user-id":"-","req_x_user_id":"more"}"#,
    ] {
        check(line, &[], "shop | / | GET | x-user-id: more");
    }
    // What is said comes first, whatever its case.
    check(
        r#"{"USER":"ada","page":"/p","path":"/","word":"w","sid":"1","host":"-","x_user_id":"no"}"#,
        &[
            "user=header:X-User-Id",
            "page=path",
            "word=query:q",
            "sid=cookie:s",
        ],
        "shop | /p?q=w | GET | cookie: s=1 | x-user-id: ada",
    );
    // The variant header is what Envoy has routed by.
    check(
        r#"{"authority":"r","x-coalmine-variant":"canary"}"#,
        &[],
        "r | / | GET",
    );
}

#[test]
fn what_is_no_request() {
    let check = |line: &str, host: Option<&str>, needed: &str| {
        let error = reader(&[], host).json(line.as_bytes()).unwrap_err();
        assert!(error.contains(needed), "{line}: {error}");
    };
    check("[2026-11-24T10:30:00Z] \"GET / HTTP/1.1\"", None, "no JSON");
    check("[1]", None, "no JSON object");
    check("{}", Some("shop"), "--map");
    check(r#"{"status":"200"}"#, Some("shop"), "--map");
    check(r#"{"path":"/"}"#, None, "`authority`");
    check(r#"{"path":"/"}"#, None, "--host");
    check(r#"{"path":"/","time":"noon"}"#, Some("shop"), "noon");
    check(r#"{"cookie:s":"a;b"}"#, Some("shop"), "where a cookie ends");
    check(r#"{"query:q":"a&b"}"#, Some("shop"), "query parameter ends");
}

#[test]
fn times_of_three_kinds() {
    let expected = Timestamp::from_unix_millis(1_764_000_000_500);
    for text in ["1764000000.5", "1764000000500", "2025-11-24T16:00:00.500Z"] {
        assert_eq!(time(text), Ok(expected), "{text}");
    }
    for text in [
        "",
        "NaN",
        "inf",
        "yesterday",
        "-5",
        "1e14",
        "1764000000500000000",
    ] {
        assert!(time(text).is_err(), "{text}");
    }
}

#[test]
fn fields_that_no_line_has() {
    let mut reader = reader(&["Who=header:x-user-id", "s=cookie:s"], Some("r"));
    assert_eq!(reader.missing(), Some("s"));
    reader.json(br#"{"s":"1"}"#).unwrap();
    assert_eq!(reader.missing(), Some("Who"));
    reader.columns([(" who ", "ada")]).unwrap();
    assert_eq!(reader.missing(), None);
}

#[test]
fn whether_it_says_who_is_who() {
    let canary = |unit: serde_json::Value, when_no_unit: &str| {
        let canary = json!({
            "apiVersion": "coalmine.dev/v1alpha1", "kind": "Canary", "metadata": {"name": "r"},
            "spec": {
                "hosts": ["r"], "variants": {"stable": {}, "canary": {}}, "default": "stable",
                "unit": unit, "whenNoUnit": when_no_unit,
            },
        });
        read_json(canary.to_string().as_bytes()).unwrap()
    };
    let check =
        |unit: serde_json::Value, when_no_unit: &str, line: &str, asked: Asked, places: &str| {
            let canaries = canary(unit, when_no_unit);
            let host = Some("r".to_owned());
            let mut reader = Reader::new(
                &[],
                &canaries,
                "x-coalmine-variant",
                Asked { host, ..asked },
            );
            reader.json(line.as_bytes()).unwrap();
            let found = reader
                .without_units(&canaries.canaries[0])
                .unwrap_or_default();
            let found: Vec<String> = found.iter().map(Part::to_string).collect();
            assert_eq!(found.join(" "), places, "{line}");
            assert_eq!(reader.unknown(), ["bytes", "zone"], "{line}");
        };
    let line = |field: &str| format!("{{\"zone\": 1, {field} \"method\": \"GET\", \"bytes\": 1}}");
    let none = Asked::default;
    let header = || json!([{"header": "x-user-id"}]);
    check(header(), "default", &line(""), none(), "header:x-user-id");
    check(
        header(),
        "default",
        &line("\"x_user_id\": null,"),
        none(),
        "",
    );
    let headers = vec![("x-user-id".to_owned(), "ada".to_owned())];
    check(
        header(),
        "default",
        &line(""),
        Asked { headers, ..none() },
        "",
    );
    let both = || json!([{"header": "x-user-id"}, {"cookie": "s"}]);
    check(
        both(),
        "random",
        &line(""),
        none(),
        "header:x-user-id cookie:s",
    );
    check(both(), "random", &line("\"cookie\": \"a=b\","), none(), "");
    check(both(), "random", &line("\"cookie:s\": \"b\","), none(), "");
    let query = || json!([{"query": "u"}]);
    check(query(), "default", &line(""), none(), "query:u");
    check(query(), "default", &line("\"path\": \"/\","), none(), "");
    let path = Some("/?u=ada".to_owned());
    check(query(), "default", &line(""), Asked { path, ..none() }, "");
    check(
        header(),
        "source-address",
        &line(""),
        none(),
        "header:x-user-id source-address",
    );
    check(
        header(),
        "source-address",
        &line("\"client_ip\": \"10.0.0.1\","),
        none(),
        "",
    );
    check(
        header(),
        "issue-cookie",
        &line(""),
        none(),
        "header:x-user-id cookie:coalmine-unit",
    );
    check(json!([]), "random", &line(""), none(), "");
    check(json!([]), "default", &line(""), none(), "");
    let address = "source-address";
    check(json!([]), address, &line(""), none(), address);
    let issued = "cookie:coalmine-unit";
    check(json!([]), "issue-cookie", &line(""), none(), issued);
}
