//! HTTP/1.1 as no well-behaved client writes it.

use super::Oddity;

/// A name, bytes, and how many requests reach the filter.
pub(super) type Row = (&'static str, &'static str, u64);

/// Whole requests.
const WHOLE: [Row; 37] = [
    // Where it goes.
    (
        "an absolute target",
        "GET http://shop/a HTTP/1.1\r\nHost: shop\r\n\r\n",
        1,
    ),
    (
        "an absolute target of another host",
        "GET http://else/a HTTP/1.1\r\nHost: shop\r\n\r\n",
        1,
    ),
    (
        "an absolute target of another scheme",
        "GET https://shop/a HTTP/1.1\r\nHost: shop\r\n\r\n",
        0,
    ),
    (
        "an absolute target with a user",
        "GET http://a@shop/ HTTP/1.1\r\nHost: shop\r\n\r\n",
        1,
    ),
    (
        "an absolute target without a path",
        "GET http://shop HTTP/1.1\r\nHost: shop\r\n\r\n",
        1,
    ),
    (
        "an absolute target and no host",
        "GET http://shop/ HTTP/1.1\r\n\r\n",
        1,
    ),
    (
        "a target that is a host",
        "GET shop:80 HTTP/1.1\r\nHost: shop\r\n\r\n",
        0,
    ),
    ("an asterisk", "OPTIONS * HTTP/1.1\r\nHost: shop\r\n\r\n", 0),
    (
        "an asterisk for a GET",
        "GET * HTTP/1.1\r\nHost: shop\r\n\r\n",
        0,
    ),
    (
        "a fragment",
        "GET /a#b?canary=stable HTTP/1.1\r\nHost: shop\r\n\r\n",
        0,
    ),
    (
        "a target of control characters",
        "GET /\u{1}a HTTP/1.1\r\nHost: shop\r\n\r\n",
        0,
    ),
    (
        "a target that is not ASCII",
        "GET /é HTTP/1.1\r\nHost: shop\r\n\r\n",
        0,
    ),
    (
        "two question marks",
        "GET /??canary=stable HTTP/1.1\r\nHost: shop\r\n\r\n",
        1,
    ),
    ("no host", "GET / HTTP/1.1\r\n\r\n", 0),
    ("an empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 1),
    (
        "a host twice",
        "GET / HTTP/1.1\r\nHost: shop\r\nHost: shop\r\n\r\n",
        1,
    ),
    (
        "two hosts",
        "GET / HTTP/1.1\r\nHost: shop\r\nHost: else\r\n\r\n",
        1,
    ),
    (
        "two hosts in one",
        "GET / HTTP/1.1\r\nHost: shop, else\r\n\r\n",
        0,
    ),
    (
        "a host with a path",
        "GET / HTTP/1.1\r\nHost: shop/a\r\n\r\n",
        0,
    ),
    (
        "a host with blanks around",
        "GET / HTTP/1.1\r\nHost: \t shop \t\r\n\r\n",
        1,
    ),
    (
        "a host with a port and capitals",
        "GET / HTTP/1.1\r\nHost: SHOP:80\r\n\r\n",
        1,
    ),
    // The first line.
    ("two blanks", "GET  / HTTP/1.1\r\nHost: shop\r\n\r\n", 1),
    ("a tab", "GET\t/ HTTP/1.1\r\nHost: shop\r\n\r\n", 1),
    ("no version", "GET /\r\nHost: shop\r\n\r\n", 0),
    ("version 1.0", "GET / HTTP/1.0\r\nHost: shop\r\n\r\n", 0),
    ("version 1.0 without a host", "GET / HTTP/1.0\r\n\r\n", 0),
    ("version 1.2", "GET / HTTP/1.2\r\nHost: shop\r\n\r\n", 0),
    ("version 2.0", "GET / HTTP/2.0\r\nHost: shop\r\n\r\n", 0),
    (
        "a method in small letters",
        "get / HTTP/1.1\r\nHost: shop\r\n\r\n",
        0,
    ),
    (
        "an unknown method",
        "BREW / HTTP/1.1\r\nHost: shop\r\n\r\n",
        0,
    ),
    (
        "a method that is no token",
        "G{T / HTTP/1.1\r\nHost: shop\r\n\r\n",
        0,
    ),
    (
        "CONNECT",
        "CONNECT shop:80 HTTP/1.1\r\nHost: shop:80\r\n\r\n",
        1,
    ),
    (
        "an empty line before",
        "\r\nGET / HTTP/1.1\r\nHost: shop\r\n\r\n",
        1,
    ),
    (
        "lines that end with LF alone",
        "GET / HTTP/1.1\nHost: shop\nx-canary: stable\n\n",
        1,
    ),
    (
        "a line that ends with CR alone",
        "GET / HTTP/1.1\r\nHost: shop\rx-canary: stable\r\n\r\n",
        0,
    ),
    (
        "a first line that is folded",
        "GET / HTTP/1.1\r\n x: y\r\nHost: shop\r\n\r\n",
        0,
    ),
    (
        "baggage of two lines where decisions do not go on",
        "GET / HTTP/1.1\r\nHost: else\r\nbaggage: a=b\r\nbaggage: =,coalmine.rest=stable,;\r\n\r\n",
        1,
    ),
];

/// The first line and host of most.
pub(super) const GET: &str = "GET / HTTP/1.1\r\nHost: shop\r\n";

/// What stands behind [`GET`].
const BEHIND: [Row; 19] = [
    // Names and values.
    ("a folded value", "x-canary:\r\n stable\r\n\r\n", 1),
    ("a blank before the colon", "x-canary : stable\r\n\r\n", 0),
    ("a line without a colon", "x-canary\r\n\r\n", 0),
    ("no name", ": stable\r\n\r\n", 0),
    (
        "a name of capitals and underscores",
        "X-CANARY: stable\r\nx_canary: canary\r\n\r\n",
        1,
    ),
    ("a name that is no token", "x-(canary): stable\r\n\r\n", 0),
    ("a value of nothing", "x-canary:\r\ncookie:\r\n\r\n", 1),
    ("a value with NUL", "x-canary: st\0able\r\n\r\n", 0),
    ("a value with tabs", "x-canary: \t stable \t \r\n\r\n", 1),
    (
        "a value that is not ASCII",
        "x-canary: é\u{fffd}\r\n\r\n",
        1,
    ),
    (
        "two pins",
        "x-canary: stable\r\nx-canary: canary\r\n\r\n",
        1,
    ),
    (
        "cookies of several lines",
        "cookie: a=b\r\ncookie: canary=stable\r\n\r\n",
        1,
    ),
    (
        "baggage of two lines",
        "baggage: a=b\r\nbaggage:  coalmine.shop=stable , c=d;e\r\n\r\n",
        1,
    ),
    (
        "baggage that is no list",
        "baggage: =,coalmine.shop=stable,;\r\n\r\n",
        1,
    ),
    // What is between the proxy and its neighbours alone.
    (
        "the variant header named as of this hop",
        "Connection: x-coalmine-variant\r\nx-coalmine-variant: canary\r\n\r\n",
        1,
    ),
    (
        "a pin named as of this hop",
        "Connection: keep-alive, x-canary\r\nx-canary: stable\r\n\r\n",
        1,
    ),
    (
        "an upgrade to HTTP/2",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        1,
    ),
    (
        "an upgrade to nobody knows what",
        "Connection: Upgrade\r\nUpgrade: shop\r\n\r\n",
        0,
    ),
    (
        "TE and Trailer",
        "TE: trailers, deflate\r\nTrailer: x-canary\r\n\r\n",
        1,
    ),
];

/// Requests that begin alike; one answer is awaited of each.
pub(super) fn requests(beginning: &str, rows: &[Row]) -> Vec<Oddity> {
    let request =
        |&(name, rest, reach): &Row| Oddity::of_http1(name, [beginning, rest].concat(), reach);
    rows.iter().map(request).collect()
}

/// All of them.
pub(super) fn oddities() -> Vec<Oddity> {
    [requests("", &WHOLE), requests(GET, &BEHIND)].concat()
}
