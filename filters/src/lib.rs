//! The HTTP filter: what Envoy calls for each request, and what is done to it.
//!
//! The crate speaks proxy-wasm and decides nothing itself: [`coalmine::decide()`] does, by way of
//! `decision/`, which is compiled for speed where the rest is compiled for size. It is an
//! rlib, so that the tests can play the host natively; `module/` makes the WebAssembly module of it.
//!
//! | where | what |
//! |---|---|
//! | `callbacks` | what Envoy calls for each request |
//! | `worker` | what a worker's VM holds: configurations, and streams whose response is awaited |
//! | `root` | one configuration: read it, refuse it, or put it in force |
//! | `plugin` | what a configuration makes: the policy and what lives as long as it |
//! | `stream` | one request and its response |
//! | `moment` | the time and the draws that a decision may ask for |
//! | `watched` | a request whose response is watched, until it has ended |
//! | `ending` | how a response ended, asked in one question |
//! | `counters` | `coalmine_decisions`, by canary, variant and reason |
//! | `evidence` | responses by arm |
//! | `metric` | a metric of the host, and labels in its name |
//! | `onward` | `baggage` on its way to the next hop, and `coalmine_baggage` |
//! | `guards` | the guards: their metrics, their log lines, what workers tell each other |
//! | `host` | the host's calls, none of which can panic |
//! | `call` | which of them can fail, and what that means |
//! | `expression` | an expression that Envoy evaluates |
//! | `given` | what the host's calls give back, and the memory that it comes in |
//! | `host_log` | Envoy's log behind the `log` facade |
//! | [`pairs`] | the wire form of headers, read in place |
//! | [`entropy`] | random draws out of a pool |

mod call;
mod callbacks;
mod counters;
mod ending;
pub mod entropy;
mod evidence;
mod expression;
mod given;
mod guards;
mod host;
mod host_log;
mod metric;
mod moment;
mod onward;
mod plugin;
mod root;
mod stream;
mod watched;
mod worker;

pub use coalmine_filter_decision::pairs;

/// Sends the log to Envoy, and tells the SDK what to make for each configuration. Called once, from `_initialize`.
pub fn register() {
    host_log::install();
    proxy_wasm::set_root_context(|context| Box::new(root::Root::new(context)));
}
