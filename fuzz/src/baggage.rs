//! What an edge leaves of baggage, and what a decision does to it.

use crate::decoded::decoded;
use crate::members::{key, members, value};
use coalmine::baggage::{BaggageEdit, Onward, onward};

const KEY: &[u8] = b"coalmine.shop";
const VALUE: &[u8] = b"canary";

/// Each line is one of the header. What an edge leaves nobody behind it takes for ours, however often
/// it is decoded; members of others keep their bytes; what is left of ours says what was decided.
pub fn baggage(data: &[u8]) {
    let lines: Vec<Vec<u8>> = data
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    let ours = Some((KEY, VALUE));
    check_edge(&lines);
    for (edge, ours) in [(false, ours), (true, ours), (true, None)] {
        let first = go_on(&lines, edge, ours);
        let after = after(&lines, &first);
        let again = go_on(&after, edge, ours);
        // At the edge, what was just written is taken out and written anew: nothing changes.
        assert_eq!(again.edit, BaggageEdit::Keep, "{edge} {ours:?}");
        assert_eq!(again.dropped, first.dropped);
        let says = members(&after)
            .into_iter()
            .filter(|member| key(member) == KEY);
        for member in says.filter(|_| ours.is_some()) {
            let value = value(&member);
            assert!(
                value.is_none_or(|value| value == VALUE),
                "{}",
                member.escape_ascii()
            );
        }
        if !edge {
            assert_eq!(of_others(&lines), of_others(&after));
        }
    }
}

fn check_edge(lines: &[Vec<u8>]) {
    let mut left = after(lines, &go_on(lines, true, None));
    // Who has no byte of our name in it, however it is written, is none of our business.
    let harmless = |lines: &[Vec<u8>]| {
        let mut all = members(lines);
        all.retain(|member| !member.contains(&b'%') && !within(member, b"oalmine"));
        all
    };
    assert_eq!(harmless(lines), harmless(&left));
    for _ in 0..4 {
        for member in members(&left) {
            assert!(
                !member.starts_with(b"coalmine."),
                "{}",
                member.escape_ascii()
            );
        }
        left = decoded(&left);
    }
}

fn within(text: &[u8], part: &[u8]) -> bool {
    text.to_ascii_lowercase()
        .windows(part.len())
        .any(|window| window == part)
}

fn of_others(lines: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut all = members(lines);
    all.retain(|member| key(member) != KEY);
    all
}

fn go_on(lines: &[Vec<u8>], edge: bool, ours: Option<(&[u8], &[u8])>) -> Onward {
    onward(|| lines.iter().map(Vec::as_slice), edge, ours)
}

fn after(lines: &[Vec<u8>], outcome: &Onward) -> Vec<Vec<u8>> {
    match &outcome.edit {
        BaggageEdit::Keep => lines.to_vec(),
        BaggageEdit::Replace(line) => vec![line.clone()],
        BaggageEdit::Remove => Vec::new(),
    }
}
