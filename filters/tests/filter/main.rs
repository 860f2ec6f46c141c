//! The filter under a host that the tests play, natively: what is exported is called as Envoy does, and
//! the filter's host calls end in `host/`.
//!
//! | file | what |
//! |---|---|
//! | `host/` | the host: Envoy's part of the ABI, with failures on demand |
//! | `requests` | what becomes of a request |
//! | `guard` | when a variant is taken out of service, and comes back |
//! | `contexts` | which configuration a stream has, where there are several of both |
//! | `configure` | what becomes of a configuration |
//! | `failures` | what the filter does when a host call fails |
//! | `memory` | what a request allocates, and that it frees it |
//! | `wire` | the wire form of headers |
//! | `entropy` | the pool of draws |
//! | `random` | random bytes as configuration and as headers |
//! | `agreement` | that `explain`, `simulate` and the filter agree about random policies |

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the filter must not panic; a test may, and so says that it failed"
)]

mod agreement;
mod baggage;
mod configure;
mod contexts;
mod ending;
mod entropy;
mod evidence;
mod failures;
mod guard;
mod host;
mod memory;
#[path = "../../../tests/policies/mod.rs"]
mod policies;
mod random;
mod requests;
mod wire;
