//! A small HTTP server that reports what it received.
//!
//! Stands for one version of a service. Speaks HTTP/1.1 and HTTP/2 (prior knowledge), answers 200
//! with its name in [`SERVED_BY`] and a [`Received`] as a line of JSON, or behaves as it is told to.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::behaviour::{BEHAVE, BEHAVE_AT_FIRST, BEHAVE_OF, Behaviour, Body};
use crate::runtime;

/// The response header with the name of the upstream that answered.
pub const SERVED_BY: &str = "x-served-by";

/// Larger than any request that Envoy can be made to pass on (8 MiB of headers).
const MAX_HEAD_BYTES: usize = 9 << 20;
const MAX_HEADERS: usize = 1000;

/// A running server; it ends, with all its connections, when dropped.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    state: Arc<State>,
    server: JoinHandle<()>,
}

/// What all connections of an upstream share.
#[derive(Debug)]
struct State {
    name: String,
    requests: AtomicU64,
    behaviour: Mutex<Behaviour>,
}

/// What an upstream saw of one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// The name of the upstream.
    pub served_by: String,
    /// The method, as it came.
    pub method: String,
    /// Path and query, as they came.
    pub path: String,
    /// Names in lower case and values, in order of the first appearance of each name; the values
    /// of a repeated name follow each other in the order they came. HTTP/2's `:authority` comes
    /// first, as `host`. The JSON form has each byte
    /// as the character with its number (Latin-1), so that no value is lost or changed.
    pub headers: Vec<(String, Latin1)>,
}

/// Bytes that travel in JSON as the characters with their numbers: ASCII stays readable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Latin1(pub Vec<u8>);

impl From<String> for Latin1 {
    fn from(text: String) -> Self {
        // Only this crate writes the other side, and it writes no character above U+00FF.
        Self(
            text.chars()
                .map(|c| u8::try_from(c).unwrap_or(b'?'))
                .collect(),
        )
    }
}

impl From<Latin1> for String {
    fn from(Latin1(bytes): Latin1) -> Self {
        bytes.into_iter().map(char::from).collect()
    }
}

impl Received {
    /// All values of a header, in order.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<&[u8]> {
        let of_name = self.headers.iter().filter(|(n, _)| n == name);
        of_name.map(|(_, value)| value.0.as_slice()).collect()
    }
}

impl Upstream {
    /// Starts a server with a name on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// No port is free.
    pub fn start(name: &str) -> Result<Self> {
        let listener = runtime::block_on(TcpListener::bind(("127.0.0.1", 0)))
            .with_context(|| format!("cannot listen for the upstream {name}"))?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            name: name.to_owned(),
            requests: AtomicU64::new(0),
            behaviour: Mutex::default(),
        });
        let server = runtime::spawn(serve(listener, Arc::clone(&state)));
        Ok(Self {
            address,
            state,
            server,
        })
    }

    /// The name given at the start.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// What it does with requests from now on, unless they ask for something else by [`BEHAVE`].
    pub fn behave(&self, behaviour: Behaviour) {
        let known = self.state.behaviour.lock();
        *known.unwrap_or_else(PoisonError::into_inner) = behaviour;
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests it has received.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.state.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        runtime::end(&mut self.server);
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    // Dropping the set, when this task is ended, ends the connections.
    let mut connections = JoinSet::new();
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS);
    http.http2()
        .max_header_list_size(u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, or the peer is gone already: neither is the end of serving.
            tokio::task::yield_now().await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (http, state) = (http.clone(), Arc::clone(&state));
        connections.spawn(async move {
            let service = service_fn(|request| {
                state.requests.fetch_add(1, Ordering::Relaxed);
                answer(Arc::clone(&state), request)
            });
            // A connection that breaks is the business of whoever broke it.
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(
    state: Arc<State>,
    request: hyper::Request<Incoming>,
) -> io::Result<hyper::Response<Body>> {
    let behaviour = *state
        .behaviour
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let (head, body) = request.into_parts();
    // Read to its end, or the connection could not be kept.
    let _ = body.collect().await;
    let authority = head
        .uri
        .authority()
        .map(hyper::http::uri::Authority::as_str);
    let host = authority.map(|host| ("host".to_owned(), Latin1(host.into())));
    let headers = head.headers.iter();
    let received = Received {
        served_by: state.name.clone(),
        method: head.method.to_string(),
        path: head
            .uri
            .path_and_query()
            .map_or_else(String::new, ToString::to_string),
        headers: host
            .into_iter()
            .chain(
                headers.map(|(name, value)| (name.to_string(), Latin1(value.as_bytes().to_vec()))),
            )
            .collect(),
    };
    let mut json = serde_json::to_vec(&received).unwrap_or_default();
    // Whoever asks with curl gets the prompt on a line of its own.
    json.push(b'\n');
    let mut response = hyper::Response::new(Full::new(Bytes::from(json)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(name) = HeaderValue::from_str(&state.name) {
        headers.insert(SERVED_BY, name);
    }
    let asked = head.headers.get(BEHAVE).or_else(|| {
        let attempt = head.headers.get("x-envoy-attempt-count");
        let first = attempt.is_none_or(|number| number == "1");
        head.headers.get(BEHAVE_AT_FIRST).filter(|_| first)
    });
    let asked = asked.and_then(|value| Behaviour::parse(value.to_str().ok()?));
    let mut of_versions = head.headers.get_all(BEHAVE_OF).iter();
    let of_it =
        of_versions.find_map(|value| Behaviour::parse_of(value.to_str().ok()?, &state.name));
    asked.or(of_it).unwrap_or(behaviour).act(response).await
}
