//! Pins against the rule in words: `never` anywhere gives the default; else the first that names a
//! variant, header before cookie before query; other words count for nothing.

use coalmine::config::Pins;
use coalmine::{Policy, Reason, decide};
use proptest::prelude::*;

use crate::request::{Fixed, Sent};
use crate::written::{alone, canary, share};

fn words() -> impl Strategy<Value = Vec<&'static str>> {
    let word = proptest::sample::select(&["never", "stable", "a", "b", "A", "nevers", ""][..]);
    proptest::collection::vec(word, 0..4)
}

proptest! {
    #[test]
    fn pins_follow_the_rule(
        headers in words(),
        cookies in words(),
        parameters in words(),
        one_line in any::<bool>(),
    ) {
        let mut shop = canary(&[("a", None), ("b", None)]);
        shop.spec.shares = vec![("b".to_owned(), share(1_000_000))];
        shop.spec.pins = Pins {
            header: Some("x-pin".to_owned()),
            cookie: Some("pin".to_owned()),
            query: Some("pin".to_owned()),
        };
        let policy = Policy::compile(&alone(shop));
        let mut sent = vec![("x-user-id".to_owned(), "ada".to_owned())];
        sent.extend(headers.iter().map(|word| ("x-pin".to_owned(), (*word).to_owned())));
        let pairs: Vec<String> = cookies.iter().map(|word| format!("pin={word}")).collect();
        if one_line {
            sent.push(("cookie".to_owned(), format!("a=1; {}", pairs.join("; "))));
        } else {
            sent.extend(pairs.into_iter().map(|pair| ("cookie".to_owned(), pair)));
        }
        let query: Vec<String> = parameters.iter().map(|word| format!("pin={word}")).collect();
        let path = format!("/p?x&{}", query.join("&"));
        let request = Sent::new(b"GET", Some(b"shop"), path.as_bytes(), &sent);
        let decision = decide(&policy, &request, &Fixed::default()).expect("in scope");

        let all: Vec<&str> = [headers, cookies, parameters].concat();
        let expected = if all.contains(&"never") {
            ("stable", Reason::Never)
        } else {
            let named = all.into_iter().find(|word| ["stable", "a", "b"].contains(word));
            named.map_or(("b", Reason::Share), |word| (word, Reason::Pin))
        };
        prop_assert_eq!((decision.variant_name(), decision.reason), expected);
    }
}
