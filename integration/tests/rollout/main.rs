//! Rollouts that act: a real Envoy with the filter, a real Prometheus, two versions, and the command
//! `coalmine rollout` as people run it.

mod anyway;
mod killed;
mod mesh;
#[path = "../../../tests/server/mod.rs"]
mod server;
mod setting;
mod walks;
