//! Requests of HTTP/2 that no well-behaved client sends, after RFC 9113, section 8, and the semantics
//! of HTTP. Each is the only one of its connection, and complete.

use super::Oddity;
use super::frames::{Field, GET, POST, request};

/// What stands behind the pseudo-headers of a `GET`, and how many requests reach the filter.
const BEHIND: [(&str, &[Field<'_>], u64); 52] = [
    ("nothing odd", &[], 1),
    // Cookies and pins.
    (
        "crumbs",
        &[
            ("cookie", b"a=1"),
            ("cookie", b"canary=stable"),
            ("cookie", b"b=2"),
        ],
        1,
    ),
    (
        "crumbs of several cookies",
        &[("cookie", b"a=1; b=2;"), ("cookie", b" ;canary=stable")],
        1,
    ),
    (
        "an empty crumb",
        &[
            ("cookie", b""),
            ("cookie", b"canary=stable"),
            ("cookie", b""),
        ],
        1,
    ),
    (
        "two pins",
        &[("x-canary", b"stable"), ("x-canary", b"canary")],
        1,
    ),
    ("two pins in one", &[("x-canary", b"stable,canary")], 1),
    ("a pin of nothing", &[("x-canary", b"")], 1),
    ("a pin in blanks", &[("x-canary", b" stable ")], 1),
    ("a pin in tabs", &[("x-canary", b"\tstable\t")], 1),
    (
        "a pin that is no text",
        &[
            ("x-canary", b"\xff\x80"),
            ("cookie", b"\xfe=\xff; canary=stable"),
        ],
        1,
    ),
    ("a pin with NUL", &[("x-canary", b"sta\0ble")], 0),
    ("a pin with CR", &[("x-canary", b"stable\rx: y")], 0),
    ("a pin with LF", &[("x-canary", b"stable\nx: y")], 0),
    ("a pin with DEL", &[("x-canary", b"stable\x7f")], 0),
    // What a client may not decide.
    (
        "the variant header",
        &[("x-coalmine-variant", b"stable")],
        1,
    ),
    (
        "the variant header twice",
        &[
            ("x-coalmine-variant", b"stable"),
            ("x-coalmine-variant", b"canary"),
        ],
        1,
    ),
    (
        "the variant header of nothing",
        &[("x-coalmine-variant", b"")],
        1,
    ),
    (
        "the variant header in capitals",
        &[("X-Coalmine-Variant", b"stable")],
        0,
    ),
    (
        "baggage",
        &[
            ("baggage", b"a=b,coalmine.shop=stable"),
            ("baggage", b"\xff,=,;"),
        ],
        1,
    ),
    ("much baggage", &[("baggage", &[b','; 9000])], 1),
    // Names.
    ("a name in capitals", &[("X-Canary", b"stable")], 0),
    ("a name with a blank", &[("x canary", b"stable")], 0),
    ("a name with a colon", &[("x:canary", b"stable")], 0),
    ("a name with NUL", &[("x\0canary", b"stable")], 0),
    ("a name that is not ASCII", &[("x-é", b"stable")], 0),
    ("no name", &[("", b"stable")], 0),
    ("a name with an underscore", &[("x_canary", b"stable")], 1),
    // What HTTP/2 has no use for.
    ("connection", &[("connection", b"close")], 0),
    (
        "connection that names a header",
        &[("connection", b"x-coalmine-variant")],
        0,
    ),
    ("keep-alive", &[("keep-alive", b"timeout=1")], 0),
    (
        "proxy-connection",
        &[("proxy-connection", b"keep-alive")],
        0,
    ),
    ("transfer-encoding", &[("transfer-encoding", b"chunked")], 0),
    (
        "upgrade",
        &[("connection", b"upgrade"), ("upgrade", b"websocket")],
        0,
    ),
    ("te: trailers", &[("te", b"trailers")], 1),
    ("te: gzip", &[("te", b"gzip")], 0),
    ("expect", &[("expect", b"100-continue")], 1),
    (
        "a length where there is no body",
        &[("content-length", b"5")],
        0,
    ),
    ("a length of no number", &[("content-length", b"x")], 0),
    (
        "two lengths",
        &[("content-length", b"0"), ("content-length", b"1")],
        0,
    ),
    // Hosts.
    ("the same host", &[("host", b"shop")], 1),
    ("another host", &[("host", b"else")], 1),
    (
        "two other hosts",
        &[("host", b"else"), ("host", b"third")],
        0,
    ),
    ("a host of nothing", &[("host", b"")], 0),
    // Pseudo-headers where they may not be.
    ("a path behind others", &[("a", b"b"), (":path", b"/a")], 0),
    ("a second path", &[(":path", b"/a")], 0),
    ("a second method", &[(":method", b"PUT")], 0),
    ("a second scheme", &[(":scheme", b"https")], 0),
    ("a second authority", &[(":authority", b"else")], 0),
    ("a status", &[(":status", b"200")], 0),
    ("an unknown pseudo-header", &[(":shop", b"a")], 0),
    (
        "a protocol without CONNECT",
        &[(":protocol", b"websocket")],
        0,
    ),
    ("a pseudo-header of no name", &[(":", b"a")], 0),
];

/// What a pseudo-header of a `GET` says instead, nothing for one that is not there.
const INSTEAD: [(&str, Option<&[u8]>, u64); 44] = [
    (":path", None, 0),
    (":path", Some(b""), 0),
    (":path", Some(b"*"), 0),
    (":path", Some(b"a"), 0),
    (":path", Some(b"//"), 1),
    (":path", Some(b"/../..//%2e%2e/"), 1),
    (":path", Some(b"/%00%zz"), 1),
    (":path", Some(b"/?canary=stable&canary=canary"), 1),
    (":path", Some(b"/#?canary=stable"), 0),
    (":path", Some(b"/ a"), 0),
    (":path", Some(b"/\0"), 0),
    (":path", Some(b"/\xff"), 1),
    (":path", Some(b"http://else/a"), 0),
    (":path", Some(b"?canary=stable"), 0),
    (":path", Some(&[b'/'; 20_000]), 1),
    (":authority", None, 0),
    (":authority", Some(b""), 0),
    (":authority", Some(b"SHOP"), 1),
    (":authority", Some(b"shop:80"), 1),
    (":authority", Some(b"shop:"), 1),
    (":authority", Some(b"shop."), 1),
    (":authority", Some(b"a.example.com:99999"), 1),
    (":authority", Some(b"user@shop"), 0),
    (":authority", Some(b"shop/a"), 0),
    (":authority", Some(b" shop"), 0),
    (":authority", Some(b"sh\0op"), 0),
    (":authority", Some(b"\xff"), 0),
    (":authority", Some(b"[::1]:80"), 1),
    (":authority", Some(b"shop,else"), 1),
    (":method", None, 0),
    (":method", Some(b""), 0),
    (":method", Some(b"get"), 1),
    (":method", Some(b"BREW"), 1),
    (":method", Some(b"G T"), 0),
    (":method", Some(b"G\0T"), 0),
    (":method", Some(b"OPTIONS"), 1),
    (":method", Some(b"TRACE"), 1),
    (":method", Some(b"CONNECT"), 0),
    (":scheme", None, 0),
    (":scheme", Some(b""), 0),
    (":scheme", Some(b"https"), 1),
    (":scheme", Some(b"ftp"), 1),
    (":scheme", Some(b"ht tp"), 0),
    (":scheme", Some(b"HTTP"), 1),
];

/// All fields.
const WHOLE: [(&str, &[Field<'_>], u64); 12] = [
    (
        "pseudo-headers in another order",
        &[GET[3], GET[2], GET[1], GET[0], ("x-canary", b"stable")],
        1,
    ),
    (
        "regular fields first",
        &[("x-canary", b"stable"), GET[0], GET[1], GET[2], GET[3]],
        0,
    ),
    (
        "a host instead of an authority",
        &[GET[0], GET[1], GET[3], ("host", b"shop")],
        1,
    ),
    (
        "a host instead of an empty authority",
        &[
            GET[0],
            GET[1],
            (":authority", b""),
            GET[3],
            ("host", b"shop"),
        ],
        0,
    ),
    (
        "hosts instead of an authority",
        &[GET[0], GET[1], GET[3], ("host", b"shop"), ("host", b"else")],
        0,
    ),
    ("no pseudo-headers", &[("host", b"shop")], 0),
    (
        "a response",
        &[(":status", b"200"), ("x-canary", b"stable")],
        0,
    ),
    (
        "an asterisk",
        &[(":method", b"OPTIONS"), GET[1], GET[2], (":path", b"*")],
        0,
    ),
    (
        "CONNECT",
        &[(":method", b"CONNECT"), (":authority", b"shop:80")],
        1,
    ),
    ("CONNECT to nowhere", &[(":method", b"CONNECT")], 0),
    (
        "CONNECT to a protocol",
        &[
            (":method", b"CONNECT"),
            (":protocol", b"websocket"),
            GET[1],
            GET[2],
            GET[3],
        ],
        0,
    ),
    (
        "a POST without a body",
        &[POST[0], GET[1], GET[2], GET[3], ("content-length", b"0")],
        1,
    ),
];

fn oddity(name: &str, fields: &[Field<'_>], reach: u64) -> Oddity {
    Oddity::of_http2(name, &[request(1, fields)], &[1], reach)
}

/// All of them.
pub(super) fn oddities() -> Vec<Oddity> {
    let behind = BEHIND.into_iter();
    let behind = behind.map(|(name, more, reach)| oddity(name, &[&GET, more].concat(), reach));
    let instead = INSTEAD.into_iter().map(|(name, value, reach)| {
        let mut fields = Vec::new();
        for field in GET {
            match value {
                _ if field.0 != name => fields.push(field),
                Some(value) => fields.push((name, value)),
                None => {}
            }
        }
        let value = value.map(|value| value[..value.len().min(40)].escape_ascii());
        let said = value.map_or("nothing".to_owned(), |value| {
            format!("{:?}", value.to_string())
        });
        oddity(&format!("{name} of {said}"), &fields, reach)
    });
    let whole = WHOLE.into_iter();
    let whole = whole.map(|(name, fields, reach)| oddity(name, fields, reach));
    behind.chain(instead).chain(whole).chain(large()).collect()
}

/// As many fields as there may be, and as large ones, and more.
fn large() -> Vec<Oddity> {
    let with = |name: &str, number: usize, length: usize, reach| {
        let names: Vec<String> = (0..number).map(|number| format!("x-{number}")).collect();
        let value = vec![b's'; length];
        let fields: Vec<Field<'_>> = names.iter().map(|name| (&**name, &*value)).collect();
        oddity(name, &[&GET, &*fields].concat(), reach)
    };
    vec![
        with("as many fields as there may be", 96, 1, 1),
        with("a field too many", 97, 1, 0),
        with("ten thousand fields", 10_000, 0, 0),
        with("a large field", 1, 59 << 10, 1),
        with("too large a field", 1, 61 << 10, 0),
        with("large fields", 55, 1 << 10, 1),
        with("too large fields", 65, 1 << 10, 0),
    ]
}
