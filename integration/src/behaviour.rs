//! What an upstream does with a request beside answering it: failing, in all the ways there are.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use futures_lite::StreamExt;
use futures_lite::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper::header::CONTENT_TYPE;
use hyper::header::HeaderValue;
use hyper::{Response, StatusCode};

/// The request header that says, for this request alone, what the upstream shall do.
pub const BEHAVE: &str = "x-behave";

/// The request header that says it for the first attempt alone: what Envoy tries again, and counts
/// in `x-envoy-attempt-count`, is answered well.
pub const BEHAVE_AT_FIRST: &str = "x-behave-at-first";

/// The request header that says it for one version alone: `canary status 503` is of the upstream
/// whose name is `canary`, or ends in `/canary`. May be repeated.
pub const BEHAVE_OF: &str = "x-behave-of";

/// What an upstream does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// It answers 200.
    #[default]
    Well,
    /// It answers with this status.
    Status(u16),
    /// It answers 200 with this status of gRPC in the headers, as gRPC does without a message.
    Grpc(u8),
    /// It answers 200 after this time.
    Slow(Duration),
    /// It closes the connection (HTTP/2: resets the stream) in place of an answer.
    Reset,
    /// It closes the connection in the middle of its answer.
    Break,
    /// It goes silent in the middle of its answer.
    Stall,
    /// It never answers.
    Hang,
}

/// A body that may break off.
pub(crate) type Body = BoxBody<Bytes, io::Error>;

impl Behaviour {
    /// The value of [`BEHAVE`] that asks for it.
    #[must_use]
    pub fn asked(self) -> String {
        match self {
            Self::Well => "well".to_owned(),
            Self::Status(status) => format!("status {status}"),
            Self::Grpc(status) => format!("grpc {status}"),
            Self::Slow(time) => format!("slow {}", time.as_millis()),
            Self::Reset => "reset".to_owned(),
            Self::Break => "break".to_owned(),
            Self::Stall => "stall".to_owned(),
            Self::Hang => "hang".to_owned(),
        }
    }

    /// What a value of [`BEHAVE_OF`] asks of the upstream of this name.
    pub(crate) fn parse_of(value: &str, name: &str) -> Option<Self> {
        let (version, behaviour) = value.split_once(' ')?;
        let last = name.rsplit('/').next()?;
        (version == last).then(|| Self::parse(behaviour))?
    }

    /// What a value of [`BEHAVE`] asks for, if it is one.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let (word, number) = value.split_once(' ').unwrap_or((value, ""));
        Some(match word {
            "well" => Self::Well,
            "status" => Self::Status(number.parse().ok()?),
            "grpc" => Self::Grpc(number.parse().ok()?),
            "slow" => Self::Slow(Duration::from_millis(number.parse().ok()?)),
            "reset" => Self::Reset,
            "break" => Self::Break,
            "stall" => Self::Stall,
            "hang" => Self::Hang,
            _ => return None,
        })
    }

    /// Does so with an answer that would be a good one; an error breaks the connection.
    pub(crate) async fn act(self, mut answer: Response<Full<Bytes>>) -> io::Result<Response<Body>> {
        match self {
            Self::Well => {}
            Self::Status(status) => {
                *answer.status_mut() = StatusCode::from_u16(status).map_err(io::Error::other)?;
            }
            Self::Grpc(status) => {
                let headers = answer.headers_mut();
                headers.insert("grpc-status", HeaderValue::from(u16::from(status)));
                let kind = HeaderValue::from_static("application/grpc");
                headers.insert(CONTENT_TYPE, kind);
            }
            Self::Slow(time) => tokio::time::sleep(time).await,
            Self::Reset => return Err(io::ErrorKind::ConnectionReset.into()),
            Self::Hang => std::future::pending().await,
            Self::Break => {
                // What came before must have left, or there is no answer to break.
                let pause = tokio::time::sleep(Duration::from_millis(20));
                return Ok(half(answer, pause));
            }
            Self::Stall => return Ok(half(answer, std::future::pending())),
        }
        Ok(answer.map(|body| body.map_err(|never: Infallible| match never {}).boxed()))
    }
}

/// An answer that breaks after its headers, its first bytes and a pause.
fn half(
    answer: Response<Full<Bytes>>,
    pause: impl Future<Output = ()> + Send + Sync + 'static,
) -> Response<Body> {
    let (head, _) = answer.into_parts();
    let begun = Ok(Frame::data(Bytes::from_static(b"half of an")));
    let broken = async {
        pause.await;
        Err(io::ErrorKind::ConnectionReset.into())
    };
    let frames = stream::once(begun).chain(stream::once_future(broken));
    Response::from_parts(head, BodyExt::boxed(StreamBody::new(frames)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_understood() {
        for behaviour in [
            Behaviour::Well,
            Behaviour::Status(503),
            Behaviour::Grpc(13),
            Behaviour::Slow(Duration::from_millis(250)),
            Behaviour::Reset,
            Behaviour::Break,
            Behaviour::Stall,
            Behaviour::Hang,
        ] {
            assert_eq!(Behaviour::parse(&behaviour.asked()), Some(behaviour));
        }
        assert_eq!(Behaviour::parse("sing"), None);
        let of = |name| Behaviour::parse_of("canary status 503", name);
        assert_eq!(of("web/shop/canary"), Some(Behaviour::Status(503)));
        assert_eq!(of("canary"), Some(Behaviour::Status(503)));
        assert_eq!(of("web/shop/stable"), None);
    }
}
