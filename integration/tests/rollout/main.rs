//! Rollouts that act: a real Envoy with the filter, a real Prometheus, two versions, and the command
//! `coalmine rollout` as people run it.

mod killed;
mod setting;
mod walks;
