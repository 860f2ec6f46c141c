//! The decision tables: one list for the native test, for wasm32 and for a real Envoy.
//!
//! A file is a plugin config and cases of requests with what must be decided about them; `format`
//! says how it is written. Another crate takes the list with
//! `#[path = "../../tests/tables/mod.rs"] mod tables;` and needs `serde_json`,
//! `ed25519-dalek` and `base64ct` for it.

pub(crate) mod format;
mod tokens;

use format::Table;

/// Every table by its file's name.
const FILES: &[(&str, &str)] = &[
    ("scope", include_str!("scope.json")),
    ("clean", include_str!("clean.json")),
    ("pins", include_str!("pins.json")),
    ("pin-forms", include_str!("pin-forms.json")),
    ("rules", include_str!("rules.json")),
    ("rules-by-text", include_str!("rules-by-text.json")),
    ("rule-shares", include_str!("rule-shares.json")),
    ("units", include_str!("units.json")),
    ("no-unit-default", include_str!("no-unit-default.json")),
    ("no-unit-random", include_str!("no-unit-random.json")),
    ("no-unit-cookie", include_str!("no-unit-cookie.json")),
    ("no-unit-address", include_str!("no-unit-address.json")),
    ("ramp", include_str!("ramp.json")),
    ("propagate", include_str!("propagate.json")),
    ("inherit", include_str!("inherit.json")),
    ("edge", include_str!("edge.json")),
    ("guard", include_str!("guard.json")),
    ("two-arms", include_str!("two-arms.json")),
    ("three-arms", include_str!("three-arms.json")),
    ("signed", include_str!("signed.json")),
    ("signed-required", include_str!("signed-required.json")),
    ("signed-time", include_str!("signed-time.json")),
];

/// All tables, read.
///
/// # Panics
/// A file is not a table.
pub(crate) fn all() -> Vec<Table> {
    FILES
        .iter()
        .map(|(name, text)| Table::read(name, text))
        .collect()
}
