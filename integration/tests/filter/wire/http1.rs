//! HTTP/1.1 as no well-behaved client writes it.

use super::Oddity;

/// Whole requests, the number of responses that they are to get, and how many of them reach the filter.
const WHOLE: [(&str, &str, u32, u64); 56] = [
    // Where it goes.
    (
        "an absolute target",
        "GET http://shop/a HTTP/1.1\r\nHost: shop\r\n\r\n",
        1,
        1,
    ),
    (
        "an absolute target of another host",
        "GET http://else/a HTTP/1.1\r\nHost: shop\r\n\r\n",
        1,
        1,
    ),
    (
        "an absolute target of another scheme",
        "GET https://shop/a HTTP/1.1\r\nHost: shop\r\n\r\n",
        1,
        0,
    ),
    (
        "an absolute target with a user",
        "GET http://a@shop/ HTTP/1.1\r\nHost: shop\r\n\r\n",
        1,
        1,
    ),
    (
        "an absolute target without a path",
        "GET http://shop HTTP/1.1\r\nHost: shop\r\n\r\n",
        1,
        1,
    ),
    (
        "an absolute target and no host",
        "GET http://shop/ HTTP/1.1\r\n\r\n",
        1,
        1,
    ),
    (
        "a target that is a host",
        "GET shop:80 HTTP/1.1\r\nHost: shop\r\n\r\n",
        1,
        0,
    ),
    (
        "an asterisk",
        "OPTIONS * HTTP/1.1\r\nHost: shop\r\n\r\n",
        1,
        0,
    ),
    (
        "an asterisk for a GET",
        "GET * HTTP/1.1\r\nHost: shop\r\n\r\n",
        1,
        0,
    ),
    (
        "a fragment",
        "GET /a#b?canary=stable HTTP/1.1\r\nHost: shop\r\n\r\n",
        1,
        0,
    ),
    (
        "a target of control characters",
        "GET /\u{1}a HTTP/1.1\r\nHost: shop\r\n\r\n",
        1,
        0,
    ),
    (
        "a target that is not ASCII",
        "GET /é HTTP/1.1\r\nHost: shop\r\n\r\n",
        1,
        0,
    ),
    (
        "two question marks",
        "GET /??canary=stable HTTP/1.1\r\nHost: shop\r\n\r\n",
        1,
        1,
    ),
    ("no host", "GET / HTTP/1.1\r\n\r\n", 1, 0),
    ("an empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 1, 1),
    (
        "a host twice",
        "GET / HTTP/1.1\r\nHost: shop\r\nHost: shop\r\n\r\n",
        1,
        1,
    ),
    (
        "two hosts",
        "GET / HTTP/1.1\r\nHost: shop\r\nHost: else\r\n\r\n",
        1,
        1,
    ),
    (
        "two hosts in one",
        "GET / HTTP/1.1\r\nHost: shop, else\r\n\r\n",
        1,
        0,
    ),
    (
        "a host with a path",
        "GET / HTTP/1.1\r\nHost: shop/a\r\n\r\n",
        1,
        0,
    ),
    (
        "a host with blanks around",
        "GET / HTTP/1.1\r\nHost: \t shop \t\r\n\r\n",
        1,
        1,
    ),
    (
        "a host with a port and capitals",
        "GET / HTTP/1.1\r\nHost: SHOP:80\r\n\r\n",
        1,
        1,
    ),
    // The first line.
    ("two blanks", "GET  / HTTP/1.1\r\nHost: shop\r\n\r\n", 1, 1),
    ("a tab", "GET\t/ HTTP/1.1\r\nHost: shop\r\n\r\n", 1, 1),
    ("no version", "GET /\r\nHost: shop\r\n\r\n", 1, 0),
    ("version 1.0", "GET / HTTP/1.0\r\nHost: shop\r\n\r\n", 1, 0),
    ("version 1.0 without a host", "GET / HTTP/1.0\r\n\r\n", 1, 0),
    ("version 1.2", "GET / HTTP/1.2\r\nHost: shop\r\n\r\n", 1, 0),
    ("version 2.0", "GET / HTTP/2.0\r\nHost: shop\r\n\r\n", 1, 0),
    (
        "a method in small letters",
        "get / HTTP/1.1\r\nHost: shop\r\n\r\n",
        1,
        0,
    ),
    (
        "an unknown method",
        "BREW / HTTP/1.1\r\nHost: shop\r\n\r\n",
        1,
        0,
    ),
    (
        "a method that is no token",
        "G{T / HTTP/1.1\r\nHost: shop\r\n\r\n",
        1,
        0,
    ),
    (
        "CONNECT",
        "CONNECT shop:80 HTTP/1.1\r\nHost: shop:80\r\n\r\n",
        1,
        1,
    ),
    (
        "an empty line before",
        "\r\nGET / HTTP/1.1\r\nHost: shop\r\n\r\n",
        1,
        1,
    ),
    (
        "lines that end with LF alone",
        "GET / HTTP/1.1\nHost: shop\nx-canary: stable\n\n",
        1,
        1,
    ),
    (
        "a line that ends with CR alone",
        "GET / HTTP/1.1\r\nHost: shop\rx-canary: stable\r\n\r\n",
        1,
        0,
    ),
    // Names and values.
    (
        "a folded value",
        "GET / HTTP/1.1\r\nHost: shop\r\nx-canary:\r\n stable\r\n\r\n",
        1,
        1,
    ),
    (
        "a first line that is folded",
        "GET / HTTP/1.1\r\n x: y\r\nHost: shop\r\n\r\n",
        1,
        0,
    ),
    (
        "a blank before the colon",
        "GET / HTTP/1.1\r\nHost: shop\r\nx-canary : stable\r\n\r\n",
        1,
        0,
    ),
    (
        "a line without a colon",
        "GET / HTTP/1.1\r\nHost: shop\r\nx-canary\r\n\r\n",
        1,
        0,
    ),
    (
        "no name",
        "GET / HTTP/1.1\r\nHost: shop\r\n: stable\r\n\r\n",
        1,
        0,
    ),
    (
        "a name of capitals and underscores",
        "GET / HTTP/1.1\r\nHost: shop\r\nX-CANARY: stable\r\nx_canary: canary\r\n\r\n",
        1,
        1,
    ),
    (
        "a name that is no token",
        "GET / HTTP/1.1\r\nHost: shop\r\nx-(canary): stable\r\n\r\n",
        1,
        0,
    ),
    (
        "a value of nothing",
        "GET / HTTP/1.1\r\nHost: shop\r\nx-canary:\r\ncookie:\r\n\r\n",
        1,
        1,
    ),
    (
        "a value with NUL",
        "GET / HTTP/1.1\r\nHost: shop\r\nx-canary: st\0able\r\n\r\n",
        1,
        0,
    ),
    (
        "a value with tabs",
        "GET / HTTP/1.1\r\nHost: shop\r\nx-canary: \t stable \t \r\n\r\n",
        1,
        1,
    ),
    (
        "a value that is not ASCII",
        "GET / HTTP/1.1\r\nHost: shop\r\nx-canary: é\u{fffd}\r\n\r\n",
        1,
        1,
    ),
    (
        "two pins",
        "GET / HTTP/1.1\r\nHost: shop\r\nx-canary: stable\r\nx-canary: canary\r\n\r\n",
        1,
        1,
    ),
    (
        "cookies of several lines",
        "GET / HTTP/1.1\r\nHost: shop\r\ncookie: a=b\r\ncookie: canary=stable\r\n\r\n",
        1,
        1,
    ),
    (
        "baggage of two lines",
        "GET / HTTP/1.1\r\nHost: shop\r\nbaggage: a=b\r\nbaggage:  coalmine.shop=stable , c=d;e\r\n\r\n",
        1,
        1,
    ),
    (
        "baggage that is no list",
        "GET / HTTP/1.1\r\nHost: shop\r\nbaggage: =,coalmine.shop=stable,;\r\n\r\n",
        1,
        1,
    ),
    (
        "baggage of two lines where decisions do not go on",
        "GET / HTTP/1.1\r\nHost: else\r\nbaggage: a=b\r\nbaggage: =,coalmine.rest=stable,;\r\n\r\n",
        1,
        1,
    ),
    // What is between the proxy and its neighbours alone.
    (
        "the variant header named as of this hop",
        "GET / HTTP/1.1\r\nHost: shop\r\nConnection: x-coalmine-variant\r\nx-coalmine-variant: canary\r\n\r\n",
        1,
        1,
    ),
    (
        "a pin named as of this hop",
        "GET / HTTP/1.1\r\nHost: shop\r\nConnection: keep-alive, x-canary\r\nx-canary: stable\r\n\r\n",
        1,
        1,
    ),
    (
        "an upgrade to HTTP/2",
        "GET / HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        1,
        1,
    ),
    (
        "an upgrade to nobody knows what",
        "GET / HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: shop\r\n\r\n",
        1,
        0,
    ),
    (
        "TE and Trailer",
        "GET / HTTP/1.1\r\nHost: shop\r\nTE: trailers, deflate\r\nTrailer: x-canary\r\n\r\n",
        1,
        1,
    ),
];

/// All of them.
pub(super) fn oddities() -> Vec<Oddity> {
    let whole = WHOLE.into_iter();
    let whole =
        whole.map(|(name, bytes, answers, reach)| Oddity::of_http1(name, bytes, answers, reach));
    whole.collect()
}
