//! `protocol`: what a version is spoken to in, where no cluster knows it.

use super::fields::Field;
use super::names::choice;
use super::report::Report;
use serde::Serialize;

/// What the endpoints of a canary's variants speak, in the words of Istio's names of ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http,
    /// HTTP/2 by prior knowledge (RFC 9113, section 3.3): without TLS nothing negotiates it.
    Http2,
    /// gRPC: HTTP/2, and calls that last as long as the client's deadline allows.
    Grpc,
}

const PROTOCOLS: &[(&str, Protocol)] = &[
    ("http", Protocol::Http),
    ("http2", Protocol::Http2),
    ("grpc", Protocol::Grpc),
];

pub(super) fn read_protocol(field: &Field<'_>, report: &mut Report<'_>) -> Option<Protocol> {
    choice(field, report, PROTOCOLS)
}

impl Protocol {
    pub(super) fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}
