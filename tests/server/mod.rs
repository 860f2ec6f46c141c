//! A server on 127.0.0.1 that answers each request by a function: API servers, control planes, receivers
//! and proxies that do what real ones do not do on demand. Another crate's tests take it with
//! `#[path]`.

#![allow(dead_code, reason = "each program uses a part of it")]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// With its query.
    pub(crate) target: String,
    /// Their names in small letters.
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Asked {
    /// Without the query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    /// The first of this name, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map_or("", |(_, value)| value)
    }
}

/// What it gets.
pub(crate) enum Answer {
    Page {
        status: u16,
        content_type: &'static str,
        body: String,
    },
    /// The connection ends without one.
    HangUp,
    /// None, until who asks has gone.
    Silence,
}

impl Answer {
    /// A status with a body that is said to be JSON.
    pub(crate) fn json(status: u16, body: impl ToString) -> Self {
        Self::Page {
            status,
            content_type: "application/json",
            body: body.to_string(),
        }
    }
}

/// Starts a server on a free port, which lives as long as this test's process.
pub(crate) fn serve(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answer = Arc::clone(&answer);
            thread::spawn(move || serve_one(stream, &*answer));
        }
    });
    address
}

/// Where nobody listens: at the port of a listener that is gone.
pub(crate) fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// One request, one answer; who asked too fast or went away is left.
fn serve_one(stream: TcpStream, answer: &impl Fn(&Asked) -> Answer) -> Option<()> {
    let mut reader = BufReader::new(&stream);
    let asked = read(&mut reader)?;
    match answer(&asked) {
        Answer::HangUp => None,
        Answer::Silence => reader.read_line(&mut String::new()).ok().map(|_| ()),
        Answer::Page {
            status,
            content_type,
            body,
        } => {
            let elsewhere = match status {
                300..400 => "location: /elsewhere\r\n",
                _ => "",
            };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} Of\r\ncontent-type: {content_type}\r\n{elsewhere}content-length: {length}\r\nconnection: close\r\n\r\n"
            );
            (&stream).write_all((head + &body).as_bytes()).ok()
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Asked> {
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut asked = Asked {
        method,
        target,
        headers,
        body: String::new(),
    };
    let length = asked.header("content-length").parse().unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    asked.body = String::from_utf8_lossy(&body).into_owned();
    Some(asked)
}
