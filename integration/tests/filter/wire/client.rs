//! Bytes as they are onto a connection, and what came back of it, as HTTP/1.1 or HTTP/2.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use coalmine_integration::upstream::Received;

use super::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, RST_STREAM,
    WITH_PRIORITY, frame, status,
};
use super::{Oddity, Protocol};
use crate::setting::PATIENCE;

/// Behind an oddity of HTTP/2: when it is answered, everything before it has been read.
const LAST: &[u8; 8] = b"coalmine";

/// How long a connection of HTTP/1.1 says nothing before it is taken for done.
const QUIET: Duration = Duration::from_millis(10);

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
    pub whole: bool,
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
/// It did not come within [`PATIENCE`], or over HTTP/1.1 more came than was awaited.
pub(super) fn exchange(address: SocketAddr, oddity: &Oddity) -> Result<Seen, String> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let mut bytes = oddity.bytes.clone();
    if oddity.protocol == Protocol::Http2 {
        bytes.extend(frame(PING, 0, 0, LAST));
    }
    let mut writing = stream.try_clone().unwrap();
    // Elsewhere, since who does not read may not be read. A server may also close before all is written.
    let writer = thread::spawn(move || writing.write_all(&bytes));
    let read = match oddity.protocol {
        Protocol::Http1 => read_responses(&mut stream, &oddity.awaited),
        Protocol::Http2 => read_streams(&mut stream, &oddity.awaited),
    };
    let _ = stream.shutdown(std::net::Shutdown::Both);
    let _ = writer.join().unwrap();
    read
}

/// What a connection gives next.
#[derive(PartialEq, Eq)]
enum Next {
    Bytes,
    End,
    /// Nothing for as long as was to be waited.
    Quiet,
}

/// Waits so long for more of a connection, and puts it behind what came before.
fn read_more(stream: &mut TcpStream, bytes: &mut Vec<u8>, wait: Duration) -> Result<Next, String> {
    stream.set_read_timeout(Some(wait)).unwrap();
    let mut chunk = [0; 16 << 10];
    match stream.read(&mut chunk) {
        Ok(0) => Ok(Next::End),
        Ok(length) => {
            bytes.extend_from_slice(&chunk[..length]);
            Ok(Next::Bytes)
        }
        Err(error) => match error.kind() {
            ErrorKind::ConnectionReset => Ok(Next::End),
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Ok(Next::Quiet),
            _ => Err(error.to_string()),
        },
    }
}

/// HTTP/1.1, until the connection ends or is [`QUIET`]; where an answer says that it ends, it has to.
fn read_responses(stream: &mut TcpStream, awaited: &[u32]) -> Result<Seen, String> {
    let mut bytes = Vec::new();
    loop {
        let Responses {
            answers,
            last,
            rest,
        } = responses(&bytes)?;
        let may_be_quiet = answers.len() >= awaited.len() && !last;
        let wait = if may_be_quiet { QUIET } else { PATIENCE };
        let next = read_more(stream, &mut bytes, wait)?;
        let ended = match next {
            Next::Bytes => continue,
            Next::Quiet if !may_be_quiet => return Err(format!("no more after {answers:?}")),
            Next::Quiet => None,
            Next::End => Some(None),
        };
        if answers.len() > awaited.len() || rest > 0 {
            let came = answers.len();
            return Err(format!("{came} answers and {rest} bytes: {answers:?}"));
        }
        return Ok(Seen { answers, ended });
    }
}

/// HTTP/2, until [`LAST`] and what is awaited are answered.
fn read_streams(stream: &mut TcpStream, awaited: &[u32]) -> Result<Seen, String> {
    let mut bytes = Vec::new();
    loop {
        let (mut seen, done) = streams(&bytes);
        let of_it = |number: &u32| seen.answers.get(number).is_some_and(|answer| answer.whole);
        if seen.ended.is_none() && !(done && awaited.iter().all(of_it)) {
            match read_more(stream, &mut bytes, PATIENCE)? {
                Next::Bytes => continue,
                Next::End => seen.ended = Some(None),
                Next::Quiet => return Err(format!("no more after {seen:?}")),
            }
        }
        // What is not awaited may have come or not.
        seen.answers.retain(|number, _| awaited.contains(number));
        if seen.ended.is_some() {
            // And so may what was under way when the connection broke.
            seen.answers.clear();
        }
        return Ok(seen);
    }
}

/// HTTP/1.1 as far as it has come.
struct Responses {
    answers: BTreeMap<u32, Answer>,
    /// One of them said that the connection ends.
    last: bool,
    /// How many bytes are behind them.
    rest: usize,
}

fn responses(mut bytes: &[u8]) -> Result<Responses, String> {
    let mut answers = BTreeMap::new();
    let mut last = false;
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
        answers.insert(number, answer);
        last |= header("connection").as_deref() == Some("close");
        bytes = &bytes[begins + length..];
    }
    let rest = bytes.len();
    Ok(Responses {
        answers,
        last,
        rest,
    })
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

#[test]
fn more_than_was_awaited_over_http1_is_found() {
    const ONE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    const LAST: &str = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n";
    // What comes one after another where one answer is awaited; and whether the connection ends.
    let check = |parts: &[&str], ends: bool, expected: Result<(), &str>| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let exchanged = thread::scope(|scope| {
            scope.spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                for part in parts {
                    stream.write_all(part.as_bytes()).unwrap();
                    thread::sleep(2 * QUIET);
                }
                if !ends {
                    // Until the client goes.
                    let _ = stream.read_to_end(&mut Vec::new());
                }
            });
            exchange(address, &Oddity::of_http1("", "", 0))
        });
        match (exchanged, expected) {
            (Ok(seen), Ok(())) => {
                assert_eq!(seen.answers.len(), 1, "{parts:?}");
                assert!(!ends || seen.ended.is_some(), "{parts:?}");
            }
            (Err(problem), Err(part)) => assert!(problem.contains(part), "{problem}"),
            (exchanged, _) => panic!("{parts:?}: {exchanged:?}"),
        }
    };
    check(&[ONE], false, Ok(()));
    check(&[LAST], true, Ok(()));
    check(&[&[ONE, ONE].concat()], false, Err("2 answers and 0 bytes"));
    check(&[&[ONE, ONE].concat()], true, Err("2 answers and 0 bytes"));
    check(&[LAST, ONE], true, Err("2 answers and 0 bytes"));
    let begun = "HTTP/1.1 2";
    check(&[&[ONE, begun].concat()], false, Err("1 answers and 10 b"));
    check(&[begun], true, Err("0 answers and 10 bytes"));
    check(&[LAST, "ok"], true, Err("invalid HTTP version: ok"));
}
