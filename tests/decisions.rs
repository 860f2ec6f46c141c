//! Every decision table, natively.
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

mod check;
mod request;
mod tables;

#[test]
fn every_case_is_decided_as_the_tables_say() {
    for table in tables::all() {
        check::check(&table);
    }
}
