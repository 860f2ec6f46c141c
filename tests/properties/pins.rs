//! Pins against the rule in words: `never` anywhere gives the default; else the first that names a
//! variant, header before cookie before query; other words count for nothing.

use coalmine::config::Pins;
use coalmine::{Policy, Reason, decide};

use crate::request::{Fixed, Sent};
use crate::written::{alone, canary, share};

/// The variants, and words that are nothing.
const WORDS: [&str; 7] = ["never", "stable", "a", "b", "A", "nevers", ""];

/// Everything that one place can say: nothing, each word, and each two words in both orders.
fn said() -> Vec<Vec<&'static str>> {
    let mut said = vec![Vec::new()];
    said.extend(WORDS.map(|word| vec![word]));
    said.extend(
        WORDS
            .iter()
            .flat_map(|first| WORDS.map(|second| vec![*first, second])),
    );
    said
}

#[test]
fn pins_follow_the_rule_in_every_combination() {
    let mut shop = canary(&[("a", None), ("b", None)]);
    shop.spec.shares = vec![("b".to_owned(), share(1_000_000))];
    shop.spec.pins = Pins {
        header: Some("x-pin".to_owned()),
        cookie: Some("pin".to_owned()),
        query: Some("pin".to_owned()),
        signed: None,
    };
    let policy = Policy::compile(&alone(shop));
    let said = said();
    for headers in &said {
        for cookies in &said {
            for parameters in &said {
                for one_line in [true, false] {
                    check(&policy, headers, cookies, parameters, one_line);
                }
            }
        }
    }
}

/// `one_line` is whether the cookies come in one header, or in one each.
fn check(policy: &Policy, headers: &[&str], cookies: &[&str], parameters: &[&str], one_line: bool) {
    let mut sent = vec![("x-user-id".to_owned(), "ada".to_owned())];
    sent.extend(
        headers
            .iter()
            .map(|word| ("x-pin".to_owned(), (*word).to_owned())),
    );
    let pairs: Vec<String> = cookies.iter().map(|word| format!("pin={word}")).collect();
    if one_line {
        sent.push(("cookie".to_owned(), format!("a=1; {}", pairs.join("; "))));
    } else {
        sent.extend(pairs.into_iter().map(|pair| ("cookie".to_owned(), pair)));
    }
    let query: Vec<String> = parameters
        .iter()
        .map(|word| format!("pin={word}"))
        .collect();
    let path = format!("/p?x&{}", query.join("&"));
    let request = Sent::new(b"GET", Some(b"shop"), path.as_bytes(), &sent);
    let decision = decide(policy, &request, &Fixed::default()).expect("in scope");

    let all: Vec<&str> = [headers, cookies, parameters].concat();
    let expected = if all.contains(&"never") {
        ("stable", Reason::Never)
    } else {
        let named = all.iter().find(|word| ["stable", "a", "b"].contains(word));
        named.map_or(("b", Reason::Share), |word| (*word, Reason::Pin))
    };
    assert_eq!(
        (decision.variant_name(), decision.reason),
        expected,
        "{headers:?} {cookies:?} {parameters:?} {one_line}"
    );
}
