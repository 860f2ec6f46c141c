//! Coalmine's heart: what a `Canary` says, and which variant a request gets.
//!
//! The crate is pure. It opens no file, reads no clock, draws no random number and cannot panic;
//! whoever calls it brings the [`Request`], and the [`Moment`] with the time and the draw. The
//! WebAssembly filter in Envoy and the command line run this same code, natively and on wasm32.
//!
//! | where | what |
//! |---|---|
//! | [`config`] | the file as people write it: its types, and [`read`](config::read), which finds every problem at once |
//! | [`diagnostic`] | a problem with its place, its cause and what to write instead |
//! | [`policy`] | the compiled plan: hash look-ups by host, pin and exact value |
//! | [`pin`] | signed pins: tokens, and what outlives a request for their sake |
//! | [`decide()`] | the order of precedence, for one request |
//! | [`arm`] | whom a rollout compares with whom |
//! | [`bucket`] | the published formula: where a unit falls on the line |
//! | [`baggage`] | how decisions travel to the next hop |
//! | [`guard`] | the circuit breaker for a variant that fails |
//! | [`request`] | what the decision may ask of the host |
//! | [`response`] | how a response ended |
#![cfg_attr(
    feature = "yaml",
    doc = "| [`yaml`] | YAML with spans, for tools; never in the module |"
)]

pub mod arm;
pub mod baggage;
pub mod bucket;
mod bytes;
pub mod config;
mod decide;
mod decision;
pub mod diagnostic;
pub mod guard;
pub mod metrics;
mod node;
pub mod pin;
pub mod policy;
mod reason;
pub mod request;
pub mod response;
mod timestamp;
#[cfg(feature = "yaml")]
pub mod yaml;

pub use decide::{Observer, Step, decide, decide_observed};
pub use decision::{Decision, HeaderEdit, ReasonName};
pub use node::{Node, Span, Value};
pub use policy::{IssuedUnit, Policy, VariantId};
pub use reason::Reason;
pub use request::{Moment, Request};
pub use timestamp::Timestamp;
