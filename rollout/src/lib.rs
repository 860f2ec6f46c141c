//! The walk of a canary from its first share to everyone or back to nobody, on evidence. Pure: the
//! clock, the network and files are the caller's.
//!
//! | module | what |
//! |---|---|
//! | [`plan`] | what a canary says of its rollout |
//! | [`machine`] | `step(plan, state, event)`: the state machine |
//! | [`journal`] | decisions with their numbers |
//! | [`reading`] | what Prometheus says, to what has been counted from one moment to another |
//! | [`evidence`] | what the counts of two arms say about a version, at any time and as often as one looks |
//! | [`config`] | the share and the salt in the config that proxies read |

#![forbid(unsafe_code)]

pub mod config;
pub mod evidence;
pub mod journal;
pub mod machine;
pub mod plan;
pub mod reading;
mod text;
