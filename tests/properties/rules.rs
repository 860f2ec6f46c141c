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

/// Rules that need a text, so many in one place that they are found by it, among others; or all of
/// them at the beginning of a value, beyond which no index looks then.
fn rules_by_text() -> impl Strategy<Value = Vec<Rule>> {
    let at_start = || {
        prop_oneof![
            1 => text().prop_map(Test::Exact),
            1 => proptest::collection::vec(text(), 1..3).prop_map(Test::In),
            3 => text().prop_map(Test::Prefix),
            3 => (text(), "[xy.]|\\.[*+?]|[xy][*?]").prop_map(|(a, b)| Test::Regex(format!("{a}{b}"))),
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
    let header = || {
        test().prop_map(|test| {
            let name = "m".to_owned();
            Condition::Header(Named { name, test })
        })
    };
    let path = || test().prop_map(Condition::Path);
    let one = prop_oneof![
        4 => header(),
        4 => path(),
        2 => (header(), path()).prop_map(|(a, b)| Condition::All(vec![a, b])),
        2 => (header(), path()).prop_map(|(a, b)| Condition::Any(vec![a, b])),
        1 => header().prop_map(|a| Condition::Not(Box::new(a))),
        1 => condition(),
    ];
    proptest::collection::vec(one, 1..24).prop_map(numbered)
}

/// Another text, or none.
fn more() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), text()]
}

/// What has a text or two of them, one after the other.
fn asked_with_texts() -> impl Strategy<Value = Asked> {
    let values = proptest::collection::vec(("m", text(), more()), 0..3).prop_map(|all| {
        let pair = |(name, a, b): (String, String, String)| (name, format!("{a}{b}"));
        all.into_iter().map(pair).collect()
    });
    (values, text(), more()).prop_map(|(headers, a, b)| Asked {
        headers,
        cookies: Vec::new(),
        parameters: Vec::new(),
        path: format!("{a}{b}"),
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

/// The index by texts has room for 1,024; the rules behind are tried.
#[test]
fn more_texts_than_the_index_holds_are_found_as_well() {
    let prefix = |number| Condition::Path(Test::Prefix(format!("/{number:04}/")));
    let rules = numbered((0..1_500).map(prefix).collect());
    let paths = ["/0000/", "/1023/x", "/1024/x", "/1499/", "/1500/", "/"];
    let all = paths.map(|path| Asked {
        headers: Vec::new(),
        cookies: Vec::new(),
        parameters: Vec::new(),
        path: path.to_owned(),
        method: "x".to_owned(),
    });
    agrees(&rules, &all).expect("the same rules");
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
