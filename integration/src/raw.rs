//! Bytes as they are onto a socket: requests that no well-behaved client would send.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

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
    let mut headers = [httparse::EMPTY_HEADER; 128];
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
