//! Bytes as they are onto a socket: requests that no well-behaved client would send.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use crate::client::Response;

/// More than any response of ours or of Envoy's has.
const MAX_HEADERS: usize = 128;

/// What came back for raw bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawResponse {
    /// Everything that was read.
    pub bytes: Vec<u8>,
    /// Whether the server closed the connection.
    pub closed: bool,
}

impl RawResponse {
    /// The status code, if an HTTP/1 status line came back.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        let rest = self.bytes.strip_prefix(b"HTTP/1.")?;
        let code = rest.get(2..5)?;
        std::str::from_utf8(code).ok()?.parse().ok()
    }

    /// The response as [`crate::client::Client`] gives it.
    ///
    /// # Errors
    /// What came back is no whole HTTP/1.1 response; the message shows its beginning.
    pub fn parse(&self) -> Result<Response> {
        let parsed = self.try_parse().ok().flatten();
        parsed.with_context(|| {
            let beginning = self.bytes.get(..200).unwrap_or(&self.bytes);
            format!("no HTTP response: {}", beginning.escape_ascii())
        })
    }

    fn try_parse(&self) -> Result<Option<Response>> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut head = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(end) = head.parse(&self.bytes)? else {
            return Ok(None);
        };
        let mut response = Response {
            status: StatusCode::from_u16(head.code.unwrap_or_default())?,
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(self.bytes.get(end..).unwrap_or_default()),
        };
        for header in head.headers {
            let name = HeaderName::from_bytes(header.name.as_bytes())?;
            let value = HeaderValue::from_bytes(header.value)?;
            response.headers.append(name, value);
        }
        Ok(Some(response))
    }
}

/// Sends bytes over a connection of their own and gives what came back: one whole response with a
/// `content-length`, or everything until the server closed or `patience` was over.
///
/// # Errors
/// Nobody listens. A connection that breaks later is a result: what was read until then.
pub fn send(address: SocketAddr, bytes: &[u8], patience: Duration) -> Result<RawResponse> {
    let mut stream =
        TcpStream::connect(address).with_context(|| format!("nobody listens on {address}"))?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(patience))?;
    // A server may answer and close before it has read everything: its answer still counts.
    let _ = stream.write_all(bytes);

    let until = Instant::now() + patience;
    let mut response = RawResponse {
        bytes: Vec::new(),
        closed: false,
    };
    let mut chunk = [0; 16 << 10];
    while !is_whole(&response.bytes) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut chunk) {
            Ok(0) => {
                response.closed = true;
                break;
            }
            Ok(length) => response.bytes.extend_from_slice(&chunk[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                break;
            }
            Err(_) => {
                response.closed = true;
                break;
            }
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
    Ok(response)
}

/// Whether the bytes are a response head and as much body as its `content-length` says.
fn is_whole(bytes: &[u8]) -> bool {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(head)) = response.parse(bytes) else {
        return false;
    };
    let length = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .and_then(|header| {
            std::str::from_utf8(header.value)
                .ok()?
                .parse::<usize>()
                .ok()
        });
    length.is_some_and(|length| bytes.len() >= head.saturating_add(length))
}
