//! Properties that must hold for every config and every request, natively.
//!
//! `COALMINE_FUZZ=1000000 cargo test --release --test properties no_` feeds the reader and the
//! decision with so many random inputs; `PROPTEST_CASES` raises the number of the other cases where a
//! property does not say its own.
#![cfg(not(target_family = "wasm"))]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod arms;
mod baggage;
#[path = "../naive/decoded.rs"]
mod decoded;
mod formats;
mod guard;
#[path = "../naive/members.rs"]
mod members;
mod pins;
#[path = "../request/mod.rs"]
mod request;
mod robust;
mod rules;
#[path = "../sequence/mod.rs"]
mod sequence;
mod shares;
mod sizes;
mod streamed;
mod tokens;
mod written;
