//! The command as people run it: whole commands with their exit code and all they print.
//!
//! What they print is kept in `snapshots/`; `INSTA_UPDATE=always cargo test -p coalmine-cli` writes
//! it anew.

mod agreement;
mod alerts;
mod bad;
mod diff;
mod docs;
mod envoy_filter;
mod envoy_page;
mod envoy_run;
mod examples;
mod explain;
mod gateway_api;
mod help;
mod into;
mod istio;
mod metrics_page;
mod module;
mod pages;
mod pin;
mod rendering;
mod rollout;
mod run;
mod schema;
#[path = "../../../tests/server/mod.rs"]
mod server;
mod shell;
mod simulate;
mod status;
mod travel;
mod validate;
