//! Streams of HTTP/2 in the wrong order or state, and bodies that break off, after RFC 9113, sections
//! 5 and 8.

use super::Oddity;
use super::frames::{
    DATA, END_HEADERS, END_STREAM, Field, GET, HEADERS, PADDED, PIN, block, data, frame, get,
    headers, post, request, reset,
};

/// All of them.
pub(super) fn oddities() -> Vec<Oddity> {
    [streams(), bodies()].concat()
}

/// Streams in the wrong order or state.
fn streams() -> Vec<Oddity> {
    let pinned = |stream| get(stream, &[PIN]);
    vec![
        Oddity::of_http2(
            "stream 0",
            &[frame(HEADERS, END_STREAM | END_HEADERS, 0, &block(&GET))],
            &[],
            0,
        ),
        Oddity::of_http2("an even stream", &[get(2, &[])], &[], 0),
        Oddity::of_http2(
            "a stream that goes backwards",
            &[pinned(5), get(3, &[])],
            &[5],
            1,
        ),
        Oddity::of_http2(
            "a stream far ahead",
            &[pinned(1), get(0x7fff_ffff, &[])],
            &[1, 0x7fff_ffff],
            2,
        ),
        Oddity::of_http2(
            "a request twice on a stream",
            &[pinned(1), get(1, &[])],
            &[1],
            1,
        ),
        Oddity::of_http2("data of no stream", &[data(0, 0, b"a")], &[], 0),
        Oddity::of_http2("data of a stream to come", &[data(1, 0, b"a")], &[], 0),
        Oddity::of_http2(
            "data behind the end",
            &[pinned(1), data(1, END_STREAM, b"a")],
            &[1],
            1,
        ),
        Oddity::of_http2("a reset of a stream to come", &[reset(1)], &[], 0),
        Oddity::of_http2("a reset of no stream", &[reset(0)], &[], 0),
        Oddity::of_http2(
            "a reset right behind the request",
            &[pinned(1), reset(1), get(3, &[])],
            &[3],
            2,
        ),
        Oddity::of_http2(
            "a reset, and data behind it",
            &[post(1, &[]), reset(1), data(1, 0, b"a"), get(3, &[])],
            &[3],
            2,
        ),
        Oddity::of_http2(
            "two resets",
            &[pinned(1), reset(1), reset(1), get(3, &[])],
            &[3],
            2,
        ),
        Oddity::of_http2(
            "three at once",
            &[
                post(1, &[PIN]),
                post(3, &[]),
                data(3, 0, b"a"),
                post(5, &[("cookie", b"canary=stable")]),
                data(1, END_STREAM, b"b"),
                data(5, END_STREAM, b""),
                data(3, END_STREAM, b"c"),
            ],
            &[1, 3, 5],
            3,
        ),
    ]
}

/// Requests with bodies and trailers.
fn bodies() -> Vec<Oddity> {
    let trailers = |fields: &[Field<'_>]| [post(1, &[]), data(1, 0, b"ok"), request(1, fields)];
    vec![
        Oddity::of_http2(
            "a body",
            &[post(1, &[PIN]), data(1, END_STREAM, b"ok")],
            &[1],
            1,
        ),
        Oddity::of_http2(
            "a body in pieces of nothing",
            &[
                post(1, &[]),
                data(1, 0, b""),
                data(1, 0, b""),
                data(1, 0, b"a"),
                data(1, END_STREAM, b""),
            ],
            &[1],
            1,
        ),
        Oddity::of_http2(
            "a body with padding",
            &[
                post(1, &[]),
                frame(DATA, END_STREAM | PADDED, 1, b"\x03ok\0\0\0"),
            ],
            &[1],
            1,
        ),
        Oddity::of_http2(
            "a body of padding alone",
            &[
                post(1, &[]),
                frame(DATA, END_STREAM | PADDED, 1, &[255; 256]),
            ],
            &[1],
            1,
        ),
        Oddity::of_http2(
            "a body with too much padding",
            &[post(1, &[]), frame(DATA, END_STREAM | PADDED, 1, b"\x09ok")],
            &[1],
            1,
        ),
        Oddity::of_http2(
            "a body over its length",
            &[
                post(1, &[("content-length", b"1")]),
                data(1, END_STREAM, b"ok"),
            ],
            &[1],
            1,
        ),
        Oddity::of_http2(
            "a body under its length",
            &[
                post(1, &[("content-length", b"3")]),
                data(1, END_STREAM, b"ok"),
            ],
            &[1],
            1,
        ),
        Oddity::of_http2(
            "a body that is reset",
            &[
                post(1, &[("content-length", b"9")]),
                data(1, 0, b"ok"),
                reset(1),
                get(3, &[PIN]),
            ],
            &[3],
            2,
        ),
        Oddity::of_http2(
            "a body that never ends",
            &[post(1, &[]), data(1, 0, b"ok"), get(3, &[PIN])],
            &[3],
            2,
        ),
        Oddity::of_http2("trailers", &trailers(&[("x-odd", b"a")]), &[1], 1),
        Oddity::of_http2("trailers that are a pin", &trailers(&[PIN]), &[1], 1),
        Oddity::of_http2(
            "trailers that are the variant header",
            &trailers(&[("x-coalmine-variant", b"stable")]),
            &[1],
            1,
        ),
        Oddity::of_http2(
            "trailers in capitals",
            &trailers(&[("X-Odd", b"a")]),
            &[1],
            1,
        ),
        Oddity::of_http2("trailers of no name", &trailers(&[("", b"a")]), &[1], 1),
        Oddity::of_http2(
            "trailers with a path",
            &trailers(&[(":path", b"/a")]),
            &[1],
            1,
        ),
        Oddity::of_http2(
            "trailers with CR and LF",
            &trailers(&[("x-odd", b"a\r\nb: c")]),
            &[1],
            1,
        ),
        Oddity::of_http2(
            "trailers that are connection",
            &trailers(&[("connection", b"close")]),
            &[1],
            1,
        ),
        Oddity::of_http2(
            "trailers that are not the end",
            &[
                post(1, &[]),
                data(1, 0, b"ok"),
                headers(1, 0, &[("x-odd", b"a")]),
                data(1, END_STREAM, b""),
            ],
            &[1],
            1,
        ),
        Oddity::of_http2(
            "trailers right behind headers",
            &[post(1, &[]), request(1, &[("x-odd", b"a")])],
            &[1],
            1,
        ),
    ]
}
