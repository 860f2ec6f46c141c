//! Cookies, in which a pin, a rule and a unit stand.

use crate::naive::{Answer, Asked, check};
use coalmine::config::{Canaries, read_json};
use coalmine::{IssuedUnit, Policy};
use std::sync::LazyLock;

static SHOP: LazyLock<(Canaries, Policy)> = LazyLock::new(|| {
    let json = r#"{"apiVersion":"coalmine.dev/v1alpha1","kind":"Canary","metadata":{"name":"shop"},
        "spec":{"hosts":["shop"],"variants":{"stable":{},"a":{},"b":{}},"default":"stable",
        "pins":{"cookie":"pin"},"shares":{"a":"30%","b":"30%"},"evidence":{"rest":true},
        "rules":[{"name":"plan","when":{"cookie":{"name":"plan","in":["gold","silver"]}},"route":"a"},
        {"name":"odd","when":{"cookie":{"name":"p","contains":"\""}},"route":"b"}],
        "unit":[{"cookie":"s"},{"cookie":"plan"}],"whenNoUnit":"issue-cookie"}}"#;
    let canaries = read_json(json.as_bytes()).unwrap();
    let policy = Policy::compile(&canaries);
    (canaries, policy)
});

/// Each line is one of the header `cookie`. The naive decision must be the same, also where other
/// cookies come behind, or all stand in one line; and a unit that is issued must be read again.
pub fn cookies(data: &[u8]) {
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let answer = decided(&lines);
    let mut more = lines.clone();
    more.push(b"zz=1; pins=a");
    assert_eq!(decided(&more), answer, "other cookies");
    assert_eq!(decided(&[&lines.join(&b"; "[..])]), answer, "in one line");
    if answer.issued.is_some() {
        let cookie = SHOP.1.canaries()[0].unit_cookie().unwrap();
        let cookie = cookie.set_cookie(&IssuedUnit::from_draw(DRAW), true);
        let (pair, _) = cookie.split_once(';').unwrap();
        let mut back = lines;
        back.push(pair.as_bytes());
        let again = decided(&back);
        assert_eq!(again.issued, None);
        assert_eq!((again.variant, again.arm), (answer.variant, answer.arm));
    }
}

const DRAW: u128 = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;

fn decided(lines: &[&[u8]]) -> Answer {
    let mut headers = vec![(b":authority".to_vec(), b"shop".to_vec())];
    headers.extend(lines.iter().map(|line| (b"cookie".to_vec(), line.to_vec())));
    let asked = Asked {
        headers,
        draw: DRAW,
        ..Asked::default()
    };
    check(&SHOP.0, &SHOP.1, &asked).expect("the host is governed")
}
