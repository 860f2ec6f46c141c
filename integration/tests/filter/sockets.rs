//! A service of WebSockets and a client of it, both by tungstenite.

use std::net::SocketAddr;

use coalmine_integration::runtime;
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async, client_async};

/// Upgrades of this path are refused.
pub(crate) const REFUSED: &str = "/refused";

/// A version of the service, which says everything again with its name; its sockets break when it
/// is dropped.
pub(crate) struct Version {
    pub address: SocketAddr,
    server: JoinHandle<()>,
}

/// A socket that a client has opened.
pub(crate) struct Socket(WebSocketStream<TcpStream>);

impl Version {
    pub(crate) fn start(name: &'static str) -> Self {
        let listener = runtime::block_on(TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let server = runtime::spawn(async move {
            let mut sockets = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                sockets.spawn(echo(name, stream));
            }
        });
        Self { address, server }
    }
}

impl Drop for Version {
    fn drop(&mut self) {
        runtime::end(&mut self.server);
    }
}

// The type is tungstenite's.
#[expect(clippy::result_large_err)]
fn admit(request: &Request, response: Response) -> Result<Response, ErrorResponse> {
    if request.uri().path() != REFUSED {
        return Ok(response);
    }
    let mut refusal = ErrorResponse::new(None);
    *refusal.status_mut() = hyper::StatusCode::FORBIDDEN;
    Err(refusal)
}

async fn echo(name: &'static str, stream: TcpStream) {
    let Ok(mut socket) = accept_hdr_async(stream, admit).await else {
        return;
    };
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Text(text) = message {
            let text = format!("{name}: {text}");
            if socket.send(Message::text(text)).await.is_err() {
                return;
            }
        }
    }
}

impl Socket {
    /// Opens a socket of the host `shop`.
    ///
    /// # Errors
    /// The status, if it is not 101.
    pub(crate) fn open(
        envoy: SocketAddr,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let mut request = format!("ws://shop{path}").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        let opened = runtime::block_on(async {
            let stream = TcpStream::connect(envoy).await.unwrap();
            client_async(request, stream).await
        });
        match opened {
            Ok((socket, response)) => {
                assert_eq!(response.status(), 101);
                Ok(Self(socket))
            }
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// The version at the other end, which has said `text` again.
    pub(crate) fn version(&mut self, text: &str) -> String {
        let answer = runtime::block_on(async {
            self.0.send(Message::text(text)).await.unwrap();
            self.0.next().await.unwrap().unwrap()
        });
        let answer = answer.into_text().unwrap();
        let (version, said) = answer.split_once(": ").unwrap();
        assert_eq!(said, text);
        version.to_owned()
    }

    /// Ends it as both sides have agreed.
    pub(crate) fn close(mut self) {
        runtime::block_on(async {
            self.0.close(None).await.unwrap();
            while let Some(Ok(_)) = self.0.next().await {}
        });
    }

    /// Whether the other end is gone.
    pub(crate) fn is_broken(&mut self) -> bool {
        let next = runtime::block_on(self.0.next());
        !matches!(next, Some(Ok(_)))
    }
}
