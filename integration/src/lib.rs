//! Coalmine on the real things: a real Envoy, real upstreams, real connections.
//!
//! What the tests, `cargo xtask demo` and `cargo xtask bench` stand on. Everything listens on
//! 127.0.0.1 with a free port, and ends when its value is dropped. All functions block, so call
//! them from ordinary threads, not from inside a tokio runtime.
//!
//! | module | what it is |
//! |---|---|
//! | [`workspace`] | where things are in this repository |
//! | [`envoy_binary`] | the Envoy binary, found or fetched |
//! | [`envoy`] | a running Envoy, its log and its end |
//! | [`admin`] | Envoy's admin interface: readiness, listeners, stats |
//! | [`upstream`] | a small HTTP server that reports what it received |
//! | [`behaviour`] | how an upstream fails |
//! | [`guardian`] | a child process that may not outlive this one |
//! | [`service`] | a program that runs: its log, its readiness, its end |
//! | [`relay`] | a service that calls the next one, and hands baggage on |
//! | [`client`] | requests over kept connections, with headers of any bytes |
//! | [`raw`] | bytes as they are onto a socket, for hostile requests |
//! | [`load`] | steady requests in the background, and what became of each |
//! | [`swap`] | a file replaced by an atomic rename, as Envoy watches for it |
//! | [`discovery`] | a filter's config replaced, and Envoy's verdict on it |
//! | [`stand`] | all of it together: an Envoy with what the companion rendered for canaries |
//! | [`registry`] | a real OCI registry |
//! | [`prometheus`] | a real Prometheus |
//! | [`clock`] | the clock of a program, put forth and back |
//! | [`command`] | `coalmine` and `xtask`, as programs |
//! | [`runtime`] | the tokio runtime that all of it runs on |
//! | [`series`] | metrics as Prometheus reads them |
//! | [`decisions`] | what the filter has counted |

#![forbid(unsafe_code)]

pub mod admin;
pub mod behaviour;
pub mod client;
pub mod clock;
pub mod command;
pub mod decisions;
pub mod discovery;
pub mod envoy;
pub mod envoy_binary;
pub mod guardian;
pub mod load;
pub mod prometheus;
pub mod python;
pub mod raw;
pub mod refusals;
pub mod registry;
pub mod relay;
pub mod runtime;
pub mod series;
pub mod service;
pub mod stand;
pub mod swap;
pub mod upstream;
pub mod workspace;
