//! Short units whose position lies where it is wanted.

use super::flows::{Part, Stream, Stretch};
use super::made::Example;
use crate::sequence::Sequence;
use coalmine::IssuedUnit;
use coalmine::bucket::Bucket;
use coalmine::config::UnitSource;

/// What the place of a request on the line comes from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Key {
    /// A unit in the request, under a salt.
    Unit(String, UnitSource),
    /// The client's address, under a salt.
    Address(String),
    /// A unit that is issued, under a salt.
    Issued(String),
    /// A draw of its own.
    Random,
    /// It has no place: the default variant.
    Nowhere,
}

/// No more units are tried, however small the part is: some seconds.
const MOST: u64 = 5_000_000;

/// How many units must be tried to find one of a part with all but a billionth of certainty: each
/// misses with 1 - part, so `n` of them with (1 - part)^n.
fn tries(part: f64) -> u64 {
    let needed = (1e-9f64).ln() / (-part.min(0.999_999)).ln_1p();
    (needed.ceil() as u64).clamp(1, MOST)
}

/// The request of a unit that goes with this stream, if one is found.
pub(super) fn found(
    base: &Example,
    brings: &[UnitSource],
    keys: &(Key, Key),
    stream: &Stream,
) -> Option<Example> {
    let number = (0..tries(stream.part.share())).find(|number| {
        let old = position(&keys.0, brings, *number);
        let new = position(&keys.1, brings, *number);
        stream.stretches.iter().any(
            |Stretch {
                 old: before,
                 new: after,
             }| { lies_in(old, *before) && lies_in(new, *after) },
        )
    })?;
    let mut example = base.clone();
    for source in brings {
        let value = value(brings, source, number);
        match source {
            UnitSource::Header(name) => example.headers.push((name.clone(), value)),
            UnitSource::Cookie(name) => example.cookies.push(format!("{name}={value}")),
            UnitSource::Query(name) => example.add_parameter(name, &value),
        }
    }
    for key in [&keys.0, &keys.1] {
        match key {
            Key::Address(_) => example.source_address = Some(address(number)),
            Key::Issued(_) | Key::Random => example.draw = Some(format!("{:032x}", draw(number))),
            Key::Unit(..) | Key::Nowhere => {}
        }
    }
    Some(example)
}

/// At most this many units are tried in place of one that a condition looks at.
const MOST_OTHERS: u64 = 5_000;

/// A number is put in at one of the first so many characters, or behind all of them.
const MOST_PLACES: usize = 40;

/// Requests with other units in these sources that are still of the kind, as many as a part needs;
/// none where the conditions single the unit out.
pub(super) fn others(
    example: &Example,
    sources: &[UnitSource],
    part: Part,
    of_the_kind: impl Fn(&Example) -> bool,
) -> Vec<Example> {
    // At the end first, then ever further in front; the conditions tell which.
    let mut forms: Vec<Form> = (0..=MOST_PLACES).rev().map(Form::Inserted).collect();
    forms.push(Form::Counted);
    let changed =
        |form: Form, number: u64| example.with_units(sources, |unit| form.of(unit, number));
    let form = forms
        .into_iter()
        .find(|form| (1..=3).all(|number| of_the_kind(&changed(*form, number))));
    let numbers = 0..tries(part.share()).min(MOST_OTHERS);
    form.map_or_else(Vec::new, |form| {
        numbers.map(|number| changed(form, number)).collect()
    })
}

/// How a unit is made another one.
#[derive(Clone, Copy)]
enum Form {
    /// A number is put in at this character.
    Inserted(usize),
    /// Its letters and digits are counted on, the last first.
    Counted,
}

impl Form {
    fn of(self, unit: &str, mut number: u64) -> String {
        let mut characters: Vec<char> = unit.chars().collect();
        match self {
            Self::Inserted(place) => {
                let place = place.min(characters.len());
                characters.splice(place..place, number.to_string().chars());
            }
            Self::Counted => {
                for character in characters.iter_mut().rev() {
                    let (first, count) = match *character {
                        '0'..='9' => (b'0', 10),
                        'a'..='z' => (b'a', 26),
                        'A'..='Z' => (b'A', 26),
                        _ => continue,
                    };
                    let sum = u64::from(*character) - u64::from(first) + number;
                    *character = char::from(first + (sum % count) as u8);
                    number = sum / count;
                }
            }
        }
        characters.into_iter().collect()
    }
}

/// Who has no place on the line is anywhere.
fn lies_in(position: Option<u32>, (start, end): (u32, u32)) -> bool {
    position.is_none_or(|position| (start..end).contains(&position))
}

fn position(key: &Key, brings: &[UnitSource], number: u64) -> Option<u32> {
    let of = |salt: &str, unit: &[u8]| Bucket::of(salt.as_bytes(), unit);
    let bucket = match key {
        Key::Unit(salt, source) => of(salt, value(brings, source, number).as_bytes()),
        Key::Address(salt) => of(salt, address(number).as_bytes()),
        Key::Issued(salt) => of(salt, IssuedUnit::from_draw(draw(number)).as_bytes()),
        Key::Random => Bucket::from_draw(draw(number)),
        Key::Nowhere => return None,
    };
    Some(bucket.position().millionths())
}

/// What a request brings in one of its sources: not the same in two.
fn value(brings: &[UnitSource], source: &UnitSource, number: u64) -> String {
    match brings.iter().position(|known| known == source) {
        None | Some(0) => format!("user-{number}"),
        Some(index) => format!("unit{index}-{number}"),
    }
}

fn address(number: u64) -> String {
    format!(
        "10.{}.{}.{}",
        number >> 16 & 255,
        number >> 8 & 255,
        number & 255
    )
}

fn draw(number: u64) -> u128 {
    Sequence::new(number).draw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_units_of_the_same_form() {
        let check = |form: Form, unit: &str, number, expected: &str| {
            assert_eq!(form.of(unit, number), expected);
        };
        check(Form::Inserted(0), "ab", 12, "12ab");
        check(Form::Inserted(1), "ab", 12, "a12b");
        check(Form::Inserted(9), "ab", 12, "ab12");
        check(Form::Counted, "u-0009", 3, "u-0012");
        check(Form::Counted, "az@Z", 1, "ba@A");
        check(Form::Counted, "", 1, "");
    }

    #[test]
    fn as_many_tries_as_the_part_needs() {
        assert_eq!(tries(1.0), 2);
        assert_eq!(tries(0.5), 30);
        assert_eq!(tries(0.05), 405);
        assert_eq!(tries(1e-12), MOST);
    }
}
