//! How an answer with the filter is held against the one without.

use std::collections::BTreeMap;
use std::iter;

use coalmine::baggage::{self, BaggageEdit};
use coalmine::{Decision, Moment, Policy, Timestamp, decide};
use coalmine_integration::upstream::Received;

use super::CANARIES;
use super::client::Answer;
use crate::setting::{VARIANT_HEADER, read};

/// A request as an upstream has seen it.
struct Upstreams<'r>(&'r Received);

impl coalmine::Request for Upstreams<'_> {
    fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let headers = self.0.headers.iter().map(|(name, value)| {
            let name = if name == "host" { ":authority" } else { name };
            (name.as_bytes(), &*value.0)
        });
        let pseudo: [(&[u8], &[u8]); 2] = [
            (b":path", self.0.path.as_bytes()),
            (b":method", self.0.method.as_bytes()),
        ];
        pseudo.into_iter().chain(headers)
    }

    fn source_address(&self) -> Option<Vec<u8>> {
        None
    }
}

/// Where everybody is drawn into the same variant.
struct Anytime;

impl Moment for Anytime {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(0)
    }

    fn draw(&self) -> u128 {
        0
    }
}

/// What an upstream saw, without what differs from request to request and what the filter may write,
/// which [`compare`] holds against what it is to write.
fn alike(received: &Received) -> (String, BTreeMap<&str, Vec<String>>) {
    let (canary, _) = received.served_by.split_once('/').unwrap();
    let mut headers = BTreeMap::<&str, Vec<String>>::new();
    for (name, value) in &received.headers {
        if !["x-request-id", VARIANT_HEADER, baggage::HEADER].contains(&&**name) {
            let values = headers.entry(name).or_default();
            values.push(value.0.escape_ascii().to_string());
        }
    }
    let whole = format!("{canary}: {} {}", received.method, received.path);
    (whole, headers)
}

/// That an answer with the filter is that without, by the version that is decided natively for what an
/// upstream sees without.
pub(super) fn compare(answer: &Answer, plain: &Answer, policy: &Policy) -> Result<(), String> {
    let (received, unfiltered) = (answer.received(), plain.received());
    let outcome = |answer: &Answer, received: &Option<Received>| {
        let alike = received.as_ref().map(alike);
        format!("{:?} {:?} {alike:?}", answer.status, answer.reset)
    };
    let with = outcome(answer, &received);
    let without = outcome(plain, &unfiltered);
    if with != without {
        return Err(format!("{with} with the filter, {without} without"));
    }
    let (Some(received), Some(unfiltered)) = (received, unfiltered) else {
        // Not from an upstream of ours.
        return match answer.status {
            Some(200) => Err(answer.body.escape_ascii().to_string()),
            _ => Ok(()),
        };
    };
    let decision = decide(policy, &Upstreams(&unfiltered), &Anytime).unwrap();
    let (canary, variant) = (decision.canary.name(), decision.variant_name());
    let header: &[&[u8]] = match variant {
        "stable" => &[],
        variant => &[variant.as_bytes()],
    };
    let served = format!("{canary}/{variant}");
    if received.served_by != served || received.all(VARIANT_HEADER) != header {
        return Err(format!("not by {served}: {received:?}"));
    }
    let lines = received.all(baggage::HEADER);
    let expected = baggage_of(policy, &unfiltered, &decision);
    if lines != expected {
        let expected: Vec<&[u8]> = expected.iter().map(Vec::as_slice).collect();
        let told = |lines: &[&[u8]]| lines.join(&b" / "[..]).escape_ascii().to_string();
        return Err(format!(
            "baggage is {:?} and not {:?}",
            told(&lines),
            told(&expected)
        ));
    }
    Ok(())
}

/// The lines of `baggage` as they are to be with the filter: those without it, but that a decision goes on
/// where its canary says `propagate`.
fn baggage_of(policy: &Policy, unfiltered: &Received, decision: &Decision<'_>) -> Vec<Vec<u8>> {
    let onward = policy.send_on(&Upstreams(unfiltered), Some(decision));
    match onward.map_or(BaggageEdit::Keep, |onward| onward.edit) {
        BaggageEdit::Keep => {
            let lines = unfiltered.all(baggage::HEADER).into_iter();
            lines.map(<[u8]>::to_vec).collect()
        }
        BaggageEdit::Remove => Vec::new(),
        BaggageEdit::Replace(line) => vec![line],
    }
}

#[test]
fn baggage_is_compared() {
    let policy = Policy::compile(&read(CANARIES));
    // The lines without the filter and with it.
    let check = |host: &str, lines: [&[&str]; 2], alike: bool| {
        let canary = if host == "shop" { "shop" } else { "rest" };
        let answer = |variant: &str, of_filter: &[(&str, &str)], lines: &[&str]| {
            let baggage = lines.iter().map(|line| (baggage::HEADER, *line));
            let headers = of_filter.iter().copied().chain(baggage);
            let headers = iter::once(("host", host)).chain(headers);
            let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned().into()));
            let received = Received {
                served_by: format!("{canary}/{variant}"),
                method: "GET".to_owned(),
                path: "/".to_owned(),
                headers: headers.collect(),
            };
            Answer {
                status: Some(200),
                body: serde_json::to_vec(&received).unwrap(),
                ..Answer::default()
            }
        };
        let without = answer("stable", &[], lines[0]);
        let with = answer("canary", &[(VARIANT_HEADER, "canary")], lines[1]);
        let compared = compare(&with, &without, &policy);
        assert_eq!(compared.is_ok(), alike, "{host} {lines:?}: {compared:?}");
        let of_baggage = |problem: &String| problem.starts_with("baggage is ");
        assert!(
            compared.as_ref().err().is_none_or(of_baggage),
            "{compared:?}"
        );
    };
    // Its decisions go on.
    check("shop", [&[], &["coalmine.shop=canary"]], true);
    check("shop", [&[], &[]], false);
    check("shop", [&[], &["coalmine.shop=stable"]], false);
    check("shop", [&["a=b", "c"], &["a=b", "c"]], true);
    check(
        "shop",
        [&["a=b", "c=d"], &["a=b,c=d,coalmine.shop=canary"]],
        true,
    );
    check(
        "shop",
        [&["a=b", "c=d"], &["a=b", "c=d", "coalmine.shop=canary"]],
        false,
    );
    check("shop", [&["a=b"], &["coalmine.shop=canary"]], false);
    check("shop", [&["coalmine.shop=stable,,"], &[]], false);
    // And those of the other one do not.
    check("else", [&[], &[]], true);
    check("else", [&[], &["coalmine.rest=canary"]], false);
    check(
        "else",
        [
            &["a=b", "coalmine.rest=stable"],
            &["a=b", "coalmine.rest=stable"],
        ],
        true,
    );
    check("else", [&["a=b", "c=d"], &["a=b,c=d"]], false);
    check("else", [&["a=b"], &[]], false);
}
