//! Bytes as they are onto a connection, and what came back of it, as HTTP/1.1 or HTTP/2.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use coalmine_integration::upstream::Received;

use super::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, RST_STREAM,
    WITH_PRIORITY, frame, status,
};
use super::{Oddity, Protocol};
use crate::setting::PATIENCE;

/// Behind an oddity of HTTP/2: when it is answered, everything before it has been read.
const LAST: &[u8; 8] = b"coalmine";

/// What came back.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// By stream, or in the order that they came.
    pub answers: BTreeMap<u32, Answer>,
    /// The connection is over, with the code of its `GOAWAY`, if there was one.
    pub ended: Option<Option<u32>>,
}

/// What came back for one request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub status: Option<u16>,
    /// The code of its `RST_STREAM`.
    pub reset: Option<u32>,
    pub body: Vec<u8>,
    /// Nothing more will come.
    whole: bool,
}

impl Answer {
    /// What the upstream saw of the request, if one answered.
    pub(super) fn received(&self) -> Option<Received> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// Sends an oddity over a connection of its own, and gives what came back once nothing more is awaited.
///
/// # Errors
/// It did not come within [`PATIENCE`].
pub(super) fn exchange(address: SocketAddr, oddity: &Oddity) -> Result<Seen, String> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let mut bytes = oddity.bytes.clone();
    if oddity.protocol == Protocol::Http2 {
        bytes.extend(frame(PING, 0, 0, LAST));
    }
    let mut writing = stream.try_clone().unwrap();
    // Elsewhere, since who does not read may not be read. A server may also close before all is written.
    let writer = thread::spawn(move || writing.write_all(&bytes));
    let read = read(&mut stream, oddity);
    let _ = stream.shutdown(std::net::Shutdown::Both);
    let _ = writer.join().unwrap();
    read
}

fn read(stream: &mut TcpStream, oddity: &Oddity) -> Result<Seen, String> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 16 << 10];
    loop {
        let (mut seen, mut done) = match oddity.protocol {
            Protocol::Http1 => responses(&bytes)?,
            Protocol::Http2 => streams(&bytes),
        };
        let of_it = |number: &u32| seen.answers.get(number).is_some_and(|answer| answer.whole);
        done &= oddity.awaited.iter().all(of_it);
        if seen.ended.is_none() && !done {
            match stream.read(&mut chunk) {
                Ok(0) => seen.ended = Some(None),
                Ok(length) => {
                    bytes.extend_from_slice(&chunk[..length]);
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::ConnectionReset => seen.ended = Some(None),
                Err(error) => return Err(format!("{error}, after {seen:?}")),
            }
        }
        // What is not awaited may have come or not.
        seen.answers
            .retain(|number, _| oddity.awaited.contains(number));
        if oddity.protocol == Protocol::Http2 && seen.ended.is_some() {
            // And so may what was under way when the connection broke.
            seen.answers.clear();
        }
        return Ok(seen);
    }
}

/// HTTP/1.1. Whether all is done is up to who knows how many responses there are to be.
fn responses(mut bytes: &[u8]) -> Result<(Seen, bool), String> {
    let mut seen = Seen::default();
    for number in 1.. {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut head = httparse::Response::new(&mut headers);
        let parsed = head.parse(bytes).map_err(|error| {
            let beginning = &bytes[..bytes.len().min(200)];
            format!("{error}: {}", beginning.escape_ascii())
        })?;
        let httparse::Status::Complete(begins) = parsed else {
            break;
        };
        let header = |name: &str| {
            let mut headers = head.headers.iter();
            let found = headers.find(|header| header.name.eq_ignore_ascii_case(name));
            found.map(|header| String::from_utf8_lossy(header.value).into_owned())
        };
        let length = header("content-length").map_or(0, |length| length.parse().unwrap());
        let Some(body) = bytes.get(begins..begins + length) else {
            break;
        };
        let answer = Answer {
            status: head.code,
            body: body.to_vec(),
            whole: true,
            ..Answer::default()
        };
        seen.answers.insert(number, answer);
        if header("connection").as_deref() == Some("close") {
            seen.ended = Some(None);
        }
        bytes = &bytes[begins + length..];
    }
    Ok((seen, true))
}

/// HTTP/2, and whether [`LAST`] was answered.
fn streams(mut bytes: &[u8]) -> (Seen, bool) {
    let mut seen = Seen::default();
    let mut done = false;
    let mut block = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<9>() {
        let &[a, b, c, kind, flags, stream @ ..] = head;
        let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap();
        let stream = u32::from_be_bytes(stream) & 0x7fff_ffff;
        let Some((payload, rest)) = rest.split_at_checked(length) else {
            break;
        };
        bytes = rest;
        let number = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
        match kind {
            PING => done |= flags & ACK != 0 && payload == LAST,
            // Without an error it announces an end that is not there yet.
            GOAWAY if number(4) != 0 => {
                seen.ended = Some(Some(number(4)));
                break;
            }
            HEADERS | CONTINUATION | DATA | RST_STREAM => {
                let answer = seen.answers.entry(stream).or_default();
                match kind {
                    DATA => answer.body.extend(inside(flags, payload)),
                    RST_STREAM => answer.reset = Some(number(0)),
                    HEADERS => block = inside(flags, payload).to_vec(),
                    _ => block.extend(payload),
                }
                let of_headers = matches!(kind, HEADERS | CONTINUATION);
                if of_headers && flags & END_HEADERS != 0 {
                    answer.status = answer.status.or(status(&block));
                }
                let ends = matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0;
                answer.whole |= ends || kind == RST_STREAM;
            }
            _ => {}
        }
    }
    (seen, done)
}

/// A payload without its padding and priority.
fn inside(flags: u8, payload: &[u8]) -> &[u8] {
    let (padding, payload) = match payload.split_first() {
        Some((padding, rest)) if flags & PADDED != 0 => (usize::from(*padding), rest),
        _ => (0, payload),
    };
    let skip = if flags & WITH_PRIORITY != 0 { 5 } else { 0 };
    &payload[skip..payload.len() - padding]
}
