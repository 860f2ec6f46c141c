//! The decision over headers as the host hands them over.
//!
//! The decision is generic over its host, so it is compiled where its host is known: here, and nothing
//! else is. This package is compiled for speed, since every request runs through it; the rest of the
//! module for size, since every proxy compiles it at every push (`[profile.wasm]` in Cargo.toml).

pub mod pairs;

use coalmine::{Decision, Moment, Policy, Request};
use pairs::Pairs;

/// The headers of a request, and who is asked for what is not in them.
#[derive(Clone, Copy)]
pub struct Arrived<'r> {
    /// The headers.
    pub headers: Pairs<'r>,
    /// Asks for the client's address, see [`Request::source_address`].
    pub address: &'r dyn Fn() -> Option<Vec<u8>>,
}

impl Request for Arrived<'_> {
    fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.headers.iter()
    }

    fn source_address(&self) -> Option<Vec<u8>> {
        (self.address)()
    }
}

/// [`coalmine::decide()`] for such a request.
#[inline(never)]
pub fn decide<'p>(
    policy: &'p Policy,
    request: &Arrived<'_>,
    moment: &impl Moment,
) -> Option<Decision<'p>> {
    coalmine::decide(policy, request, moment)
}
