//! A service of gRPC and a client of it, both by tonic. Messages are text, so nothing is generated.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, BufMut};
use coalmine_integration::runtime;
use futures_util::{Stream, StreamExt, stream};
use hyper::http::uri::PathAndQuery;
use tokio::runtime::Runtime;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::AsciiMetadataKey;
use tonic::server;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status, Streaming};
use tower::service_fn;

/// A version of the service; its connections break when it is dropped.
pub(crate) struct Version {
    pub address: SocketAddr,
    runtime: Option<Runtime>,
}

/// What a call is to bring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script {
    /// So many messages.
    pub messages: u32,
    /// So long between two of them.
    pub pause: Duration,
    /// Then this status; `None` if nothing more is ever to come.
    pub end: Option<Code>,
}

/// Which method of the service is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// One message or a status: an error has nothing but trailers.
    Unary,
    /// Any number of messages, and the status in trailers behind them.
    Stream,
    /// The service has no such method.
    Unknown,
}

/// What a client has got.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub messages: Vec<String>,
    pub code: Code,
    /// The text of the status.
    pub message: String,
}

/// A client with one connection.
#[derive(Clone)]
pub(crate) struct Caller(Channel);

/// Text as it is.
#[derive(Clone, Copy, Default)]
struct Text;

impl Script {
    /// Messages without a pause, and a status.
    pub(crate) fn new(messages: u32, end: Code) -> Self {
        Self {
            messages,
            pause: Duration::ZERO,
            end: Some(end),
        }
    }

    /// Messages, and then nothing.
    pub(crate) fn endless(messages: u32) -> Self {
        Self {
            end: None,
            ..Self::new(messages, Code::Ok)
        }
    }

    fn written(self) -> String {
        let end = self.end.map_or(-1, i32::from);
        format!("{} {} {end}", self.messages, self.pause.as_millis())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        Some(Self {
            messages: parts.next()?.parse().ok()?,
            pause: Duration::from_millis(parts.next()?.parse().ok()?),
            end: match parts.next()?.parse().ok()? {
                -1 => None,
                code => Some(Code::from_i32(code)),
            },
        })
    }

    /// Does as it says, in the name of a version.
    fn play(self, name: &'static str) -> impl Stream<Item = Result<String, Status>> + Send {
        stream::unfold(0, move |sent| async move {
            let item = match self.end {
                _ if sent < self.messages => {
                    if sent > 0 {
                        tokio::time::sleep(self.pause).await;
                    }
                    Ok(name.to_owned())
                }
                _ if sent > self.messages => return None,
                None => std::future::pending().await,
                Some(Code::Ok) => return None,
                Some(code) => Err(Status::new(code, name)),
            };
            Some((item, sent + 1))
        })
    }
}

impl Method {
    fn path(self) -> PathAndQuery {
        PathAndQuery::from_static(match self {
            Self::Unary => "/shop.Shop/Unary",
            Self::Stream => "/shop.Shop/Stream",
            Self::Unknown => "/shop.Shop/Unknown",
        })
    }
}

impl Version {
    /// Starts it on a free port of 127.0.0.1.
    pub(crate) fn start(name: &'static str) -> Self {
        // Tonic's connections outlive its server; a runtime of its own takes them along.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let incoming = runtime.block_on(async { TcpIncoming::bind(loopback) });
        let incoming = incoming.unwrap();
        let address = incoming.local_addr().unwrap();
        let shop = service_fn(move |request| serve(name, request));
        runtime.spawn(Server::builder().serve_with_incoming(shop, incoming));
        Self {
            address,
            runtime: Some(runtime),
        }
    }
}

impl Drop for Version {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
    }
}

/// The service of a version, which answers with its name.
async fn serve(
    name: &'static str,
    request: hyper::Request<Body>,
) -> Result<hyper::Response<Body>, Infallible> {
    let script = |request: Request<String>| {
        Script::parse(request.get_ref()).ok_or_else(|| Status::invalid_argument("no script"))
    };
    let mut grpc = server::Grpc::new(Text);
    let unary = service_fn(|request| async move {
        let first = Box::pin(script(request)?.play(name)).next().await;
        first
            .unwrap_or_else(|| Err(Status::internal("no message")))
            .map(Response::new)
    });
    let stream = service_fn(|request| async move {
        Ok::<_, Status>(Response::new(Box::pin(script(request)?.play(name))))
    });
    Ok(match request.uri().path() {
        path if path == Method::Unary.path() => grpc.unary(unary, request).await,
        path if path == Method::Stream.path() => grpc.server_streaming(stream, request).await,
        _ => Status::unimplemented(name).into_http(),
    })
}

impl Caller {
    /// Calls the service at this address, as the authority `shop`.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self::with(address, |endpoint| endpoint)
    }

    /// As [`Caller::new`], with a deadline that the service is not told of.
    pub(crate) fn impatient(address: SocketAddr, deadline: Duration) -> Self {
        Self::with(address, |endpoint| endpoint.timeout(deadline))
    }

    fn with(address: SocketAddr, change: impl FnOnce(Endpoint) -> Endpoint) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let endpoint = change(endpoint.origin("http://shop".parse().unwrap()));
        Self(runtime::block_on(async { endpoint.connect_lazy() }))
    }

    /// Calls and waits for the end.
    pub(crate) fn call(
        &self,
        method: Method,
        metadata: &[(&'static str, &str)],
        script: Script,
    ) -> Answer {
        runtime::block_on(self.called(method, metadata, script))
    }

    /// As [`Caller::call`], among other calls on the same connection.
    pub(crate) async fn called(
        &self,
        method: Method,
        metadata: &[(&'static str, &str)],
        script: Script,
    ) -> Answer {
        let mut messages = Vec::new();
        let end = match method {
            Method::Stream => match self.streamed(metadata, script).await {
                Ok(mut stream) => loop {
                    match stream.message().await {
                        Ok(Some(message)) => messages.push(message),
                        Ok(None) => break Ok(()),
                        Err(status) => break Err(status),
                    }
                },
                Err(status) => Err(status),
            },
            _ => {
                let mut grpc = self.grpc().await;
                let request = request(metadata, script);
                let answer = grpc.unary(request, method.path(), Text).await;
                answer.map(|response| messages.push(response.into_inner()))
            }
        };
        let status = end.err().unwrap_or_else(|| Status::ok(""));
        Answer {
            messages,
            code: status.code(),
            message: status.message().to_owned(),
        }
    }

    /// The first messages of a stream, and the rest of it.
    pub(crate) fn begin(
        &self,
        metadata: &[(&'static str, &str)],
        script: Script,
    ) -> (Vec<String>, Streaming<String>) {
        runtime::block_on(async {
            let mut stream = self.streamed(metadata, script).await.unwrap();
            let mut messages = Vec::new();
            for _ in 0..script.messages {
                messages.extend(stream.message().await.unwrap());
            }
            (messages, stream)
        })
    }

    async fn streamed(
        &self,
        metadata: &[(&'static str, &str)],
        script: Script,
    ) -> Result<Streaming<String>, Status> {
        let request = request(metadata, script);
        let mut grpc = self.grpc().await;
        let stream = grpc.server_streaming(request, Method::Stream.path(), Text);
        stream.await.map(Response::into_inner)
    }

    async fn grpc(&self) -> Grpc<Channel> {
        let mut grpc = Grpc::new(self.0.clone());
        grpc.ready().await.unwrap();
        grpc
    }
}

fn request(metadata: &[(&'static str, &str)], script: Script) -> Request<String> {
    let mut request = Request::new(script.written());
    for (key, value) in metadata {
        let key = AsciiMetadataKey::from_static(key);
        request.metadata_mut().append(key, value.parse().unwrap());
    }
    request
}

impl Codec for Text {
    type Encode = String;
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Text {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, text: String, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put_slice(text.as_bytes());
        Ok(())
    }
}

impl Decoder for Text {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let bytes = from.copy_to_bytes(from.remaining());
        let text = String::from_utf8(bytes.into()).map_err(|_| Status::internal("no text"))?;
        Ok(Some(text))
    }
}
