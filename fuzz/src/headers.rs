//! Requests to the policies of the decision tables.

use crate::naive::{Asked, check};
use coalmine::Policy;
use coalmine::config::{Canaries, read_json};
use serde_json::Value;
use std::sync::LazyLock;

/// Configs with something of everything, the tables' among them.
static POLICIES: LazyLock<Vec<(Canaries, Policy)>> = LazyLock::new(|| {
    let tables = [
        include_str!("../../tests/tables/clean.json"),
        include_str!("../../tests/tables/edge.json"),
        include_str!("../../tests/tables/guard.json"),
        include_str!("../../tests/tables/inherit.json"),
        include_str!("../../tests/tables/no-unit-address.json"),
        include_str!("../../tests/tables/no-unit-cookie.json"),
        include_str!("../../tests/tables/no-unit-random.json"),
        include_str!("../../tests/tables/pins.json"),
        include_str!("../../tests/tables/ramp.json"),
        include_str!("../../tests/tables/rule-shares.json"),
        include_str!("../../tests/tables/rules.json"),
        include_str!("../../tests/tables/scope.json"),
        include_str!("../../tests/tables/signed.json"),
        include_str!("../../tests/tables/three-arms.json"),
        include_str!("../../tests/tables/units.json"),
        // Behind the others: a byte of an input says which it is for.
        include_str!("../../tests/tables/rules-by-text.json"),
    ];
    let table = |text: &str| {
        let table: Value = serde_json::from_str(text).unwrap();
        table["config"].to_string()
    };
    let configs = tables.iter().map(|text| table(text));
    let everything = include_str!("../../tests/sequence/config.json").to_owned();
    let configs = configs.chain([everything]);
    let read = configs.map(|json| {
        let canaries = read_json(json.as_bytes()).unwrap();
        let policy = Policy::compile(&canaries);
        (canaries, policy)
    });
    read.collect()
});

/// The first byte chooses a policy, and each line behind it is a header, `name: value`. `@now`,
/// `@draw`, `@source` and `@held` are no headers, but the moment. Both decisions must be the same.
pub fn headers(data: &[u8]) {
    let Some((first, lines)) = data.split_first() else {
        return;
    };
    let (canaries, policy) = &POLICIES[usize::from(*first) % POLICIES.len()];
    let mut asked = Asked::default();
    for line in lines.split(|byte| *byte == b'\n') {
        let Some((name, value)) = split(line) else {
            continue;
        };
        let number = || {
            let text = std::str::from_utf8(value).ok()?;
            text.trim().parse::<i64>().ok()
        };
        match name {
            // Times that a clock can say: the years 1 to 9999.
            b"@now" => asked.now = number().unwrap_or_default() % 253_402_300_800_000,
            b"@draw" => asked.draw = u128::from(number().unwrap_or_default().unsigned_abs()),
            b"@source" => asked.source = Some(value.to_vec()),
            b"@held" => asked.held.push(String::from_utf8_lossy(value).into_owned()),
            name => {
                let name = name.to_ascii_lowercase();
                // A proxy has each pseudo-header once.
                let again = asked.headers.iter().any(|(known, _)| *known == name);
                if !again || !name.starts_with(b":") {
                    asked.headers.push((name, value.to_vec()));
                }
            }
        }
    }
    check(canaries, policy, &asked);
}

/// Name and value around the first colon behind the first byte, without a blank in front.
fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().skip(1).position(|byte| *byte == b':')? + 1;
    let value = &line[colon + 1..];
    Some((&line[..colon], value.strip_prefix(b" ").unwrap_or(value)))
}
