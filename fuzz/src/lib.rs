//! What must hold for any bytes. Each target is a function here, a program of libFuzzer in `targets/`,
//! and a folder of inputs in `corpus/`, which `tests/corpora.rs` replays with no tool at all.
//!
//! | target | its bytes are | what holds |
//! |---|---|---|
//! | [`config`] | a file, JSON or YAML | nothing panics, and what is read can be written and read again |
//! | [`headers`] | a request to one of the policies of the decision tables | the naive decision says the same |
//! | [`cookies`] | lines of cookies | the same, and how they are spread over lines means nothing |
//! | [`baggage`] | lines of baggage | nothing in our name passes an edge, and nothing of others is lost |
//! | [`token`] | a token, or the JSON of one that is signed then | what is not signed pins nothing |
//! | [`ramp`] | times and shares | shares are those of exact fractions; texts are read as they are shown |
//! | [`rollout`] | events, or the state of a rollout | no step is taken too early, and the state survives being written |

#![forbid(unsafe_code)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a target fails by panicking"
)]

mod baggage;
mod bytes;
mod config;
mod cookies;
#[path = "../../tests/naive/decoded.rs"]
mod decoded;
mod headers;
#[path = "../../rollout/tests/machine/invariants.rs"]
mod invariants;
#[path = "../../tests/naive/mod.rs"]
mod naive;
mod ramp;
mod rollout;
mod token;

use naive::members;

pub use baggage::baggage;
pub use config::config;
pub use cookies::cookies;
pub use headers::headers;
pub use ramp::ramp;
pub use rollout::rollout;
pub use token::token;

/// A target, as it is called for each input.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Target); 7] = [
    ("baggage", baggage),
    ("config", config),
    ("cookies", cookies),
    ("headers", headers),
    ("ramp", ramp),
    ("rollout", rollout),
    ("token", token),
];
