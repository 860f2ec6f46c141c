//! A service that calls the next one through a proxy, and hands `baggage` on as OpenTelemetry does.
//!
//! It stands for an application that knows nothing of canaries. A user's id it hands on to nobody, so
//! what is decided behind it was decided by the baggage.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, anyhow};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn;
use hyper::header::{HOST, HeaderName};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{StatusCode, header::HeaderValue};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::runtime;
use crate::upstream::SERVED_BY;

/// The response header with the names of all services that took part, the first first.
pub const WAY: &str = "x-way";

/// What is handed on: the baggage, and the header that testers pin themselves with.
const HANDED_ON: [&str; 2] = ["baggage", "x-canary"];

/// A running service; it ends when dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    next: Arc<OnceLock<Next>>,
    server: JoinHandle<()>,
}

/// Whom it calls.
#[derive(Debug)]
struct Next {
    proxy: SocketAddr,
    host: &'static str,
}

impl Relay {
    /// Starts a service with a name on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// No port is free.
    pub fn start(name: &str) -> Result<Self> {
        let listener = runtime::block_on(TcpListener::bind(("127.0.0.1", 0)))
            .with_context(|| format!("cannot listen for the relay {name}"))?;
        let address = listener.local_addr()?;
        let next = Arc::new(OnceLock::new());
        let server = runtime::spawn(serve(listener, Arc::from(name), Arc::clone(&next)));
        Ok(Self {
            address,
            next,
            server,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it calls this host through this proxy; said once, since the proxy has to know the
    /// relay's address before.
    pub fn calls(&self, proxy: SocketAddr, host: &'static str) {
        let _ = self.next.set(Next { proxy, host });
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        runtime::end(&mut self.server);
    }
}

async fn serve(listener: TcpListener, name: Arc<str>, next: Arc<OnceLock<Next>>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        let (name, next) = (Arc::clone(&name), Arc::clone(&next));
        connections.spawn(async move {
            let service =
                service_fn(|request| answer(Arc::clone(&name), Arc::clone(&next), request));
            let stream = TokioIo::new(stream);
            let _ = http1::Builder::new()
                .serve_connection(stream, service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// The answer of the next service, with this one's name in front; 502 if there is none.
async fn answer(
    name: Arc<str>,
    next: Arc<OnceLock<Next>>,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let called = match next.get() {
        Some(next) => call(&name, next, &request).await,
        None => Err(anyhow!("{name} does not know whom to call")),
    };
    Ok(called.unwrap_or_else(|error| {
        let mut response = hyper::Response::new(Full::new(Bytes::from(format!("{error:#}"))));
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    }))
}

async fn call(
    name: &str,
    next: &Next,
    request: &hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>> {
    let stream = TcpStream::connect(next.proxy).await?;
    let (mut sender, connection) = conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut onward = hyper::Request::new(Empty::<Bytes>::new());
    *onward.uri_mut() = request.uri().path().parse()?;
    let headers = onward.headers_mut();
    headers.insert(HOST, HeaderValue::from_static(next.host));
    for name in HANDED_ON {
        for value in request.headers().get_all(name) {
            headers.append(HeaderName::from_static(name), value.clone());
        }
    }
    let (head, body) = sender.send_request(onward).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    let behind = [WAY, SERVED_BY]
        .into_iter()
        .find_map(|name| head.headers.get(name)?.to_str().ok())
        .unwrap_or_default();
    let way = HeaderValue::from_str(&format!("{name} {behind}"))?;
    let mut response = hyper::Response::new(Full::new(body));
    *response.status_mut() = head.status;
    response.headers_mut().insert(WAY, way);
    Ok(response)
}
