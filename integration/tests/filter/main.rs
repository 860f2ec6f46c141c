//! The filter in a real Envoy, with what the companion rendered.
//!
//! One program, because it is linked once and its tests share both cores. `COALMINE_ENVOY` chooses
//! the Envoy, `COALMINE_HOSTILE` the number of hostile requests.

mod agreement;
mod changes;
mod cookies;
mod damaged;
mod decisions;
mod examples;
mod failure;
mod forged;
mod hostile;
mod metrics;
#[path = "../../../tests/policies/mod.rs"]
mod policies;
mod ramps;
mod random;
mod requests;
mod setting;
#[path = "../../../tests/tables/mod.rs"]
mod tables;
mod watched;
