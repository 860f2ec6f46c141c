//! HTTP/2: cookies in several header fields, and many requests at once on one connection.

use std::net::SocketAddr;

use bytes::Bytes;
use coalmine_integration::client::Request;
use coalmine_integration::runtime;
use coalmine_integration::upstream::{Received, SERVED_BY};
use futures_util::future::join_all;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::header::COOKIE;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::setting::{Setting, assert_share, variant};

const CANARY: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: shop}
spec:
  hosts: [shop]
  PROTOCOL
  variants: {stable: {}, canary: {}}
  default: stable
  pins: {header: x-canary, cookie: canary}
  shares: {canary: 30%}
  unit: [{cookie: session}]
";

/// One connection of HTTP/2.
struct Connection(SendRequest<Empty<Bytes>>);

impl Connection {
    fn to(address: SocketAddr) -> Self {
        let handshake = async {
            let stream = TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (sender, driver) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
            runtime::spawn(driver);
            sender
        };
        Self(runtime::block_on(handshake))
    }

    /// A request with each cookie in a header field of its own: which version answered, and the
    /// cookies as it got them.
    async fn get(&self, cookies: &[&str]) -> (String, Vec<u8>) {
        let mut request = hyper::Request::get("http://shop/")
            .body(Empty::new())
            .unwrap();
        for cookie in cookies {
            let field = cookie.parse().unwrap();
            request.headers_mut().append(COOKIE, field);
        }
        let response = self.0.clone().send_request(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        assert_eq!(head.status, 200, "{body:?} {head:?}");
        let served_by = head.headers[SERVED_BY].to_str().unwrap();
        let version = served_by.strip_prefix("shop/").unwrap().to_owned();
        let received: Received = serde_json::from_slice(&body).unwrap();
        (version, received.all("cookie").join(&b"; "[..]))
    }
}

/// Over HTTP/1.1 or HTTP/2 to the versions; to Envoy it is always HTTP/2.
fn check(protocol: &str) {
    let setting = Setting::of(&CANARY.replace("PROTOCOL", protocol));
    let connection = Connection::to(setting.stand.ingress);
    let get = |cookies: &[&str]| runtime::block_on(connection.get(cookies));

    // The pin is in one of the crumbs, wherever it stands.
    let crumbs = ["theme=dark", "session=somebody", "x=1"];
    for place in 0..=crumbs.len() {
        for (pin, expected) in [
            ("canary", "canary"),
            ("never", "stable"),
            ("stable", "stable"),
        ] {
            let pin = format!("canary={pin}");
            let mut cookies = crumbs.to_vec();
            cookies.insert(place, &pin);
            let (version, received) = get(&cookies);
            assert_eq!(version, expected, "{cookies:?}");
            // Nothing is lost on the way.
            assert_eq!(received, cookies.join("; ").into_bytes());
        }
    }

    // Users are drawn by a crumb, each stream by its own, as over HTTP/1.1 in one line.
    let users: Vec<String> = (0..100)
        .map(|user| format!("session=user-{user}"))
        .collect();
    let old = users.iter().map(|session| {
        let request = Request::get("/").header("host", "shop");
        request.header("cookie", format!("theme=dark; {session}; x=1"))
    });
    let old = setting.client().send_all(old.collect(), 4).unwrap();
    let expected: Vec<&str> = old.iter().map(variant).collect();
    for _ in 0..3 {
        let streams = users
            .iter()
            .map(|session| async { connection.get(&["theme=dark", session, "x=1"]).await.0 });
        assert_eq!(runtime::block_on(join_all(streams)), expected);
    }
    let of_canary = expected.iter().filter(|version| **version == "canary");
    assert_share(of_canary.count(), users.len(), 0.3);

    let stats = setting.stand.envoy.admin().stats().unwrap();
    assert_eq!(stats["http.ingress.downstream_cx_http2_total"], 1);
    let upstream = stats["cluster.shop/canary.upstream_cx_http2_total"] > 0;
    assert_eq!(upstream, protocol.ends_with("http2"));
    setting.end_without_problems();
}

#[test]
fn each_stream_is_decided_by_its_own_crumbs_over_http1_to_the_versions() {
    check("protocol: http");
}

#[test]
fn each_stream_is_decided_by_its_own_crumbs_over_http2_to_the_versions() {
    check("protocol: http2");
}
