//! Requests that are decided differently, each verified by both policies.

use super::flows::{self, Part};
use super::judged::{self, Judged, both};
use super::made::Example;
use super::report::{Change, Decided, Kind};
use super::scope::{Scope, Side};
use super::users::{self, Line};
use super::{solve, times, unit};
use coalmine::Timestamp;
use coalmine::config::UnitSource;
use std::collections::BTreeMap;

/// What was found.
pub(super) struct Found {
    pub(super) changes: Vec<Change>,
    pub(super) tried: usize,
    pub(super) exhaustive: bool,
}

/// Whether pins, rules and what is inherited are the same on both sides, and draw by the same places on the line: then
/// no request needs to be tried.
fn decide_alike(scope: &Scope<'_>) -> bool {
    let (Some(old), Some(new)) = (scope.old, scope.new) else {
        return false;
    };
    let (before, after) = (&old.config.spec, &new.config.spec);
    let territories = |side: Side<'_>| {
        let mut variants: Vec<_> = side
            .config
            .spec
            .variants
            .iter()
            .map(|(name, variant)| (name.clone(), variant.max))
            .collect();
        variants.sort();
        variants
    };
    let heritage = |side: Side<'_>| {
        let inherit = side.config.spec.inherit.clone();
        inherit.filter(|_| side.inherits())
    };
    before.pins == after.pins
        && heritage(old) == heritage(new)
        && before.rules == after.rules
        && before.default == after.default
        && territories(old) == territories(new)
        && old.config.salt() == new.config.salt()
        && before.when_no_unit == after.when_no_unit
        && users::sources(old.config) == users::sources(new.config)
}

/// A change is told by who decided what on both sides.
type Which = (Kind, Decided, Decided);

/// What pins and rules decide otherwise at these times.
pub(super) fn changes(scope: &Scope<'_>, times: &[Timestamp]) -> Found {
    if decide_alike(scope) {
        return Found {
            changes: Vec::new(),
            tried: 0,
            exhaustive: true,
        };
    }
    let tries = solve::tries(scope);
    let mut found: BTreeMap<Which, Option<Change>> = BTreeMap::new();
    let mut in_vain = InVain(0);
    for now in times {
        for example in &tries.examples {
            compare(scope, example, *now, &mut found, &mut in_vain);
        }
    }
    let mut changes: Vec<Change> = found.into_values().flatten().collect();
    // Who brings no unit is no news where those who bring one change in the same way.
    let known = changes.clone();
    changes.retain(|change| {
        let with_unit =
            |reason: &str| if reason == "no-unit" { "share" } else { reason }.to_owned();
        let (old, new) = (with_unit(&change.old.reason), with_unit(&change.new.reason));
        let alike = |other: &&Change| {
            (&other.old.reason, &other.new.reason) == (&old, &new)
                && other.old.variant == change.old.variant
                && other.new.variant == change.new.variant
        };
        (&change.old.reason, &change.new.reason) == (&old, &new)
            || !known.iter().any(|other| alike(&other))
    });
    Found {
        changes,
        tried: tries.examples.len(),
        exhaustive: tries.exhaustive && in_vain.0 == 0,
    }
}

/// How often other units were looked for that must be there by arithmetic, and none was found.
struct InVain(u32);

impl InVain {
    /// A search may take 10,000 decisions, so there is an end to them.
    const MOST: u32 = 100;
}

fn compare(
    scope: &Scope<'_>,
    example: &Example,
    now: Timestamp,
    found: &mut BTreeMap<Which, Option<Change>>,
    in_vain: &mut InVain,
) {
    let (old, new) = both(scope, example, now);
    if old.by_shares() && new.by_shares() {
        return;
    }
    let kind = if old.by_pin() || new.by_pin() {
        Kind::Pins
    } else if old.is_inherited() || new.is_inherited() {
        Kind::Inherited
    } else {
        Kind::Rules
    };
    let lines = (line(&old, scope.old), line(&new, scope.new));
    let fixed = matches!(lines, (Line::Fixed(_), Line::Fixed(_)));
    let at = times::matter(scope).then_some(now);
    let carried = carried(scope, example);
    if fixed || !carried.is_empty() {
        let differ = old.decided.variant != new.decided.variant;
        let which = (kind, old.decided.clone(), new.decided.clone());
        if differ && found.get(&which).is_none_or(Option::is_none) {
            let change = Change {
                kind,
                old: old.decided.clone(),
                new: new.decided.clone(),
                part: None,
                example: Example {
                    at,
                    ..example.clone()
                },
            };
            found.insert(which, Some(change));
        }
    }
    if fixed {
        return;
    }
    if !carried.is_empty() {
        let judged = (kind, &old, &new);
        compare_carried(scope, example, now, judged, &carried, found, in_vain);
    }
    for brings in users::kinds(scope) {
        if brings.iter().any(|source| carried.contains(source)) {
            continue;
        }
        let lines = (line(&old, scope.old), line(&new, scope.new));
        let drawn = users::drawn(scope, &brings, lines);
        for stream in &drawn.streams {
            let decided = |variant: &str, reason: String| Decided {
                variant: variant.to_owned(),
                reason,
            };
            let which = (
                kind,
                decided(&stream.from, reason(&old, &drawn.keys.0)),
                decided(&stream.to, reason(&new, &drawn.keys.1)),
            );
            if found.contains_key(&which) {
                continue;
            }
            let example = unit::found(example, &brings, &drawn.keys, stream);
            let change = example.and_then(|example| {
                let (old, new) = judged::decided(scope, &example, now);
                let as_said = old.variant == stream.from && new.variant == stream.to;
                as_said.then(|| Change {
                    kind,
                    old,
                    new,
                    part: (stream.part < Part::ALL).then_some(stream.part),
                    example: Example { at, ..example },
                })
            });
            found.insert(which, change);
        }
    }
}

/// The same for a request whose unit a condition looks at: others that the condition does not tell
/// from it lie elsewhere on the line.
fn compare_carried(
    scope: &Scope<'_>,
    example: &Example,
    now: Timestamp,
    (kind, old, new): (Kind, &Judged, &Judged),
    carried: &[UnitSource],
    found: &mut BTreeMap<Which, Option<Change>>,
    in_vain: &mut InVain,
) {
    let lines = (line(old, scope.old), line(new, scope.new));
    let drawn = users::drawn(scope, carried, lines);
    for stream in &drawn.streams {
        let decided = |variant: &str, judged: &Judged| Decided {
            variant: variant.to_owned(),
            reason: judged.decided.reason.clone(),
        };
        let which = (kind, decided(&stream.from, old), decided(&stream.to, new));
        if found.get(&which).is_some_and(Option::is_some) || in_vain.0 >= InVain::MOST {
            continue;
        }
        let reasons = |example: &Example| {
            let (old, new) = judged::decided(scope, example, now);
            (old.reason == which.1.reason && new.reason == which.2.reason).then_some((old, new))
        };
        let others = unit::others(example, carried, stream.part, |other| {
            reasons(other).is_some()
        });
        // Where the conditions single a unit out there is no other, and that one was compared.
        let single = others.is_empty();
        let change = others.into_iter().find_map(|example| {
            let (old, new) = reasons(&example)?;
            let as_said = old == which.1 && new == which.2;
            as_said.then(|| Change {
                kind,
                old,
                new,
                part: (stream.part < Part::ALL).then_some(stream.part),
                example: Example {
                    at: times::matter(scope).then_some(now),
                    ..example
                },
            })
        });
        match change {
            Some(change) => {
                found.insert(which, Some(change));
            }
            None if single => {}
            None => in_vain.0 += 1,
        }
    }
}

/// The reason once there is a unit: a request without one may have been told apart by it.
fn reason(judged: &Judged, key: &unit::Key) -> String {
    match judged.decided.reason.as_str() {
        "no-unit" if *key != unit::Key::Nowhere => "share".to_owned(),
        reason => reason.to_owned(),
    }
}

/// The units that a request has because a condition looks at the same place.
fn carried(scope: &Scope<'_>, example: &Example) -> Vec<UnitSource> {
    let sources = scope.sides().flat_map(|side| users::sources(side.config));
    let has = |source: &UnitSource| match source {
        UnitSource::Header(name) => example.headers.iter().any(|(known, _)| known == name),
        UnitSource::Cookie(name) => {
            let start = format!("{name}=");
            let mut cookies = example.cookies.iter();
            cookies.any(|cookie| cookie.starts_with(&start))
        }
        UnitSource::Query(name) => example.path.as_ref().is_some_and(|path| {
            let (_, query) = path.split_once('?').unwrap_or_default();
            let mut names = query.split('&').map(|pair| pair.split('=').next());
            names.any(|known| known == Some(name))
        }),
    };
    sources.filter(has).collect()
}

/// The line that a side drew on, or the variant that needed none.
fn line(judged: &Judged, side: Option<Side<'_>>) -> Line {
    let drawn = judged.parts.iter().any(|part| part.share.millionths() > 0);
    match side {
        Some(side) if drawn => Line::Drawn(flows::owners(side.canary, &judged.parts)),
        _ => Line::Fixed(judged.decided.variant.clone()),
    }
}
