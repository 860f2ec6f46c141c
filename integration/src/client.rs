//! Requests over kept HTTP/1.1 connections, with headers of any bytes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::runtime;
use crate::upstream::{Received, SERVED_BY};

/// How long one request may take before it counts as broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// One request without a body.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
}

impl Request {
    /// `GET` of a path, with its query.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    /// Any method on a path.
    pub fn new(method: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            path: path.into(),
            headers: Vec::new(),
        }
    }

    /// One more header line; a name may come again. `host` replaces the address that is sent else.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    fn build(&self, address: SocketAddr) -> Result<hyper::Request<Empty<Bytes>>> {
        let mut request = hyper::Request::new(Empty::new());
        *request.method_mut() = Method::from_bytes(self.method.as_bytes())
            .with_context(|| format!("{:?} is no method", self.method))?;
        *request.uri_mut() = self
            .path
            .parse()
            .with_context(|| format!("{:?} is no path", self.path))?;
        let headers = request.headers_mut();
        for (name, value) in &self.headers {
            let valid = HeaderName::from_bytes(name.as_bytes())
                .with_context(|| format!("{name:?} is no header name; `raw` sends any bytes"))?;
            let value = HeaderValue::from_bytes(value)
                .with_context(|| format!("{name} has a byte that no header value may hold"))?;
            headers.append(valid, value);
        }
        if !headers.contains_key(HOST) {
            headers.insert(HOST, HeaderValue::from_str(&address.to_string())?);
        }
        Ok(request)
    }
}

/// The whole answer to one request.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: StatusCode,
    /// All header lines.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Response {
    /// The name of the upstream that answered; empty when none did (Envoy's own answers).
    #[must_use]
    pub fn served_by(&self) -> &str {
        let name = self.headers.get(SERVED_BY);
        name.and_then(|name| name.to_str().ok()).unwrap_or_default()
    }

    /// What the upstream saw of the request.
    ///
    /// # Errors
    /// The answer is not from an [`crate::upstream::Upstream`]; the message shows it.
    pub fn received(&self) -> Result<Received> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("no upstream's report: {} {}", self.status, self.text()))
    }

    /// The body as text, for messages and admin pages.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends requests to one address and keeps its connections for the next ones.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    idle: Mutex<Vec<Connection>>,
}

impl Client {
    /// Connects when the first request is sent.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            idle: Mutex::default(),
        }
    }

    /// Sends one request, on a kept connection if there is one.
    ///
    /// # Errors
    /// The request cannot be written as HTTP, or the connection broke. Any status is an answer.
    pub fn send(&self, request: &Request) -> Result<Response> {
        let mut connection = self.take();
        let response = runtime::block_on(connection.send(request))?;
        self.keep(connection);
        Ok(response)
    }

    /// Sends all requests, as fast as `connections` connections take them, and gives the answers
    /// in the order of the requests.
    ///
    /// # Errors
    /// The first failure as in [`Client::send`]; the rest is then not sent.
    pub fn send_all(&self, requests: Vec<Request>, connections: usize) -> Result<Vec<Response>> {
        let connections = connections.clamp(1, requests.len().max(1));
        let (requests, next) = (Arc::new(requests), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..connections)
            .map(|_| {
                let (requests, next) = (Arc::clone(&requests), Arc::clone(&next));
                let mut connection = self.take();
                runtime::spawn(async move {
                    let mut answers = Vec::new();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(request) = requests.get(number) else {
                            return Ok((connection, answers));
                        };
                        let answer = connection.send(request).await.map_err(|error| {
                            next.store(requests.len(), Ordering::Relaxed);
                            error.context(format!("request {number}"))
                        })?;
                        answers.push((number, answer));
                    }
                })
            })
            .collect();
        let mut answers = Vec::with_capacity(requests.len());
        let mut failure = None;
        for task in tasks {
            match runtime::block_on(task)? {
                Ok((connection, some)) => {
                    self.keep(connection);
                    answers.extend(some);
                }
                Err(error) => failure = failure.or(Some::<anyhow::Error>(error)),
            }
        }
        if let Some(error) = failure {
            return Err(error);
        }
        answers.sort_unstable_by_key(|(number, _)| *number);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }

    /// Sends one request on each of `connections` connections, which is how all workers of a proxy
    /// are met: each connection stays with one of them.
    ///
    /// # Errors
    /// As [`Client::send`], of the first that fails.
    pub fn send_on_each(&self, connections: usize, request: &Request) -> Result<Vec<Response>> {
        let mut connections: Vec<Connection> = (0..connections).map(|_| self.take()).collect();
        let answers = connections
            .iter_mut()
            .map(|connection| runtime::block_on(connection.send(request)))
            .collect();
        for connection in connections {
            self.keep(connection);
        }
        answers
    }

    fn take(&self) -> Connection {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.pop().unwrap_or_else(|| Connection::to(self.address))
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(connection);
    }
}

/// One connection that carries one request after another and opens itself when needed.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    sender: Option<SendRequest<Empty<Bytes>>>,
}

impl Connection {
    pub(crate) fn to(address: SocketAddr) -> Self {
        Self {
            address,
            sender: None,
        }
    }

    pub(crate) async fn send(&mut self, request: &Request) -> Result<Response> {
        let request = request.build(self.address)?;
        let mut sender = self.sender().await?;
        let exchange = async {
            let response = sender.send_request(request).await?;
            let (head, body) = response.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, hyper::Error>(Response {
                status: head.status,
                headers: head.headers,
                body,
            })
        };
        let response = tokio::time::timeout(PATIENCE, exchange)
            .await
            .map_err(|_| anyhow!("no answer from {} in {PATIENCE:?}", self.address))?
            .with_context(|| format!("the connection to {} broke", self.address))?;
        self.sender = Some(sender);
        Ok(response)
    }

    /// The open connection, or a new one where the server has closed the old one meanwhile.
    async fn sender(&mut self) -> Result<SendRequest<Empty<Bytes>>> {
        if let Some(mut sender) = self.sender.take()
            && sender.ready().await.is_ok()
        {
            return Ok(sender);
        }
        let stream = TcpStream::connect(self.address)
            .await
            .with_context(|| format!("nobody listens on {}", self.address))?;
        stream.set_nodelay(true)?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
        runtime::spawn(driver);
        Ok(sender)
    }
}
