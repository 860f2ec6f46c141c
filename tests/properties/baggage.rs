//! What becomes of `baggage`: nobody else's member is lost or altered, limits are kept, no bytes do
//! harm, and nothing in our name passes an edge.

use coalmine::baggage::{BaggageEdit, Dropped, MAX_BYTES, MAX_MEMBERS, Onward, onward};
use coalmine::config::{Callers, Heritage, Inherit};
use coalmine::{Policy, Reason, decide};
use proptest::prelude::*;

use crate::decoded::decoded;
use crate::members::{MEMBER, key, latin_1, members, said, value};
use crate::request::{Fixed, Sent};
use crate::written::{alone, canary};

const KEY: &str = "coalmine.shop";
const VALUE: &str = "canary";

fn is_ours(member: &[u8]) -> bool {
    key(member) == KEY.as_bytes()
}

fn go_on(lines: &[Vec<u8>], edge: bool, ours: bool) -> Onward {
    let ours = ours.then_some((KEY.as_bytes(), VALUE.as_bytes()));
    onward(|| lines.iter().map(Vec::as_slice), edge, ours)
}

fn after(lines: &[Vec<u8>], outcome: &Onward) -> Vec<Vec<u8>> {
    match &outcome.edit {
        BaggageEdit::Keep => lines.to_vec(),
        BaggageEdit::Replace(line) => vec![line.clone()],
        BaggageEdit::Remove => Vec::new(),
    }
}

fn pattern(pattern: &str) -> BoxedStrategy<Vec<u8>> {
    let texts = proptest::string::string_regex(pattern).unwrap();
    texts.prop_map(String::into_bytes).boxed()
}

/// Members that are well-formed, of others and of ours, and elements with nothing in them.
fn well_formed() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![
        6 => pattern("[ \t]{0,2}[a-z!#$%&'*+.^_`|~-]{1,8} {0,2}= {0,2}[!#-+:<\\[\\]-~a-z-]{0,12}( ?; ?[a-z]{1,3}( ?= ?[a-z%0-9]{0,3})?){0,2}[ \t]?"),
        2 => pattern(" ?coalmine[.]shop ?= ?(canary|stable|other|)(;p=1|;q)? ?"),
        1 => pattern("coalmine[.](shop2|a|shop[.]a)=canary"),
        1 => pattern("[ \t]{0,2}"),
    ]
    .boxed()
}

/// What a header may be made of: all of that, disguises, and bytes without sense.
fn anything() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![
        4 => well_formed(),
        1 => pattern("[ \t+\"\u{a0}]{0,2}(c|%63|%2563|C)oalmine(.|%2[Ee]|%252e)shop(=|%3d| |;)canary"),
        1 => pattern("a=1(%2C|%252c|;|%)coalmine[.]shop=canary"),
        1 => pattern("[a-z =\";%\\\\]{0,12}"),
        1 => proptest::collection::vec(any::<u8>(), 0..12),
    ]
    .boxed()
}

fn lines(element: BoxedStrategy<Vec<u8>>, most: usize) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let line = proptest::collection::vec(element, 0..most).prop_map(|parts| parts.join(&b','));
    proptest::collection::vec(line, 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn members_of_others_keep_their_bytes_and_their_order(lines in lines(anything(), 8)) {
        let of_others = |lines: &[Vec<u8>]| {
            let mut all = members(lines);
            all.retain(|member| !is_ours(member));
            all
        };
        let after = after(&lines, &go_on(&lines, false, true));
        prop_assert_eq!(of_others(&lines), of_others(&after));
    }

    #[test]
    fn what_was_well_formed_is_so_behind_and_says_what_was_decided(
        lines in lines(well_formed(), 8)
    ) {
        let outcome = go_on(&lines, false, true);
        prop_assert_eq!(outcome.dropped, None);
        let after = members(&after(&lines, &outcome));
        for member in &after {
            prop_assert!(MEMBER.is_match(&latin_1(member)), "{:?}", String::from_utf8_lossy(member));
        }
        let ours = after.iter().filter(|member| is_ours(member));
        let ours: Vec<_> = ours.filter_map(|member| value(member)).collect();
        prop_assert!(!ours.is_empty() && ours.iter().all(|value| value == VALUE.as_bytes()));
        prop_assert!(ours.len() == 1 || outcome.edit == BaggageEdit::Keep);
    }

    #[test]
    fn nothing_that_is_left_says_otherwise(lines in lines(anything(), 8), edge: bool) {
        let after = members(&after(&lines, &go_on(&lines, edge, true)));
        for member in after.iter().filter(|member| is_ours(member)) {
            let value = value(member);
            prop_assert!(value.is_none_or(|value| value == VALUE.as_bytes()));
        }
    }

    #[test]
    fn the_second_time_nothing_happens(lines in lines(anything(), 8), edge: bool, ours: bool) {
        let first = go_on(&lines, edge, ours);
        let lines = after(&lines, &first);
        let again = go_on(&lines, edge, ours);
        prop_assert_eq!(again, Onward { edit: BaggageEdit::Keep, dropped: first.dropped });
    }

    #[test]
    fn limits_are_kept_and_all_that_fits_is_added(
        count in 55..70usize,
        length in prop_oneof![1..20usize, 118..128usize],
        own in 0..3usize,
    ) {
        let mut all: Vec<Vec<u8>> = (0..count)
            .map(|number| format!("k{number:02}={}", "v".repeat(length)).into_bytes())
            .collect();
        let whole = all.join(&b',').len() + 1 + KEY.len() + 1 + VALUE.len();
        for _ in 0..own {
            all.insert(count / 2, format!("{KEY}=other").into_bytes());
        }
        let lines = [all.join(&b',')];
        let outcome = go_on(&lines, false, true);
        let fits = count < MAX_MEMBERS && whole <= MAX_BYTES;
        prop_assert_eq!(outcome.dropped, (!fits).then_some(Dropped::Full));
        let after = after(&lines, &outcome);
        let ours = members(&after).iter().filter(|member| is_ours(member)).count();
        prop_assert_eq!(ours, usize::from(fits));
        if fits {
            prop_assert_eq!(after[0].len(), whole);
        } else {
            prop_assert_eq!(outcome.edit == BaggageEdit::Keep, own == 0);
        }
    }

    #[test]
    fn what_is_not_well_formed_is_passed_on(
        lines in lines(anything(), 8), broken in pattern("[a-z]{1,4}( [a-z])?|=|a=\"b\"|a=b c")
    ) {
        let mut lines = lines;
        lines.push(broken);
        lines.retain(|line| members(std::slice::from_ref(line)).iter().all(|member| !is_ours(member)));
        let outcome = go_on(&lines, false, true);
        let expected = Onward { edit: BaggageEdit::Keep, dropped: Some(Dropped::Malformed) };
        prop_assert_eq!(outcome, expected);
    }

    #[test]
    fn nothing_in_our_name_passes_an_edge(lines in lines(anything(), 8)) {
        let mut lines = after(&lines, &go_on(&lines, true, false));
        // As sent, and as an application behind it may understand it.
        for _ in 0..4 {
            for member in members(&lines) {
                let ours = member.starts_with(b"coalmine.");
                prop_assert!(!ours, "{:?}", String::from_utf8_lossy(&member));
            }
            lines = decoded(&lines);
        }
    }

    #[test]
    fn an_edge_keeps_what_nobody_could_take_for_ours(lines in lines(anything(), 8)) {
        let harmless = |lines: &[Vec<u8>]| {
            let mut all = members(lines);
            all.retain(|member| {
                let text = String::from_utf8_lossy(member).to_ascii_lowercase();
                !text.contains("oalmine")
            });
            all
        };
        let after = after(&lines, &go_on(&lines, true, false));
        prop_assert_eq!(harmless(&lines), harmless(&after));
    }

    #[test]
    fn what_is_inherited_is_what_the_members_say(lines in lines(anything(), 6)) {
        let mut shop = canary(&[("canary", None)]);
        let heritage = |canary: &str| Heritage {
            canary: canary.to_owned(),
            variants: [("canary", "canary"), ("stable", "stable")]
                .map(|(theirs, ours)| (theirs.to_owned(), ours.to_owned()))
                .into(),
        };
        shop.spec.inherit = Some(Inherit {
            from: Callers::Mesh,
            canaries: vec![heritage("shop/a"), heritage("shop")],
        });
        let mut canaries = alone(shop);
        let headers: Vec<(&[u8], &[u8])> =
            lines.iter().map(|line| (&b"baggage"[..], line.as_slice())).collect();
        let request = Sent::new(b"GET", Some(b"shop"), b"/", &headers);
        let policy = Policy::compile(&canaries);
        let decision = decide(&policy, &request, &Fixed::default()).unwrap();

        let said = |key: &str| {
            let value = String::from_utf8(said(&lines, key.as_bytes())?).unwrap();
            ["canary", "stable"].contains(&value.as_str()).then_some(value)
        };
        let expected = said("coalmine.shop.a").or_else(|| said("coalmine.shop"));
        let inherited = decision.reason == Reason::Inherited;
        prop_assert_eq!(inherited.then(|| decision.variant_name().to_owned()), expected);

        canaries.edge = true;
        let policy = Policy::compile(&canaries);
        let decision = decide(&policy, &request, &Fixed::default()).unwrap();
        prop_assert!(decision.reason != Reason::Inherited);
    }
}
