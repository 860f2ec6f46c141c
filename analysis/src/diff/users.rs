//! The part of all users that changes version, by arithmetic on the line.

use super::flows::{self, Owners, Part, Stream};
use super::made::Example;
use super::report::{Flow, Users};
use super::scope::{Scope, Side};
use super::unit::{self, Key};
use super::{judged, times};
use coalmine::Timestamp;
use coalmine::config::{Canary, UNIT_COOKIE, UnitSource, WhenNoUnit};

/// Requests that bring the same kinds of units, and where they go.
pub(super) struct Drawn {
    pub(super) keys: (Key, Key),
    pub(super) streams: Vec<Stream>,
    pub(super) exact: bool,
}

/// Where a canary looks for units, that of an issued cookie among them.
pub(super) fn sources(canary: &Canary) -> Vec<UnitSource> {
    let spec = &canary.spec;
    let mut sources = spec.unit.clone();
    if spec.when_no_unit == WhenNoUnit::IssueCookie {
        let named = spec.issue_cookie.as_ref();
        let name = named.and_then(|cookie| cookie.name.as_deref());
        sources.push(UnitSource::Cookie(name.unwrap_or(UNIT_COOKIE).to_owned()));
    }
    sources
}

fn key(side: Option<Side<'_>>, brings: &[UnitSource]) -> Key {
    let Some(side) = side else {
        return Key::Nowhere;
    };
    let salt = side.config.salt();
    let mut sources = sources(side.config).into_iter();
    if let Some(source) = sources.find(|source| brings.contains(source)) {
        return Key::Unit(salt, source);
    }
    match side.config.spec.when_no_unit {
        WhenNoUnit::Default => Key::Nowhere,
        WhenNoUnit::Random => Key::Random,
        WhenNoUnit::IssueCookie => Key::Issued(salt),
        WhenNoUnit::SourceAddress => Key::Address(salt),
    }
}

/// Who would get what of a request.
pub(super) enum Line {
    /// This variant, whatever it brings.
    Fixed(String),
    /// Who owns its place; the default, where it has none.
    Drawn(Owners),
}

/// Lays two lines over each other for requests that bring these units.
pub(super) fn drawn(scope: &Scope<'_>, brings: &[UnitSource], lines: (Line, Line)) -> Drawn {
    let keys = (key(scope.old, brings), key(scope.new, brings));
    let line = |key: &Key, side, line: Line| match (line, key) {
        (Line::Fixed(variant), _) => flows::one_owner(&variant),
        (Line::Drawn(_), Key::Nowhere) => flows::one_owner(scope.default_of(side)),
        (Line::Drawn(owners), _) => owners,
    };
    let old = line(&keys.0, scope.old, lines.0);
    let new = line(&keys.1, scope.new, lines.1);
    // Where one variant owns a whole line, it does not matter where on it somebody is.
    let same = keys.0 == keys.1;
    Drawn {
        streams: flows::streams(&old, &new, same),
        exact: same || old.len() == 1 || new.len() == 1,
        keys,
    }
}

/// The line of a side by the canary's own shares.
fn line(scope: &Scope<'_>, side: Option<Side<'_>>, now: Timestamp) -> Line {
    match side {
        Some(known) => {
            let parts: Vec<_> = known.canary.parts(now).collect();
            Line::Drawn(flows::owners(known.canary, &parts))
        }
        None => Line::Fixed(scope.default_of(side).to_owned()),
    }
}

/// Every kind of request by the units it brings: each source alone, every two of them, and none.
/// Two are enough: of whatever a request brings, each side looks at one.
pub(super) fn kinds(scope: &Scope<'_>) -> Vec<Vec<UnitSource>> {
    let mut all: Vec<UnitSource> = Vec::new();
    for source in scope.sides().flat_map(|side| sources(side.config)) {
        if !all.contains(&source) {
            all.push(source);
        }
    }
    let mut kinds: Vec<Vec<UnitSource>> = all.iter().map(|source| vec![source.clone()]).collect();
    for (number, one) in all.iter().enumerate() {
        let others = all.iter().skip(number + 1);
        kinds.extend(others.map(|other| vec![one.clone(), other.clone()]));
    }
    kinds.push(Vec::new());
    kinds
}

/// Who is drawn otherwise, by what they bring: each at the time with the most on the move.
pub(super) fn users(scope: &Scope<'_>, at: &[Timestamp]) -> Vec<Users> {
    let times = times::candidates(scope, at);
    let mut found: Vec<Users> = Vec::new();
    for brings in kinds(scope) {
        let most = times
            .iter()
            .map(|now| {
                let lines = (line(scope, scope.old, *now), line(scope, scope.new, *now));
                (*now, drawn(scope, &brings, lines))
            })
            // The first of those that move as many.
            .rev()
            .max_by_key(|(_, drawn)| flows::sum(&drawn.streams));
        let Some((now, drawn)) = most.filter(|(_, drawn)| !drawn.streams.is_empty()) else {
            continue;
        };
        let said = said(&brings);
        let at = times::matter(scope).then_some(now);
        let same = found.iter_mut().find(|known| {
            (known.at, known.exact) == (at, drawn.exact) && alike(&known.flows, &drawn.streams)
        });
        match same {
            // Who brings two is one of those who bring something.
            Some(_) if brings.len() > 1 => {}
            Some(known) => known.brings.push(said),
            None => {
                let Some(base) = judged::drawn_by_shares(scope, now) else {
                    continue;
                };
                found.push(Users {
                    brings: vec![said],
                    at,
                    moved: flows::sum(&drawn.streams),
                    exact: drawn.exact,
                    flows: with_examples(scope, now, &brings, &drawn, &base),
                });
            }
        }
    }
    found
}

fn with_examples(
    scope: &Scope<'_>,
    now: Timestamp,
    brings: &[UnitSource],
    drawn: &Drawn,
    base: &Example,
) -> Vec<Flow> {
    let flows = drawn.streams.iter().map(|stream| {
        let example = unit::found(base, brings, &drawn.keys, stream);
        let example = example.filter(|example| {
            let (old, new) = judged::decided(scope, example, now);
            (old.variant == stream.from) && (new.variant == stream.to)
        });
        Flow {
            from: stream.from.clone(),
            to: stream.to.clone(),
            part: stream.part,
            example: example.map(|example| Example {
                at: times::matter(scope).then_some(now),
                ..example
            }),
        }
    });
    flows.collect()
}

fn alike(flows: &[Flow], streams: &[Stream]) -> bool {
    let flows = flows.iter().map(|flow| (&flow.from, &flow.to, flow.part));
    let streams = streams
        .iter()
        .map(|stream| (&stream.from, &stream.to, stream.part));
    flows.eq(streams)
}

fn said(brings: &[UnitSource]) -> String {
    let names = brings.iter().map(|source| match source {
        UnitSource::Header(name) => format!("header {name}"),
        UnitSource::Cookie(name) => format!("cookie {name}"),
        UnitSource::Query(name) => format!("query parameter {name}"),
    });
    let names: Vec<String> = names.collect();
    match names.as_slice() {
        [] => "no unit".to_owned(),
        names => names.join(" and "),
    }
}

/// The most that moves of some users.
pub(super) fn most(users: &[Users]) -> Part {
    let parts = users.iter().map(|users| users.moved);
    parts.max().unwrap_or_default()
}
