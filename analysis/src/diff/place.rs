//! Where the conditions of a canary look, and the values that they tell apart.

use super::made::Example;
use super::strings;
use coalmine::baggage;
use coalmine::config::Test;
use regex_lite::Regex;
use std::collections::{BTreeMap, HashSet};

/// At most this many kinds of values are told apart in one place.
const MOST_CLASSES: usize = 40;

/// At most this many values of one place are tried in search of kinds.
const MOST_VALUES: usize = 20_000;

/// A part of a request that a condition looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Header(String),
    Cookie(String),
    Query(String),
    /// A member of the baggage, by its key.
    Member(String),
    Path,
    Method,
    Host,
}

/// A place with all tests on it, and the kinds of values that they tell apart.
pub(super) struct Site {
    pub(super) place: Place,
    pub(super) tests: Vec<(Test, Matcher)>,
    /// What is there if nothing is said comes first.
    pub(super) classes: Vec<Class>,
    /// Whether these are all kinds there can be, as far as one can tell.
    pub(super) exhaustive: bool,
}

/// A kind of value: several where it is sent repeatedly, none where it is absent.
pub(super) struct Class {
    pub(super) values: Vec<String>,
    /// By the number of the test.
    pub(super) passes: Vec<bool>,
}

/// A test that is ready for use.
pub(super) enum Matcher {
    In(HashSet<String>),
    Regex(Option<Regex>),
    Plain,
}

impl Site {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            tests: Vec::new(),
            classes: Vec::new(),
            exhaustive: true,
        }
    }

    /// The number of a test.
    pub(super) fn test(&mut self, test: &Test) -> usize {
        if let Some(known) = self.tests.iter().position(|(known, _)| known == test) {
            return known;
        }
        let matcher = match test {
            Test::In(values) => Matcher::In(values.iter().cloned().collect()),
            Test::Regex(regex) => Matcher::Regex(Regex::new(&format!("^(?:{regex})$")).ok()),
            _ => Matcher::Plain,
        };
        self.tests.push((test.clone(), matcher));
        self.tests.len() - 1
    }

    fn passes(&self, values: &[String]) -> Vec<bool> {
        let passes = self.tests.iter().map(|(test, matcher)| match test {
            Test::Present(wanted) => values.is_empty() != *wanted,
            _ => values.iter().any(|value| passes(test, matcher, value)),
        });
        passes.collect()
    }

    /// Finds the kinds of values; `hosts` are those there are.
    pub(super) fn classify(&mut self, hosts: &[String]) {
        let neutral = match self.place {
            Place::Header(_) | Place::Cookie(_) | Place::Query(_) | Place::Member(_) => Vec::new(),
            Place::Path => vec!["/".to_owned()],
            Place::Method => vec!["GET".to_owned()],
            Place::Host => hosts.iter().take(1).cloned().collect(),
        };
        let values = match self.place {
            Place::Host => hosts.to_vec(),
            _ => self.values(),
        };
        let mut kinds: BTreeMap<Vec<bool>, Vec<String>> = BTreeMap::new();
        kinds.insert(self.passes(&neutral), neutral.clone());
        for value in values {
            let value = vec![value];
            let kind = kinds.entry(self.passes(&value));
            kind.and_modify(|known| {
                if *known != neutral && shorter(&value, known) {
                    known.clone_from(&value);
                }
            })
            .or_insert(value);
        }
        if matches!(
            self.place,
            Place::Header(_) | Place::Cookie(_) | Place::Query(_)
        ) {
            self.repeat(&mut kinds);
        }
        self.exhaustive &= kinds.len() <= MOST_CLASSES && !self.guesses();
        let mut classes: Vec<Class> = kinds
            .into_iter()
            .map(|(passes, values)| Class { values, passes })
            .collect();
        classes.sort_by(|one, other| {
            let key = |class: &Class| class.values != neutral;
            let by_size = || size(&one.values).cmp(&size(&other.values));
            key(one).cmp(&key(other)).then_with(by_size)
        });
        classes.truncate(MOST_CLASSES);
        self.classes = classes;
    }

    /// What is sent repeatedly may pass one test with one value and another with another.
    fn repeat(&self, kinds: &mut BTreeMap<Vec<bool>, Vec<String>>) {
        for _ in 0..3 {
            let known: Vec<Vec<String>> = kinds.values().cloned().collect();
            let before = known.len();
            for one in &known {
                for other in known.iter().filter(|other| other.len() == 1) {
                    if kinds.len() >= MOST_CLASSES {
                        return;
                    }
                    if one.is_empty() || one.contains(&other[0]) {
                        continue;
                    }
                    let both = [one.as_slice(), other].concat();
                    kinds.entry(self.passes(&both)).or_insert(both);
                }
            }
            if kinds.len() == before {
                return;
            }
        }
    }

    /// Whether a regex meets another test here: what passes both may be missed.
    fn guesses(&self) -> bool {
        let regex = |(test, _): &(Test, Matcher)| matches!(test, Test::Regex(_));
        self.tests.len() > 1 && self.tests.iter().any(regex)
    }

    /// Values that pass the tests, alone and together, and some that pass none.
    fn values(&self) -> Vec<String> {
        let (mut whole, mut fronts, mut middles, mut ends) =
            (Vec::new(), vec![""], vec![""], vec![""]);
        for (test, _) in &self.tests {
            match test {
                Test::Exact(text) => whole.push(text.clone()),
                Test::In(texts) => whole.extend(texts.iter().cloned()),
                Test::Regex(regex) => whole.extend(strings::matching(regex)),
                Test::Prefix(text) => fronts.push(text),
                Test::Suffix(text) => ends.push(text),
                Test::Contains(text) => middles.push(text),
                Test::Present(_) => {}
            }
        }
        let mut values = vec!["x".to_owned(), "1".to_owned(), "other".to_owned()];
        if self.place == Place::Method {
            values = ["POST", "PUT", "DELETE", "PATCH"].map(str::to_owned).into();
        }
        for value in whole {
            values.push(format!("{value}x"));
            values.push(value);
        }
        for front in &fronts {
            for end in &ends {
                for middle in &middles {
                    values.push(format!("{front}{middle}{end}"));
                    values.push(format!("{front}x{middle}x{end}"));
                    for other in middles.iter().filter(|other| !other.is_empty()) {
                        values.push(format!("{front}{middle}{other}{end}"));
                    }
                }
                if values.len() > MOST_VALUES {
                    break;
                }
            }
        }
        values.truncate(MOST_VALUES);
        if self.place == Place::Path {
            let rooted = values.iter().map(|value| format!("/{value}"));
            let rooted: Vec<String> = rooted.collect();
            values.extend(rooted);
        }
        values.retain(|value| self.place.can_be(value));
        values
    }
}

fn shorter(value: &[String], known: &[String]) -> bool {
    size(value) < size(known)
}

fn size(values: &[String]) -> (usize, usize, &[String]) {
    (values.len(), values.iter().map(String::len).sum(), values)
}

/// Whether a value passes a test; the decision itself has the last word.
fn passes(test: &Test, matcher: &Matcher, value: &str) -> bool {
    match (test, matcher) {
        (Test::Exact(text), _) => value == text,
        (Test::Prefix(text), _) => value.starts_with(text.as_str()),
        (Test::Suffix(text), _) => value.ends_with(text.as_str()),
        (Test::Contains(text), _) => value.contains(text.as_str()),
        (_, Matcher::In(texts)) => texts.contains(value),
        (_, Matcher::Regex(regex)) => regex.as_ref().is_some_and(|regex| regex.is_match(value)),
        (Test::In(_) | Test::Regex(_) | Test::Present(_), Matcher::Plain) => false,
    }
}

impl Place {
    /// Whether a client can send this value so that the decision reads the same.
    fn can_be(&self, value: &str) -> bool {
        let without = |marks: &str| !value.contains(|c| marks.contains(c));
        let printed = value.chars().all(|c| !c.is_control());
        printed
            && value == value.trim()
            && !value.is_empty()
            && match self {
                Self::Header(_) => true,
                Self::Cookie(_) => without(";\""),
                Self::Query(_) => without("&# "),
                Self::Member(_) => {
                    value.bytes().all(|byte| byte.is_ascii_graphic()) && without("\",;\\")
                }
                Self::Path => value.starts_with('/') && without("?# "),
                Self::Method => value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'),
                Self::Host => true,
            }
    }

    /// Whether this place of a request can be filled at will.
    pub(super) fn can_be_filled(&self) -> bool {
        match self {
            Self::Header(name) => !name.starts_with(':') && name != "host" && name != "cookie",
            _ => true,
        }
    }

    /// Puts values there.
    pub(super) fn fill(&self, values: &[String], example: &mut Example) {
        for value in values {
            match self {
                Self::Header(name) => example.headers.push((name.clone(), value.clone())),
                Self::Cookie(name) => example.cookies.push(format!("{name}={value}")),
                Self::Query(name) => example.add_parameter(name, value),
                Self::Member(key) => example
                    .headers
                    .push((baggage::HEADER.to_owned(), format!("{key}={value}"))),
                Self::Path => {
                    // The query, if there is one already, stays behind it.
                    let query = example.path.take().unwrap_or_default();
                    let query = query.strip_prefix('/').unwrap_or_default().to_owned();
                    let path = format!("{value}{query}");
                    example.path = (path != "/").then_some(path);
                }
                Self::Method => example.method = (value != "GET").then(|| value.clone()),
                Self::Host => example.host.clone_from(value),
            }
        }
    }
}
