//! Frames of HTTP/2 as bytes, the wrong ones too: nothing here knows what a server allows.

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

/// Flags. That of `SETTINGS` and `PING` which says that they are answers is [`END_STREAM`]'s.
pub(super) const END_STREAM: u8 = 1;
pub(super) const ACK: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
pub(super) const PADDED: u8 = 8;
pub(super) const WITH_PRIORITY: u8 = 0x20;

/// What a client says before anything else.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The most that a frame may hold if nobody has said otherwise.
pub(super) const LARGEST: usize = 16_384;

/// A header's name and value.
pub(super) type Field<'f> = (&'f str, &'f [u8]);

/// The pseudo-headers of a `GET` of `/` from the shop.
pub(super) const GET: [Field<'_>; 4] = [
    (":method", b"GET"),
    (":scheme", b"http"),
    (":authority", b"shop"),
    (":path", b"/"),
];

/// As [`GET`], of a request that has a body.
pub(super) const POST: [Field<'_>; 4] = [(":method", b"POST"), GET[1], GET[2], GET[3]];

/// A pin that leads away from where everybody goes.
pub(super) const PIN: Field<'_> = ("x-canary", b"stable");

/// A frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}

/// How each connection begins: no dynamic table for the server's answers, and room for large ones.
pub(super) fn opening() -> Vec<u8> {
    let settings = [setting(1, 0), setting(4, 1 << 20)].concat();
    [
        PREFACE,
        &frame(SETTINGS, 0, 0, &settings),
        &frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 20).to_be_bytes()),
    ]
    .concat()
}

/// One parameter of `SETTINGS`.
pub(super) fn setting(number: u16, value: u32) -> Vec<u8> {
    [&number.to_be_bytes()[..], &value.to_be_bytes()].concat()
}

/// A whole header block in one frame, or in as many as it needs.
pub(super) fn headers(stream: u32, flags: u8, fields: &[Field<'_>]) -> Vec<u8> {
    in_pieces(stream, flags, &block(fields), LARGEST)
}

/// A header block in `HEADERS` and `CONTINUATION` frames of so many bytes.
pub(super) fn in_pieces(stream: u32, flags: u8, block: &[u8], size: usize) -> Vec<u8> {
    let mut pieces: Vec<&[u8]> = block.chunks(size).collect();
    if pieces.is_empty() {
        pieces.push(block);
    }
    let last = pieces.len() - 1;
    let piece = |(number, piece): (usize, &&[u8])| {
        let (kind, flags) = match number {
            0 => (HEADERS, flags),
            _ => (CONTINUATION, 0),
        };
        let end = if number == last { END_HEADERS } else { 0 };
        frame(kind, flags | end, stream, piece)
    };
    pieces.iter().enumerate().flat_map(piece).collect()
}

/// A request that is complete with its headers.
pub(super) fn request(stream: u32, fields: &[Field<'_>]) -> Vec<u8> {
    headers(stream, END_STREAM, fields)
}

/// [`GET`] with more fields behind it.
pub(super) fn get(stream: u32, more: &[Field<'_>]) -> Vec<u8> {
    request(stream, &[&GET, more].concat())
}

/// The headers of [`POST`] with more fields behind them; a body is to follow.
pub(super) fn post(stream: u32, more: &[Field<'_>]) -> Vec<u8> {
    headers(stream, 0, &[&POST, more].concat())
}

/// Some of a body.
pub(super) fn data(stream: u32, flags: u8, bytes: &[u8]) -> Vec<u8> {
    frame(DATA, flags, stream, bytes)
}

/// The end of a stream that nobody wants any more.
pub(super) fn reset(stream: u32) -> Vec<u8> {
    const CANCEL: u32 = 8;
    frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes())
}

/// The block of a pinned `GET`.
pub(super) fn pinned() -> Vec<u8> {
    block(&[&GET[..], &[PIN]].concat())
}

/// Fields as literals that no table keeps, without Huffman's code.
pub(super) fn block(fields: &[Field<'_>]) -> Vec<u8> {
    let literal =
        |(name, value): &Field<'_>| [vec![0], text(name.as_bytes()), text(value)].concat();
    fields.iter().flat_map(literal).collect()
}

/// A field as a literal that goes into the dynamic table, where it is number 62 then.
pub(super) fn kept((name, value): Field<'_>) -> Vec<u8> {
    [vec![0x40], text(name.as_bytes()), text(value)].concat()
}

/// A text of HPACK: its length in seven bits or more, and its bytes.
pub(super) fn text(bytes: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    match bytes.len() {
        length if length < 127 => written.push(u8::try_from(length).unwrap()),
        length => {
            written.push(127);
            let mut rest = length - 127;
            while rest >= 128 {
                written.push(u8::try_from(rest % 128).unwrap() | 128);
                rest /= 128;
            }
            written.push(u8::try_from(rest).unwrap());
        }
    }
    written.extend_from_slice(bytes);
    written
}

/// The status at the beginning of a response's header block: from the static table, or three digits,
/// plain or in Huffman's code.
pub(super) fn status(block: &[u8]) -> Option<u16> {
    const STATIC: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    let mut block = block;
    // What comes before fields changes the size of the table.
    while let [size @ 0x20..0x40, rest @ ..] = block {
        let more = match size {
            0x3f => rest.iter().position(|byte| *byte < 128)? + 1,
            _ => 0,
        };
        block = rest.get(more..)?;
    }
    let (first, rest) = block.split_first()?;
    if first & 0x80 != 0 {
        return STATIC
            .get(usize::from(first & 0x7f).checked_sub(8)?)
            .copied();
    }
    let (length, digits) = rest.split_first()?;
    let digits = digits.get(..usize::from(length & 0x7f))?;
    if length & 0x80 == 0 {
        return std::str::from_utf8(digits).ok()?.parse().ok();
    }
    // 0, 1 and 2 are five bits, the other digits six.
    let mut bits = digits
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| u16::from(byte >> bit & 1)));
    let mut status = 0;
    for _ in 0..3 {
        let mut code = 0;
        for _ in 0..5 {
            code = code * 2 + bits.next()?;
        }
        status = status * 10
            + match code {
                0..=2 => code,
                _ => (code * 2 + bits.next()?).checked_sub(0x19)? + 3,
            };
    }
    Some(status)
}

#[test]
fn a_status_is_read_however_it_is_written() {
    let check = |block: &[u8], expected| assert_eq!(status(block), expected, "{block:x?}");
    check(&[0x88], Some(200));
    check(&[0x20, 0x8d, 0x5f], Some(404));
    check(&[0x20, 0x3f, 0xe1, 0x3f, 0x88], Some(200));
    check(b"\x48\x03503", Some(503));
    // As RFC 7541 writes 302 (C.6.1) and 307 (C.6.2).
    check(&[0x48, 0x82, 0x64, 0x02], Some(302));
    check(&[0x48, 0x83, 0x64, 0x0e, 0xff], Some(307));
    check(&[], None);
    check(&[0x48, 0x82, 0x64], None);
}
