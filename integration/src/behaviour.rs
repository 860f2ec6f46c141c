//! What an upstream does with a request beside answering it: failing, in all the ways there are.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper::{Response, StatusCode};

/// The request header that says, for this request alone, what the upstream shall do.
pub const BEHAVE: &str = "x-behave";

/// What an upstream does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// It answers 200.
    #[default]
    Well,
    /// It answers with this status.
    Status(u16),
    /// It answers 200 after this time.
    Slow(Duration),
    /// It closes the connection (HTTP/2: resets the stream) in place of an answer.
    Reset,
    /// It closes the connection in the middle of its answer.
    Break,
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
            Self::Slow(time) => format!("slow {}", time.as_millis()),
            Self::Reset => "reset".to_owned(),
            Self::Break => "break".to_owned(),
            Self::Hang => "hang".to_owned(),
        }
    }

    /// What a value of [`BEHAVE`] asks for, if it is one.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let (word, number) = value.split_once(' ').unwrap_or((value, ""));
        Some(match word {
            "well" => Self::Well,
            "status" => Self::Status(number.parse().ok()?),
            "slow" => Self::Slow(Duration::from_millis(number.parse().ok()?)),
            "reset" => Self::Reset,
            "break" => Self::Break,
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
            Self::Slow(time) => tokio::time::sleep(time).await,
            Self::Reset => return Err(io::ErrorKind::ConnectionReset.into()),
            Self::Hang => std::future::pending().await,
            Self::Break => return Ok(broken(answer)),
        }
        Ok(answer.map(|body| body.map_err(|never: Infallible| match never {}).boxed()))
    }
}

/// An answer whose headers and first bytes are sent before the rest is not.
fn broken(answer: Response<Full<Bytes>>) -> Response<Body> {
    let (head, _) = answer.into_parts();
    let frames = futures_lite::stream::unfold(0, |sent| async move {
        let frame = match sent {
            0 => Ok(Frame::data(Bytes::from_static(b"half of an"))),
            // What came before must have left, or there is no answer to break.
            1 => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Err(io::ErrorKind::ConnectionReset.into())
            }
            _ => return None,
        };
        Some((frame, sent + 1))
    });
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
            Behaviour::Slow(Duration::from_millis(250)),
            Behaviour::Reset,
            Behaviour::Break,
            Behaviour::Hang,
        ] {
            assert_eq!(Behaviour::parse(&behaviour.asked()), Some(behaviour));
        }
        assert_eq!(Behaviour::parse("sing"), None);
    }
}
