//! Frames of HTTP/2 that are wrong by themselves, or too many, after RFC 9113, section 6.

use super::Oddity;
use super::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PIN, PING, PREFACE,
    PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, data, frame, get, pinned, post,
    reset, setting,
};

/// All of them.
pub(super) fn oddities() -> Vec<Oddity> {
    [frames(), windows(), many()].concat()
}

/// Frames that are wrong by themselves.
fn frames() -> Vec<Oddity> {
    let good = || get(1, &[PIN]);
    let bare = |name: &str, bytes: &[&[u8]], reach| Oddity {
        bytes: bytes.concat(),
        ..Oddity::of_http2(name, &[], &[1], reach)
    };
    vec![
        bare("no settings", &[PREFACE, &good()], 0),
        bare(
            "a preface that breaks off",
            &[b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", &good()],
            0,
        ),
        Oddity::of_http2("the preface twice", &[PREFACE.to_vec(), good()], &[1], 0),
        Oddity::of_http2(
            "HTTP/1.1 on a connection of HTTP/2",
            &[b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n".to_vec()],
            &[1],
            0,
        ),
        Oddity::of_http2(
            "a frame that nobody knows",
            &[frame(0x16, 0xff, 7, b"shop"), good()],
            &[1],
            1,
        ),
        Oddity::of_http2(
            "a frame that nobody knows within a block",
            &[
                frame(HEADERS, END_STREAM, 1, &pinned()),
                frame(0x16, 0, 1, b""),
                frame(CONTINUATION, END_HEADERS, 1, b""),
            ],
            &[1],
            0,
        ),
        Oddity::of_http2(
            "a frame that is too large",
            &[frame(DATA, 0, 1, &[0; 16_385])],
            &[1],
            0,
        ),
        Oddity::of_http2(
            "headers that are too large a frame",
            &[frame(HEADERS, END_STREAM | END_HEADERS, 1, &[0; 16_385])],
            &[1],
            0,
        ),
        Oddity::of_http2(
            "a stream with the reserved bit",
            &[frame(
                HEADERS,
                END_STREAM | END_HEADERS,
                0x8000_0001,
                &pinned(),
            )],
            &[1],
            1,
        ),
        Oddity::of_http2(
            "a PING that is too short",
            &[good(), frame(PING, 0, 0, b"short")],
            &[1],
            1,
        ),
        Oddity::of_http2(
            "a PING of a stream",
            &[good(), frame(PING, 0, 1, b"eight by")],
            &[1],
            1,
        ),
        Oddity::of_http2(
            "an answer to no PING",
            &[good(), frame(PING, ACK, 0, b"eight by")],
            &[1],
            1,
        ),
        Oddity::of_http2(
            "settings of a stream",
            &[frame(SETTINGS, 0, 1, &setting(4, 1)), good()],
            &[1],
            0,
        ),
        Oddity::of_http2(
            "settings that break off",
            &[frame(SETTINGS, 0, 0, &[0, 4, 0]), good()],
            &[1],
            0,
        ),
        Oddity::of_http2(
            "an answer to settings with settings",
            &[frame(SETTINGS, ACK, 0, &setting(4, 1)), good()],
            &[1],
            0,
        ),
        Oddity::of_http2(
            "settings that nobody knows",
            &[frame(SETTINGS, 0, 0, &setting(0xfff, 5)), good()],
            &[1],
            1,
        ),
        Oddity::of_http2(
            "a push of 2",
            &[frame(SETTINGS, 0, 0, &setting(2, 2)), good()],
            &[1],
            0,
        ),
        Oddity::of_http2(
            "a window of more than there is",
            &[frame(SETTINGS, 0, 0, &setting(4, 1 << 31)), good()],
            &[1],
            0,
        ),
        Oddity::of_http2(
            "frames of less than there must be",
            &[frame(SETTINGS, 0, 0, &setting(5, 100)), good()],
            &[1],
            0,
        ),
        Oddity::of_http2(
            "a client's push",
            &[frame(
                PUSH_PROMISE,
                END_HEADERS,
                1,
                &[&[0, 0, 0, 2][..], &pinned()].concat(),
            )],
            &[1],
            0,
        ),
        Oddity::of_http2(
            "a priority of five bytes and more",
            &[good(), frame(PRIORITY, 0, 3, &[0; 6])],
            &[1],
            1,
        ),
        Oddity::of_http2(
            "a priority of a stream to come",
            &[frame(PRIORITY, 0, 1, &[0, 0, 0, 5, 1]), good()],
            &[1],
            1,
        ),
        Oddity::of_http2(
            "a reset that is too short",
            &[good(), frame(RST_STREAM, 0, 1, &[0])],
            &[1],
            1,
        ),
        Oddity::of_http2(
            "a goodbye",
            &[good(), frame(GOAWAY, 0, 0, &[0; 8])],
            &[1],
            1,
        ),
        Oddity::of_http2(
            "a goodbye and another request",
            &[good(), frame(GOAWAY, 0, 0, &[0; 8]), get(3, &[])],
            &[1],
            2,
        ),
        Oddity::of_http2(
            "a goodbye of a stream",
            &[good(), frame(GOAWAY, 0, 1, &[0; 8])],
            &[1],
            1,
        ),
    ]
}

/// Windows of flow control.
fn windows() -> Vec<Oddity> {
    let window = |stream, size: u32| frame(WINDOW_UPDATE, 0, stream, &size.to_be_bytes());
    vec![
        Oddity::of_http2(
            "a window of nothing more",
            &[post(1, &[]), window(1, 0), get(3, &[PIN])],
            &[1, 3],
            1,
        ),
        Oddity::of_http2("a window of nothing more for all", &[window(0, 0)], &[], 0),
        Oddity::of_http2(
            "a window that overflows",
            &[post(1, &[]), window(1, 0x7fff_ffff), get(3, &[PIN])],
            &[1, 3],
            1,
        ),
        Oddity::of_http2(
            "a window that overflows for all",
            &[window(0, 0x7fff_ffff)],
            &[],
            0,
        ),
        Oddity::of_http2("a window of a stream to come", &[window(1, 1)], &[], 0),
        Oddity::of_http2(
            "a window of three bytes",
            &[frame(WINDOW_UPDATE, 0, 0, &[0, 0, 1])],
            &[],
            0,
        ),
        Oddity::of_http2(
            "a window behind the end",
            &[get(1, &[PIN]), window(1, 1)],
            &[1],
            1,
        ),
        Oddity::of_http2(
            "a window that opens late",
            &[
                frame(SETTINGS, 0, 0, &setting(4, 0)),
                get(1, &[PIN]),
                window(1, 10),
                window(1, 1 << 20),
            ],
            &[1],
            1,
        ),
    ]
}

/// Much at once.
fn many() -> Vec<Oddity> {
    let odd = |number: u32| 2 * number + 1;
    let all: Vec<u32> = (0..100).map(odd).collect();
    let gets: Vec<Vec<u8>> = (0..100)
        .map(|number| get(odd(number), if number % 3 == 0 { &[PIN] } else { &[] }))
        .collect();
    // With bodies to come, so that none is answered before its reset is read.
    let resets = |number: u32| {
        let both = |number| [post(odd(number), &[]), reset(odd(number))];
        (0..number).flat_map(both).collect::<Vec<_>>()
    };
    let after = |mut frames: Vec<Vec<u8>>, stream| {
        frames.push(get(stream, &[PIN]));
        frames
    };
    let pings = vec![frame(PING, 0, 0, b"eight by"); 200];
    let settings = vec![frame(SETTINGS, 0, 0, &setting(4, 1 << 20)); 200];
    let priorities = vec![frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1]); 50];
    let empty = [vec![post(1, &[])], vec![data(1, 0, b""); 200]].concat();
    vec![
        Oddity::of_http2("a hundred at once", &gets, &all, 100),
        Oddity::of_http2(
            "a hundred that are reset at once",
            &after(resets(100), 999),
            &[999],
            101,
        ),
        Oddity::of_http2(
            "six hundred that are reset at once",
            &after(resets(600), 9999),
            &[9999],
            250,
        ),
        Oddity::of_http2("two hundred PINGs", &after(pings, 1), &[1], 1),
        Oddity::of_http2("two hundred settings", &after(settings, 1), &[1], 1),
        Oddity::of_http2("fifty priorities", &after(priorities, 1), &[1], 1),
        Oddity::of_http2("two hundred pieces of nothing", &after(empty, 3), &[3], 1),
    ]
}
