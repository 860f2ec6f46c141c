//! On wasm32, in Node: the same decision tables and vectors, and a portion of the properties.
//!
//! `cargo xtask test` runs this; it knows the toolchain and the runner.
#![cfg(target_family = "wasm")]
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
#[path = "vectors/published.rs"]
mod published;
mod request;
mod sequence;
mod tables;
#[path = "signatures/vectors.rs"]
mod vectors;

use coalmine::config::read_json;
use coalmine::{Policy, decide};
use request::{Fixed, Sent};
use sequence::{CONFIG, Sequence};
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
fn every_case_is_decided_as_the_tables_say() {
    for table in tables::all() {
        check::check(&table);
    }
}

#[wasm_bindgen_test]
fn signatures_are_verified_as_the_vectors_of_others_say() {
    vectors::check_wycheproof();
    vectors::check_speccheck();
}

#[wasm_bindgen_test]
fn every_unit_falls_where_the_vectors_say() {
    published::check();
}

#[wasm_bindgen_test]
fn a_growing_share_keeps_everyone() {
    sequence::growing_share_keeps_everyone(2_000);
}

#[wasm_bindgen_test]
fn no_bytes_make_the_reader_panic() {
    let mut sequence = Sequence::new(7);
    for _ in 0..20_000 {
        let _ = read_json(&sequence.config_like());
    }
}

#[wasm_bindgen_test]
fn no_headers_make_the_decision_panic() {
    let canaries = read_json(CONFIG.as_bytes()).expect("the config is good");
    let policy = Policy::compile(&canaries);
    let mut sequence = Sequence::new(11);
    for _ in 0..20_000 {
        let request = Sent {
            headers: sequence.headers(),
            source: Some(sequence.bytes(40)),
        };
        let _ = decide(&policy, &request, &Fixed::default());
    }
}
