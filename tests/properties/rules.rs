//! Rules by their index against rules tried one by one, as `docs/config.md` tells them.

use coalmine::config::{Condition, Named, Outcome, Rule, Test, plugin_json, read};
use coalmine::{Node, Policy, Reason, decide};
use proptest::prelude::*;

use crate::request::{Fixed, Sent};
use crate::written::{alone, canary};

const VALUES: [&str; 6] = ["x", "y", "xy", "yx", "xyz", "z"];

fn value() -> impl Strategy<Value = String> {
    proptest::sample::select(&VALUES[..]).prop_map(str::to_owned)
}

fn test() -> impl Strategy<Value = Test> {
    prop_oneof![
        4 => value().prop_map(Test::Exact),
        3 => proptest::collection::vec(value(), 1..4).prop_map(Test::In),
        1 => value().prop_map(Test::Prefix),
        1 => value().prop_map(Test::Suffix),
        1 => value().prop_map(Test::Contains),
        1 => any::<bool>().prop_map(Test::Present),
    ]
}

/// A test on what every request has, so not on its presence.
fn test_always_there() -> impl Strategy<Value = Test> {
    test().prop_filter("it is always present", |test| {
        !matches!(test, Test::Present(_))
    })
}

fn named() -> impl Strategy<Value = Named> {
    let name = proptest::sample::select(&["m", "n"][..]).prop_map(str::to_owned);
    (name, test()).prop_map(|(name, test)| Named { name, test })
}

pub(crate) fn condition() -> impl Strategy<Value = Condition> {
    let part = prop_oneof![
        4 => named().prop_map(Condition::Header),
        2 => named().prop_map(Condition::Cookie),
        2 => named().prop_map(Condition::Query),
        1 => test_always_there().prop_map(Condition::Path),
        1 => test_always_there().prop_map(Condition::Method),
    ];
    part.prop_recursive(3, 12, 3, |inner| {
        let list = || proptest::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            list().prop_map(Condition::All),
            list().prop_map(Condition::Any),
            inner
                .clone()
                .prop_map(|part| Condition::Not(Box::new(part))),
        ]
    })
}

/// Texts of few letters, so that they are often in each other, and pieces of them in many.
fn text() -> impl Strategy<Value = String> {
    "[xy]{3,6}"
}

/// One that begins with a text, or seems to: whatever can take its last letter away follows.
fn regex() -> impl Strategy<Value = String> {
    let behind = [
        "", ".", ".*", "[xy]", "[xy]*", "\\w", "+", "?", "*", "{0}", "{0,1}", "{1}", "+?", "??",
        "+*", "+{0}", "(?i)", "(?i)?", "(?i)*", "(?x) ?", "(x|y)", "(?:x|y)*", "(x)?", "|y", "|x|",
        "$", "$*", "\\b", "\\b?",
    ];
    let behind = || proptest::sample::select(behind.to_vec());
    let all = (text(), behind(), "[xy]{0,2}", behind());
    all.prop_map(|(text, one, more, two)| format!("{text}{one}{more}{two}"))
        .prop_filter("no regex", |regex| regex_lite::Regex::new(regex).is_ok())
}

/// Rules that need a text, so many in one place that they are found by it, among others; or all of
/// them at the beginning of a value, beyond which no index looks then.
fn rules_by_text() -> impl Strategy<Value = Vec<Rule>> {
    let at_start = || {
        prop_oneof![
            1 => text().prop_map(Test::Exact),
            1 => proptest::collection::vec(text(), 1..3).prop_map(Test::In),
            3 => text().prop_map(Test::Prefix),
            3 => regex().prop_map(Test::Regex),
        ]
        .boxed()
    };
    let anywhere = move || {
        prop_oneof![
            2 => at_start(),
            1 => text().prop_map(Test::Suffix),
            1 => text().prop_map(Test::Contains),
        ]
        .boxed()
    };
    prop_oneof![by_text(anywhere), by_text(at_start)]
}

fn by_text(test: impl Fn() -> BoxedStrategy<Test>) -> impl Strategy<Value = Vec<Rule>> {
    let named = || {
        let name = "m".to_owned();
        test().prop_map(move |test| Named {
            name: name.clone(),
            test,
        })
    };
    let leaf = prop_oneof![
        named().prop_map(Condition::Header),
        named().prop_map(Condition::Cookie),
        named().prop_map(Condition::Query),
        test().prop_map(Condition::Path),
    ];
    let two = || (leaf.clone(), leaf.clone());
    let one = prop_oneof![
        8 => leaf.clone(),
        2 => two().prop_map(|(a, b)| Condition::All(vec![a, b])),
        2 => two().prop_map(|(a, b)| Condition::Any(vec![a, b])),
        1 => leaf.clone().prop_map(|a| Condition::Not(Box::new(a))),
        1 => condition(),
    ];
    proptest::collection::vec(one, 1..40).prop_map(numbered)
}

/// Another text, or none.
fn more() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), text()]
}

/// What has a text or two of them, one after the other.
fn asked_with_texts() -> impl Strategy<Value = Asked> {
    let value = || (text(), more()).prop_map(|(a, b)| format!("{a}{b}"));
    let pairs = || {
        let pair = value().prop_map(|value| ("m".to_owned(), value));
        proptest::collection::vec(pair, 0..3)
    };
    (pairs(), pairs(), pairs(), value()).prop_map(|(headers, cookies, parameters, path)| Asked {
        headers,
        cookies,
        parameters,
        path,
        method: "x".to_owned(),
    })
}

fn numbered(conditions: Vec<Condition>) -> Vec<Rule> {
    let rule = |(number, when)| Rule {
        name: format!("r{number}"),
        when,
        outcome: Outcome::Route("a".to_owned()),
    };
    conditions.into_iter().enumerate().map(rule).collect()
}

pub(crate) fn rules() -> impl Strategy<Value = Vec<Rule>> {
    proptest::collection::vec(condition(), 1..8).prop_map(numbered)
}

/// What is sent: values by name for headers, cookies and parameters; path and method.
#[derive(Clone, Debug)]
struct Asked {
    headers: Vec<(String, String)>,
    cookies: Vec<(String, String)>,
    parameters: Vec<(String, String)>,
    path: String,
    method: String,
}

fn asked() -> impl Strategy<Value = Asked> {
    let name = || proptest::sample::select(&["m", "n", "o"][..]).prop_map(str::to_owned);
    let pairs = || proptest::collection::vec((name(), value()), 0..4);
    (pairs(), pairs(), pairs(), value(), value()).prop_map(
        |(headers, cookies, parameters, path, method)| Asked {
            headers,
            cookies,
            parameters,
            path,
            method,
        },
    )
}

impl Asked {
    fn request(&self) -> Sent {
        let join = |pairs: &[(String, String)], between: &str| {
            let pairs: Vec<String> = pairs
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            pairs.join(between)
        };
        let mut headers = self.headers.clone();
        // Half of the cookies in a line of their own.
        let (first, second) = self.cookies.split_at(self.cookies.len() / 2);
        headers.push(("cookie".to_owned(), join(first, "; ")));
        headers.push(("cookie".to_owned(), join(second, ";")));
        let path = format!("{}?{}", self.path, join(&self.parameters, "&"));
        Sent::new(
            self.method.as_bytes(),
            Some(b"shop"),
            path.as_bytes(),
            &headers,
        )
    }

    fn satisfies(&self, condition: &Condition) -> bool {
        let of = |pairs: &[(String, String)], named: &Named| {
            let values: Vec<&str> = pairs
                .iter()
                .filter(|(name, _)| *name == named.name)
                .map(|(_, value)| value.as_str())
                .collect();
            match named.test {
                Test::Present(wanted) => values.is_empty() != wanted,
                _ => values.iter().any(|value| passes(&named.test, value)),
            }
        };
        match condition {
            Condition::All(parts) => parts.iter().all(|part| self.satisfies(part)),
            Condition::Any(parts) => parts.iter().any(|part| self.satisfies(part)),
            Condition::Not(part) => !self.satisfies(part),
            Condition::Header(named) => of(&self.headers, named),
            Condition::Cookie(named) => of(&self.cookies, named),
            Condition::Query(named) => of(&self.parameters, named),
            Condition::Path(test) => passes(test, &self.path),
            Condition::Method(test) => passes(test, &self.method),
            Condition::Host(test) => passes(test, "shop"),
        }
    }
}

fn passes(test: &Test, value: &str) -> bool {
    match test {
        Test::Exact(wanted) => value == wanted,
        Test::Prefix(part) => value.starts_with(part),
        Test::Suffix(part) => value.ends_with(part),
        Test::Contains(part) => value.contains(part),
        Test::In(wanted) => wanted.iter().any(|wanted| wanted == value),
        Test::Present(wanted) => *wanted,
        Test::Regex(regex) => {
            let whole = regex_lite::Regex::new(&format!(r"\A(?:{regex})\z")).expect("a regex");
            whole.is_match(value)
        }
    }
}

fn policy(rules: &[Rule]) -> (Policy, String) {
    let mut shop = canary(&[("a", None)]);
    shop.spec.rules = rules.to_vec();
    let canaries = alone(shop);
    (
        Policy::compile(&canaries),
        plugin_json(&canaries).expect("it can be written"),
    )
}

/// Texts that differ in their last byte alone; and more than the index by texts has room for, 1,024.
#[test]
fn rules_are_found_by_the_end_of_their_texts_and_beyond_the_room_of_the_index() {
    let check = |text: &dyn Fn(usize) -> String, count, paths: &[&str]| {
        for test in [Test::Prefix, Test::Suffix, Test::Contains] {
            let rule = |number| Condition::Path(test(text(number)));
            let all: Vec<Asked> = paths.iter().copied().map(asked_for).collect();
            agrees(&numbered((0..count).map(rule).collect()), &all).expect("the same rules");
        }
    };
    let teams = ["/team-0", "/team-7", "/team-7/x", "/team-8", "/x/team-3"];
    check(&|number| format!("/team-{number}"), 8, &teams);
    let many = ["/0000/", "/1023/x", "/1024/x", "/1499/", "/1500/", "/"];
    check(&|number| format!("/{number:04}/"), 1_500, &many);
}

fn asked_for(path: &str) -> Asked {
    Asked {
        headers: Vec::new(),
        cookies: Vec::new(),
        parameters: Vec::new(),
        path: path.to_owned(),
        method: "x".to_owned(),
    }
}

fn agrees(rules: &[Rule], all: &[Asked]) -> Result<(), TestCaseError> {
    let (policy, _) = policy(rules);
    for asked in all {
        let decision = decide(&policy, &asked.request(), &Fixed::default()).expect("in scope");
        let first = rules.iter().position(|rule| asked.satisfies(&rule.when));
        let expected = first.map_or(Reason::Default, Reason::Rule);
        prop_assert_eq!(decision.reason, expected, "{:?}", asked);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_index_agrees_with_trying_one_by_one(
        rules in rules(),
        all in proptest::collection::vec(asked(), 8),
    ) {
        agrees(&rules, &all)?;
    }

    #[test]
    fn the_index_by_texts_agrees_with_trying_one_by_one(
        rules in rules_by_text(),
        all in proptest::collection::vec(asked_with_texts(), 8),
    ) {
        agrees(&rules, &all)?;
    }

    #[test]
    fn a_rule_called_unreachable_is_never_chosen(
        rules in rules(),
        all in proptest::collection::vec(asked(), 20),
    ) {
        let (policy, json) = policy(&rules);
        let node: Node = serde_json::from_str(&json).expect("JSON");
        let (_, found) = read([(0, &node)]);
        let unreachable: Vec<&str> = found
            .iter()
            .filter(|problem| problem.code == "unreachable-rule")
            .filter_map(|problem| problem.message.split('`').nth(1))
            .collect();
        for asked in all {
            let decision = decide(&policy, &asked.request(), &Fixed::default()).expect("in scope");
            if let Reason::Rule(rule) = decision.reason {
                prop_assert!(!unreachable.contains(&rules[rule].name.as_str()), "{:?}", asked);
            }
        }
    }
}
