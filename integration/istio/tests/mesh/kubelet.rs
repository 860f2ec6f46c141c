//! As much of a kubelet as forwards a port of a pod: the API server hands on what its clients ask, and
//! all pods of this one are this machine.
//!
//! The protocol is Kubernetes' `v4.channel.k8s.io`: of each message the first byte is a channel; each
//! port has one for data and one for errors, and both begin with the port's number.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use coalmine_istio::kubectl::Kubectl;
use futures_util::{SinkExt, StreamExt};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

const PROTOCOL: &str = "v4.channel.k8s.io";

/// A node with a kubelet; it ends when dropped.
pub(crate) struct Kubelet {
    port: u16,
    _runtime: Runtime,
}

impl Kubelet {
    /// Starts it; whoever asks for `asked` of a pod gets to `real` of this machine.
    pub(crate) fn start(asked: u16, real: SocketAddr) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let acceptor = acceptor()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let port = listener.local_addr()?.port();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await
                        && let Err(error) = forward(stream, asked, real).await
                    {
                        eprintln!("kubelet: {error:#}");
                    }
                });
            }
        });
        Ok(Self {
            port,
            _runtime: runtime,
        })
    }

    /// Makes its node, and a pod on it that runs.
    pub(crate) fn run_pod(&self, kubectl: &Kubectl, namespace: &str, name: &str) -> Result<()> {
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "here"}});
        kubectl.apply(&node.to_string())?;
        let status = json!({"status": {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self.port}},
        }});
        patch(kubectl, &["node", "here"], &status.to_string())?;
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": {"app": "istiod"}},
            "spec": {
                "nodeName": "here",
                "containers": [{"name": "discovery", "image": "none"}],
            },
        });
        kubectl.apply(&pod.to_string())?;
        let running = json!({"status": {"phase": "Running"}}).to_string();
        patch(kubectl, &["pod", name, "--namespace", namespace], &running)
    }
}

fn patch(kubectl: &Kubectl, what: &[&str], status: &str) -> Result<()> {
    let how = [
        "patch",
        "--subresource",
        "status",
        "--type",
        "merge",
        "-p",
        status,
    ];
    let arguments = [&how[..], what].concat();
    kubectl.run(&arguments, "").map(drop)
}

/// TLS with a certificate of its own: the API server believes any, unless it is told an authority.
fn acceptor() -> Result<TlsAcceptor> {
    let key = rcgen::KeyPair::generate()?;
    let certificate = rcgen::CertificateParams::new(vec!["here".to_owned()])?.self_signed(&key)?;
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn forward(stream: TlsStream<TcpStream>, asked: u16, real: SocketAddr) -> Result<()> {
    let mut query = String::new();
    #[expect(
        clippy::result_large_err,
        reason = "the callback's type is tungstenite's"
    )]
    let answer = |request: &Request, mut response: Response| {
        query = request.uri().to_string();
        let protocol = HeaderValue::from_static(PROTOCOL);
        response
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        Ok(response)
    };
    let mut socket = tokio_tungstenite::accept_hdr_async(stream, answer).await?;
    query
        .starts_with("/portForward/istio-system/")
        .then_some(())
        .with_context(|| format!("asked for {query}"))?;
    let [low, high] = asked.to_le_bytes();
    for channel in [0, 1] {
        socket
            .send(Message::binary(vec![channel, low, high]))
            .await?;
    }
    let mut there = TcpStream::connect(real).await?;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Binary(bytes))) => there.write_all(bytes.get(1..).unwrap_or_default()).await?,
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(()),
                Some(Ok(_)) => {}
            },
            read = there.read(&mut buffer) => {
                let read = read?;
                if read == 0 {
                    return Ok(socket.close(None).await?);
                }
                let mut message = vec![0];
                message.extend_from_slice(&buffer[..read]);
                socket.send(Message::binary(message)).await?;
            }
        }
    }
}
