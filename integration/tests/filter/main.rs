//! The filter in a real Envoy, with what the companion rendered.
//!
//! One program, because it is linked once and its tests share both cores. `COALMINE_ENVOY` chooses
//! the Envoy, `COALMINE_HOSTILE` the number of hostile requests.

mod agreement;
mod calls;
mod changes;
mod cookies;
mod counted;
mod damaged;
mod decisions;
mod examples;
mod failure;
mod grpc;
mod hostile;
mod http2;
mod metrics;
#[path = "../../../tests/policies/mod.rs"]
mod policies;
mod ramps;
mod random;
mod requests;
mod setting;
mod sockets;
#[path = "../../../tests/tables/mod.rs"]
mod tables;
mod watched;
mod websocket;
