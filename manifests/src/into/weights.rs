//! A route that is shared between destinations.

use super::change::{Change, Where};
use super::value::Value;
use std::collections::BTreeMap;

/// Changes of the entries of a map.
pub(super) type Entries = Vec<(&'static str, Where, Change)>;

/// Makes each destination of the service one of the variant. Those that are the same then, but for
/// their weights, become one with all of their weight: a canary by weights gives way to one by
/// decision. What goes elsewhere keeps its weight, so what was a tenth of the requests still is.
pub(super) fn to_variant(
    destinations: &[Value],
    changes: BTreeMap<usize, Entries>,
    weight_if_unsaid: u64,
) -> Change {
    const WEIGHT: &str = "weight";
    let weight = |index: usize| {
        let said = destinations[index].str_at(&[WEIGHT]);
        let said = said.map(|text| text.parse::<u64>());
        said.unwrap_or(Ok(weight_if_unsaid)).unwrap_or(0)
    };
    let said = |index: usize| destinations[index].get(WEIGHT).is_some();
    let mut kept: Vec<(usize, Option<Value>, Vec<usize>)> = Vec::new();
    for (index, entries) in &changes {
        let mut alike = Change::Map(entries.clone()).apply(Some(&destinations[*index]));
        if let Some(Value::Map(map)) = &mut alike {
            map.remove(WEIGHT);
        }
        match kept.iter_mut().find(|(_, other, _)| *other == alike) {
            Some((_, _, merged)) => merged.push(*index),
            None => kept.push((*index, alike, vec![*index])),
        }
    }
    let mut items = BTreeMap::new();
    for (first, _, merged) in kept {
        let mut entries = changes.get(&first).cloned().unwrap_or_default();
        let weighs = weight_if_unsaid > 0 || merged.iter().any(|index| said(*index));
        if merged.len() > 1 && weighs {
            let sum = merged.iter().map(|index| weight(*index)).sum();
            entries.push((WEIGHT, Where::Last, Change::Set(Value::number(sum))));
        }
        items.insert(first, Change::Map(entries));
        items.extend(merged[1..].iter().map(|index| (*index, Change::Remove)));
    }
    let first = Vec::new();
    Change::List { first, items }
}
