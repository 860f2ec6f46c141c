//! The published vectors and the page that tells the formula: both say what the code does.
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

#[path = "vectors/published.rs"]
mod published;
mod request;

use coalmine::bucket::Bucket;
use serde_json::Value;
use std::path::Path;

#[test]
fn the_published_vectors_are_what_is_computed() {
    for (name, text, computed) in [
        ("hashes.json", published::HASHES, published::hashes()),
        ("variants.json", published::VARIANTS, published::variants()),
        ("arms.json", published::ARMS, published::arms()),
    ] {
        let wanted = lines(&computed);
        if std::env::var_os("UPDATE").is_some() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
            std::fs::write(folder.join(name), wanted).expect("the file can be written");
        } else {
            assert!(
                text == wanted,
                "{name} is old: UPDATE=1 cargo test --test vectors"
            );
        }
    }
    if std::env::var_os("UPDATE").is_none() {
        published::check();
    }
}

/// A vector to a line.
fn lines(file: &Value) -> String {
    let vectors = file["vectors"].as_array().expect("a list of vectors");
    let lines: Vec<String> = vectors.iter().map(|vector| format!("  {vector}")).collect();
    format!("{{\"vectors\": [\n{}\n]}}\n", lines.join(",\n"))
}

/// The worked example of the page is a table of `| what | value |` rows.
#[test]
fn the_page_works_its_example_out_rightly() {
    let page = include_str!("../docs/bucketing.md");
    let row = |what: &str| {
        let row = page.lines().find_map(|line| {
            let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
            (cells.next()? == what).then(|| cells.next())?
        });
        let row = row.unwrap_or_else(|| panic!("the page has no row `{what}`"));
        row.trim_matches('`').replace(',', "")
    };
    let salt = row("salt");
    let unit = row("unit");
    let bucket = Bucket::of(salt.as_bytes(), unit.as_bytes());
    let hex: Vec<String> = [salt.as_bytes(), b"\x1f", unit.as_bytes()]
        .concat()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(row("bytes"), hex.join(" "));
    assert_eq!(row("hash"), format!("0x{:016x}", bucket.hash()));
    assert_eq!(row("hash, decimal"), bucket.hash().to_string());
    let product = u128::from(bucket.hash()) * 1_000_000;
    assert_eq!(row("times 1,000,000"), product.to_string());
    let position = bucket.position().millionths();
    assert_eq!(row("position"), position.to_string());
    assert_eq!(row("in the canary from a share of"), percent(position + 1));
}

fn percent(millionths: u32) -> String {
    let share = coalmine::bucket::Share::from_millionths(millionths).expect("a share");
    share.to_string()
}
