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
mod naive;
mod request;
mod tables;

use coalmine::config::read_json;
use coalmine::{Policy, Timestamp};

#[test]
fn every_case_is_decided_as_the_tables_say() {
    for table in tables::all() {
        check::check(&table);
    }
}

/// Where the tables and the naive decision are of one mind, neither says what it says by mistake.
#[test]
fn every_case_is_decided_naively_as_well() {
    for table in tables::all() {
        let canaries = read_json(table.config.as_bytes()).unwrap();
        let policy = Policy::compile(&canaries);
        for case in &table.cases {
            let request = request::Sent::new(
                &case.method,
                case.host.as_deref(),
                &case.path,
                &case.headers,
            );
            let now = case.now.as_deref().unwrap_or("2026-11-23T00:00:00Z");
            let asked = naive::Asked {
                headers: request.headers,
                source: case.source.clone(),
                now: Timestamp::parse(now).unwrap().unix_millis(),
                draw: case.draw.unwrap_or_default(),
                held: case.held.clone(),
            };
            naive::check(&canaries, &policy, &asked);
        }
    }
}
