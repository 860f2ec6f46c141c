//! Bodies, large requests and several at once over HTTP/1.1, as no well-behaved client sends them.

use super::Oddity;
use super::http1::{GET, Row, requests};

/// Bodies, behind [`POST`].
const BODIES: [Row; 19] = [
    (
        "a length twice",
        "content-length: 2\r\ncontent-length: 2\r\n\r\nok",
        0,
    ),
    (
        "two lengths",
        "content-length: 2\r\ncontent-length: 3\r\n\r\nok!",
        0,
    ),
    ("two lengths in one", "content-length: 2, 2\r\n\r\nok", 0),
    ("a length below 0", "content-length: -2\r\n\r\nok", 0),
    ("a length with a sign", "content-length: +2\r\n\r\nok", 0),
    ("a length of no number", "content-length: two\r\n\r\nok", 0),
    (
        "a length of too many digits",
        "content-length: 99999999999999999999\r\n\r\nok",
        0,
    ),
    (
        "a length and chunks",
        "content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        0,
    ),
    (
        "chunks",
        "transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        1,
    ),
    (
        "chunks with extensions",
        "transfer-encoding: chunked\r\n\r\n2;a=\"b\"\r\nok\r\n0;c\r\n\r\n",
        1,
    ),
    (
        "chunks with a trailer",
        "transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-coalmine-variant: stable\r\n\r\n",
        1,
    ),
    (
        "chunks with a trailer that is a pin",
        "transfer-encoding: chunked\r\n\r\n0\r\nx-canary: stable\r\n\r\n",
        1,
    ),
    (
        "chunks with a trailer of no name",
        "transfer-encoding: chunked\r\n\r\n0\r\n: x\r\n\r\n",
        1,
    ),
    (
        "a chunk of no number",
        "transfer-encoding: chunked\r\n\r\nx\r\nok\r\n0\r\n\r\n",
        1,
    ),
    (
        "a chunk of too many digits",
        "transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nok",
        1,
    ),
    (
        "chunked twice",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        0,
    ),
    (
        "a coding that nobody knows",
        "transfer-encoding: xchunked\r\n\r\nok",
        0,
    ),
    (
        "a coding behind chunked",
        "transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        0,
    ),
    (
        "identity",
        "transfer-encoding: identity\r\ncontent-length: 2\r\n\r\nok",
        0,
    ),
];

const POST: &str = "POST / HTTP/1.1\r\nHost: shop\r\n";

/// All of them.
pub(super) fn oddities() -> Vec<Oddity> {
    [requests(POST, &BODIES), large(), several()].concat()
}

/// As many headers as there may be, and as large ones, and one more.
fn large() -> Vec<Oddity> {
    let with = |headers: String| format!("{GET}{headers}\r\n");
    let many = |number: usize| with((0..number).map(|n| format!("x-{n}: {n}\r\n")).collect());
    let bytes = |length: usize| with(format!("x-canary: {}\r\n", "s".repeat(length)));
    let path = with(String::new()).replacen('/', &format!("/{}", "a".repeat(50 << 10)), 1);
    let no_text = b"x-canary: \xff\x80\r\ncookie: \xfe=\xff; canary=stable\r\n\r\n";
    let no_text = [GET.as_bytes(), no_text].concat();
    vec![
        Oddity::of_http1("as many headers as there may be", many(99), 1),
        Oddity::of_http1("a header too many", many(100), 0),
        Oddity::of_http1("a large header", bytes(59 << 10), 1),
        Oddity::of_http1("too large a header", bytes(61 << 10), 0),
        Oddity::of_http1("a large path", path, 1),
        Oddity::of_http1("bytes that are no text", no_text, 1),
    ]
}

/// Several answers, to several requests at once or to one; and what is no request.
fn several() -> Vec<Oddity> {
    let get = |pin: &str| format!("GET /{pin} HTTP/1.1\r\nHost: shop\r\nx-canary: {pin}\r\n\r\n");
    let pins = ["stable", "canary", "nobody", "never", "stable"]
        .map(get)
        .concat();
    let upload =
        format!("{POST}content-length: 36\r\n\r\nGET / HTTP/1.1\r\nx-canary: stable\r\n\r\n");
    let waits = format!("{POST}expect: 100-continue\r\ncontent-length: 2\r\n\r\nok");
    let two_hosts = [&get("stable"), "GET / HTTP/1.1\r\nHost: else\r\n\r\n"].concat();
    let bad = [&get("stable"), "GET / HTTP/9\r\n\r\n"].concat();
    let inside = [upload, get("canary")].concat();
    let tls = b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n".to_vec();
    vec![
        Oddity::of_http1("five at once", pins, 5).answered(5),
        Oddity::of_http1("two hosts on one connection", two_hosts, 2).answered(2),
        Oddity::of_http1("a bad one behind a good one", bad, 1).answered(2),
        Oddity::of_http1("a request in the body of another", inside, 2).answered(2),
        Oddity::of_http1("a client that waits to be told to go on", waits, 1).answered(2),
        Oddity::of_http1(
            "nobody knows what",
            vec![0, 159, 146, 150, 13, 10, 13, 10],
            0,
        ),
        Oddity::of_http1("the beginning of TLS", tls, 0),
    ]
}
