//! Conditions, pins and units in words.

use crate::pin::Said;
use coalmine::config::{Canary, Condition, Named, Outcome, Pins, Shares, Test, UnitSource};
use coalmine::policy::Source;

/// How many values of a list a condition names.
const VALUES_SHOWN: usize = 8;

/// How many characters of a value are shown.
const CHARACTERS_SHOWN: usize = 100;

/// What was sent, after "no: " and the like.
pub(super) fn found(values: &[String]) -> String {
    match values {
        [] => "it was not sent".to_owned(),
        [one] => format!("it is {}", value(one)),
        [first, more @ ..] => {
            let more: Vec<String> = more.iter().map(|one| value(one)).collect();
            format!(
                "it is {} and, sent again, {}",
                value(first),
                more.join(", ")
            )
        }
    }
}

/// A value in quotes, with nothing in it that a terminal would act on.
pub(super) fn value(value: &str) -> String {
    let mut shown: String = value.chars().take(CHARACTERS_SHOWN).collect();
    if shown.len() < value.len() {
        shown.push('…');
        return format!("{shown:?} ({} bytes)", value.len());
    }
    format!("{shown:?}")
}

/// A text without control characters, which a terminal would act on.
pub(super) fn harmless(text: &str) -> String {
    let harmless = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(harmless).collect()
}

/// A condition as one would say it.
pub(super) fn condition(condition: &Condition) -> String {
    match condition {
        Condition::All(parts) => joined(parts, " and "),
        Condition::Any(parts) => joined(parts, " or "),
        Condition::Not(part) => format!("not ({})", self::condition(part)),
        Condition::Header(named) => self::named("header", named),
        Condition::Cookie(named) => self::named("cookie", named),
        Condition::Query(named) => self::named("query parameter", named),
        Condition::Path(test) => format!("path {}", self::test(test)),
        Condition::Method(test) => format!("method {}", self::test(test)),
        Condition::Host(test) => format!("host {}", self::test(test)),
    }
}

fn joined(parts: &[Condition], between: &str) -> String {
    let words: Vec<String> = parts
        .iter()
        .map(|part| match part {
            Condition::All(_) | Condition::Any(_) => format!("({})", condition(part)),
            _ => condition(part),
        })
        .collect();
    words.join(between)
}

fn named(kind: &str, named: &Named) -> String {
    format!("{kind} {} {}", named.name, test(&named.test))
}

fn test(test: &Test) -> String {
    match test {
        Test::Exact(value) => format!("is {value:?}"),
        Test::Prefix(value) => format!("starts with {value:?}"),
        Test::Suffix(value) => format!("ends with {value:?}"),
        Test::Contains(value) => format!("contains {value:?}"),
        Test::In(values) => {
            let shown = values.iter().take(VALUES_SHOWN);
            let mut shown: Vec<String> = shown.map(|value| format!("{value:?}")).collect();
            match values.len().saturating_sub(VALUES_SHOWN) {
                0 => {}
                more => shown.push(format!("one of {more} more")),
            }
            format!("is {}", shown.join(" or "))
        }
        Test::Regex(value) => format!("matches /{value}/"),
        Test::Present(true) => "is there".to_owned(),
        Test::Present(false) => "is not there".to_owned(),
    }
}

/// What a rule gives.
pub(super) fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Route(variant) => variant.clone(),
        Outcome::Shares(shares) => self::shares(shares),
    }
}

fn shares(shares: &Shares) -> String {
    let shares: Vec<String> = shares
        .iter()
        .map(|(variant, share)| format!("{share} {variant}"))
        .collect();
    format!("shares of its own ({})", shares.join(", "))
}

/// Where a canary looks for a pin.
pub(super) fn pin_places(pins: &Pins) -> Vec<String> {
    let places = [
        ("header", &pins.header),
        ("cookie", &pins.cookie),
        ("query parameter", &pins.query),
    ];
    places
        .iter()
        .filter_map(|(kind, name)| Some(format!("{kind} {}", name.as_ref()?)))
        .collect()
}

/// What a token says of itself, behind "a token".
pub(super) fn token(said: &Said) -> String {
    let mut words = String::new();
    let mut add = |before: &str, said: &Option<String>| {
        words.extend(
            said.as_ref()
                .map(|said| format!(" {before} {}", value(said))),
        );
    };
    add("for", &said.subject);
    add("that pins", &said.variant);
    add("with the key", &said.key);
    words.extend(said.expires.map(|time| format!(" until {time}")));
    words
}

/// Where a canary looks for the unit.
pub(super) fn unit_places(canary: &Canary, unit_cookie: Option<&str>) -> Vec<String> {
    let place = |source: &UnitSource| match source {
        UnitSource::Header(name) => format!("header {name}"),
        UnitSource::Cookie(name) => format!("cookie {name}"),
        UnitSource::Query(name) => format!("query parameter {name}"),
    };
    let mut places: Vec<String> = canary.spec.unit.iter().map(place).collect();
    places.extend(unit_cookie.map(|name| format!("cookie {name}")));
    places
}

/// A place in a request.
pub(super) fn place((source, name): (Source, &[u8])) -> String {
    let kind = match source {
        Source::Header => "header",
        Source::Cookie => "cookie",
        Source::Query => "query parameter",
    };
    format!("{kind} {}", String::from_utf8_lossy(name))
}
