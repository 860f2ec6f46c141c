//! Header blocks of HTTP/2 as no well-behaved client cuts and codes them, after RFC 9113, section 4.3,
//! and RFC 7541.

use super::Oddity;
use super::frames::{
    CONTINUATION, END_HEADERS, END_STREAM, GET, HEADERS, PADDED, PIN, SETTINGS, WITH_PRIORITY,
    block, data, frame, in_pieces, kept, pinned, request, reset, setting, text,
};

/// All of them.
pub(super) fn oddities() -> Vec<Oddity> {
    [blocks(), tables()].concat()
}

/// How header blocks are cut into frames.
fn blocks() -> Vec<Oddity> {
    let whole = END_STREAM | END_HEADERS;
    let pieces = |size| in_pieces(1, END_STREAM, &pinned(), size);
    let with = |flags: u8, before: &[u8], behind: &[u8]| {
        frame(
            HEADERS,
            whole | flags,
            1,
            &[before, &pinned(), behind].concat(),
        )
    };
    vec![
        Oddity::of_http2("a block in two frames", &[pieces(60)], &[1], 1),
        Oddity::of_http2("a block in frames of 20 bytes", &[pieces(20)], &[1], 1),
        Oddity::of_http2("a block in frames of one byte", &[pieces(1)], &[1], 1),
        Oddity::of_http2(
            "a block with empty frames",
            &[
                frame(HEADERS, END_STREAM, 1, &pinned()),
                frame(CONTINUATION, 0, 1, b""),
                frame(CONTINUATION, END_HEADERS, 1, b""),
            ],
            &[1],
            0,
        ),
        Oddity::of_http2(
            "a block that never ends",
            &[frame(HEADERS, END_STREAM, 1, &pinned())],
            &[1],
            0,
        ),
        Oddity::of_http2(
            "a block that continues on another stream",
            &[
                frame(HEADERS, END_STREAM, 1, &pinned()),
                frame(CONTINUATION, END_HEADERS, 3, b""),
            ],
            &[1],
            0,
        ),
        Oddity::of_http2(
            "a block with data amidst",
            &[frame(HEADERS, 0, 1, &pinned()), data(1, END_STREAM, b"a")],
            &[1],
            0,
        ),
        Oddity::of_http2(
            "a continuation of nothing",
            &[frame(CONTINUATION, END_HEADERS, 1, &pinned())],
            &[1],
            0,
        ),
        Oddity::of_http2(
            "a continuation behind the end",
            &[request(1, &GET), frame(CONTINUATION, END_HEADERS, 1, b"")],
            &[1],
            1,
        ),
        Oddity::of_http2("an empty block", &[frame(HEADERS, whole, 1, b"")], &[1], 0),
        Oddity::of_http2("padding", &[with(PADDED, &[9], &[0; 9])], &[1], 1),
        Oddity::of_http2(
            "padding that is not zero",
            &[with(PADDED, &[9], &[7; 9])],
            &[1],
            1,
        ),
        Oddity::of_http2(
            "padding larger than the frame",
            &[frame(HEADERS, whole | PADDED, 1, &[200, 1, 2, 3])],
            &[1],
            0,
        ),
        Oddity::of_http2(
            "a priority",
            &[with(WITH_PRIORITY, &[0, 0, 0, 0, 255], b"")],
            &[1],
            1,
        ),
        Oddity::of_http2(
            "a priority below itself",
            &[with(WITH_PRIORITY, &[0, 0, 0, 1, 255], b"")],
            &[1],
            0,
        ),
        Oddity::of_http2(
            "a priority below nobody",
            &[with(WITH_PRIORITY, &[0x80, 0, 0, 99, 0], b"")],
            &[1],
            1,
        ),
        Oddity::of_http2(
            "padding and a priority",
            &[with(PADDED | WITH_PRIORITY, &[3, 0, 0, 0, 0, 1], &[0; 3])],
            &[1],
            1,
        ),
        Oddity::of_http2("flags that nobody knows", &[with(0xd2, b"", b"")], &[1], 1),
    ]
}

/// Tables of HPACK.
fn tables() -> Vec<Oddity> {
    let in_block =
        |stream, block: &[&[u8]]| frame(HEADERS, END_STREAM | END_HEADERS, stream, &block.concat());
    let get = &*block(&GET);
    let never = [&[0x10][..], &text(b"x-canary"), &text(b"stable")].concat();
    // "never" in Huffman's code, which ends with three bits of padding.
    let coded = |last: u8| {
        [
            &[0][..],
            &text(b"x-canary"),
            &[0x84, 0xa8, 0xbd, 0xcb, last],
        ]
        .concat()
    };
    vec![
        Oddity::of_http2(
            "a pin that is kept",
            &[
                in_block(1, &[get, &kept(PIN)]),
                in_block(3, &[get, &[0xbe]]),
                in_block(5, &[get]),
            ],
            &[1, 3, 5],
            3,
        ),
        Oddity::of_http2(
            "a pin that is kept from a stream that is reset",
            &[
                in_block(1, &[get, &kept(PIN)]),
                reset(1),
                in_block(3, &[get, &[0xbe]]),
            ],
            &[3],
            2,
        ),
        Oddity::of_http2(
            "a pin that is forgotten",
            &[
                in_block(1, &[get, &kept(PIN)]),
                in_block(3, &[&[0x20], get, &[0xbe]]),
            ],
            &[1, 3],
            1,
        ),
        Oddity::of_http2(
            "a table that becomes small and large again",
            &[
                in_block(1, &[get, &kept(PIN)]),
                in_block(3, &[&[0x20, 0x3f, 0xe1, 0x1f], get, &kept(PIN), &[0xbe]]),
            ],
            &[1, 3],
            2,
        ),
        Oddity::of_http2(
            "a table larger than allowed",
            &[in_block(1, &[&[0x3f, 0xff, 0xff, 0x7f], get])],
            &[],
            0,
        ),
        Oddity::of_http2(
            "a table that changes amidst",
            &[in_block(1, &[get, &[0x20], &block(&[PIN])])],
            &[],
            0,
        ),
        Oddity::of_http2(
            "other settings of the table amidst",
            &[
                in_block(1, &[get, &kept(PIN)]),
                frame(SETTINGS, 0, 0, &setting(1, 8192)),
                in_block(3, &[get, &[0xbe]]),
            ],
            &[1, 3],
            2,
        ),
        Oddity::of_http2(
            "a pin that is never kept",
            &[in_block(1, &[get, &never])],
            &[1],
            1,
        ),
        Oddity::of_http2(
            "a pin in Huffman's code",
            &[in_block(1, &[get, &coded(0x67)])],
            &[1],
            1,
        ),
        Oddity::of_http2(
            "padding of Huffman's code that is not ones",
            &[in_block(1, &[get, &coded(0x60)])],
            &[1],
            0,
        ),
        Oddity::of_http2("number 0", &[in_block(1, &[get, &[0x80]])], &[], 0),
        Oddity::of_http2(
            "a number beyond the table",
            &[in_block(1, &[get, &[0xfe]])],
            &[],
            0,
        ),
        Oddity::of_http2(
            "a number without end",
            &[in_block(1, &[get, &[0xff; 20]])],
            &[],
            0,
        ),
        Oddity::of_http2(
            "a text that breaks off",
            &[in_block(1, &[get, &[0, 8, b'x']])],
            &[],
            0,
        ),
        Oddity::of_http2(
            "fields of the static table",
            &[in_block(
                1,
                &[&[0x82, 0x86, 0x84, 0x41], &text(b"shop"), &kept(PIN)],
            )],
            &[1],
            1,
        ),
    ]
}
