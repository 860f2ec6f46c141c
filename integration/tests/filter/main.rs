//! The filter in a real Envoy, with what the companion rendered.
//!
//! One program, because it is linked once and its tests share both cores. `COALMINE_ENVOY` chooses
//! the Envoy, `COALMINE_HOSTILE` the number of hostile requests, `COALMINE_RESPONSES` that of the
//! responses that are counted exactly, `COALMINE_SOAK` the seconds of the soak.

mod agreement;
mod arms;
mod calls;
mod changes;
mod clock;
mod cookies;
mod counted;
mod damaged;
mod decisions;
mod endpoints;
mod evidence;
mod examples;
mod failure;
mod faults;
mod forged;
mod grpc;
mod guard;
mod hostile;
mod http2;
mod istio_stats;
mod metrics;
mod patches;
#[path = "../../../tests/policies/mod.rs"]
mod policies;
mod prometheus;
mod ramps;
mod random;
mod requests;
mod restart;
mod setting;
mod slow;
mod soak;
mod sockets;
#[path = "../../../tests/tables/mod.rs"]
mod tables;
mod travel;
mod uploads;
mod watched;
mod websocket;
mod wire;
