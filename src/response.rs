//! How a response ended: the classes that evidence is counted by.

/// How a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Complete, with a status below 400, or with the gRPC status OK; or a WebSocket that was
    /// opened, however it ended.
    Ok,
    /// A status from 400 on, or a gRPC status that is the client's doing.
    ClientError,
    /// A status from 500 on, or a gRPC status that is the server's doing.
    ServerError,
    /// None came from the version, or it broke off.
    Reset,
    /// The client went away before it was complete, which may or may not be the version's doing.
    Cancelled,
}

/// What a proxy knows of a response that has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// The status that the client got; `None` if no response was begun.
    pub code: Option<u64>,
    /// Envoy's flags of it: `response.flags` of its attributes, a bit each.
    pub flags: u64,
    /// What gRPC says, if the request was one of gRPC.
    pub grpc: Option<Grpc>,
}

/// What gRPC says of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grpc {
    /// Nothing: neither headers nor trailers had a status.
    Silent,
    /// A status, 0 to 16.
    Status(u8),
}

/// The upstream's connection or stream broke: `LocalReset`, `UpstreamRemoteReset`,
/// `UpstreamConnectionFailure`, `UpstreamConnectionTermination`, `UpstreamProtocolError`. The bits
/// are those of Envoy's `CoreResponseFlag` (envoy/stream_info/stream_info.h), in which they are
/// numbered once and for all.
const BROKEN: u64 = 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 23;

/// The client's connection or stream broke: `DownstreamConnectionTermination`,
/// `DownstreamProtocolError`, `DownstreamRemoteReset`.
const LEFT: u64 = 1 << 14 | 1 << 18 | 1 << 28;

/// Switching Protocols: a WebSocket was opened.
const SWITCHED: u64 = 101;

/// The gRPC statuses that are the server's doing: UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED,
/// INTERNAL, UNAVAILABLE and DATA_LOSS, as OpenTelemetry's semantic conventions for RPC have it.
pub const SERVER_ERRORS: [u8; 6] = [2, 4, 12, 13, 14, 15];

/// The highest status of gRPC there is, UNAUTHENTICATED.
const HIGHEST: u8 = 16;

/// What a status counts as that gRPC does not know.
const UNKNOWN: u8 = 2;

// === impl Class ===

impl Class {
    /// All of them, in the order of [`Class::index`].
    pub const ALL: [Self; 5] = [
        Self::Ok,
        Self::ClientError,
        Self::ServerError,
        Self::Reset,
        Self::Cancelled,
    ];

    /// The class of a response.
    pub fn of(ended: Ended) -> Self {
        // A socket ends with its connection, whoever was done with it first: Envoy flags every such
        // end as a broken one, and nothing tells a farewell from a failure.
        if ended.code == Some(SWITCHED) {
            return Self::Ok;
        }
        if ended.flags & BROKEN != 0 {
            return Self::Reset;
        }
        let left = ended.flags & LEFT != 0;
        let class = match (ended.code, ended.grpc) {
            (None, _) if left => return Self::Cancelled,
            (None, _) => return Self::Reset,
            (Some(500..), _) => return Self::ServerError,
            (Some(400..), _) => Self::ClientError,
            (Some(_), Some(Grpc::Silent)) => Self::ServerError,
            (Some(_), Some(Grpc::Status(0)) | None) => Self::Ok,
            (Some(_), Some(Grpc::Status(status))) if SERVER_ERRORS.contains(&status) => {
                return Self::ServerError;
            }
            (Some(_), Some(Grpc::Status(_))) => Self::ClientError,
        };
        if left { Self::Cancelled } else { class }
    }

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ClientError => "4xx",
            Self::ServerError => "5xx",
            Self::Reset => "reset",
            Self::Cancelled => "cancelled",
        }
    }

    /// Its number, from 0.
    pub fn index(self) -> usize {
        self as usize
    }

    /// Whether the version has failed.
    pub fn failed(self) -> bool {
        matches!(self, Self::ServerError | Self::Reset)
    }
}

// === impl Grpc ===

impl Grpc {
    /// How many statuses there are.
    pub const STATUSES: usize = HIGHEST as usize + 1;

    /// What the value of `grpc-status` says; what is no status of gRPC's counts as UNKNOWN.
    pub fn parse(value: &[u8]) -> Self {
        let status = core::str::from_utf8(value).ok();
        let status = status.and_then(|text| text.parse().ok());
        Self::Status(
            status
                .filter(|status| *status <= HIGHEST)
                .unwrap_or(UNKNOWN),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_follow_from_what_a_proxy_knows() {
        let check = |code: u64, flags: u64, grpc: Option<Grpc>, expected: &str| {
            let code = (code != 0).then_some(code);
            let ended = Ended { code, flags, grpc };
            assert_eq!(Class::of(ended).name(), expected, "{ended:?}");
        };
        let said = |status| Some(Grpc::Status(status));
        for (code, expected) in [(101, "ok"), (200, "ok"), (304, "ok"), (399, "ok")] {
            check(code, 0, None, expected);
        }
        for (code, expected) in [(400, "4xx"), (499, "4xx"), (500, "5xx"), (599, "5xx")] {
            check(code, 0, None, expected);
            check(code, 0, Some(Grpc::Silent), expected);
        }
        for flag in [4, 6, 14, 28] {
            check(101, 1 << flag, None, "ok");
        }
        // A time-out (UT) and no healthy host (UH) are answers of the proxy for the version.
        check(504, 1 << 2, None, "5xx");
        check(503, 1 << 1, None, "5xx");
        // Connection refused, reset, ended; before and behind the headers.
        for flag in [3, 4, 5, 6, 23] {
            check(503, 1 << flag, None, "reset");
            check(200, 1 << flag, None, "reset");
            check(200, 1 << flag | LEFT, None, "reset");
        }
        check(0, 0, None, "reset");
        for flag in [14, 18, 28] {
            check(0, 1 << flag, None, "cancelled");
            check(200, 1 << flag, None, "cancelled");
            check(200, 1 << flag, Some(Grpc::Silent), "cancelled");
            check(404, 1 << flag, None, "cancelled");
            check(500, 1 << flag, None, "5xx");
            check(200, 1 << flag, said(13), "5xx");
        }
        check(200, 0, Some(Grpc::Silent), "5xx");
        for status in 0..=HIGHEST {
            let expected = match status {
                0 => "ok",
                2 | 4 | 12 | 13 | 14 | 15 => "5xx",
                _ => "4xx",
            };
            check(200, 0, said(status), expected);
        }
    }

    #[test]
    fn statuses_of_grpc_are_read_as_they_are_sent() {
        let check = |text: &[u8], expected| assert_eq!(Grpc::parse(text), Grpc::Status(expected));
        check(b"0", 0);
        check(b"16", 16);
        for other in [&b"17"[..], b"-1", b"", b"ok", b"\xff", b"99999999999"] {
            check(other, UNKNOWN);
        }
    }
}
