//! The same random-looking input every time, also where there is no entropy: for wasm32, and for
//! loops that are too long for a property test's bookkeeping.

use coalmine::config::read_json;
use coalmine::{Policy, decide};

use crate::request::{Fixed, Sent};

/// A config with something of everything, for the host `shop`.
pub(crate) const CONFIG: &str = include_str!("config.json");

/// SplitMix64 (Steele, Lea and Flood 2014).
pub(crate) struct Sequence(u64);

impl Sequence {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// Fewer than `limit` bytes of any value.
    pub(crate) fn bytes(&mut self, limit: usize) -> Vec<u8> {
        (0..self.below(limit)).map(|_| self.next() as u8).collect()
    }

    /// Bytes that are more or less a config: a good one with a few places broken, words of the
    /// format in any order, or anything at all.
    pub(crate) fn config_like(&mut self) -> Vec<u8> {
        const WORDS: [&str; 40] = [
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "\"",
            "null",
            "true",
            "-1e999",
            "0.5",
            "\"spec\"",
            "\"hosts\"",
            "\"variants\"",
            "\"default\"",
            "\"pins\"",
            "\"rules\"",
            "\"when\"",
            "\"all\"",
            "\"any\"",
            "\"not\"",
            "\"header\"",
            "\"name\"",
            "\"exact\"",
            "\"in\"",
            "\"regex\"",
            "\"((a{99}){99}){99}\"",
            "\"shares\"",
            "\"101%\"",
            "\"0.00001%\"",
            "\"ramp\"",
            "\"at\"",
            "\"0000-01-01T00:00:00Z\"",
            "\"9999-12-31T23:59:59-23:59\"",
            "\"unit\"",
            "\"kind\"",
            "\"Plugin\"",
            "\"canaries\"",
            "\"metadata\"",
            "\u{1F426}",
        ];
        match self.below(4) {
            0 => self.bytes(400),
            1 => {
                let words = (0..self.below(60)).map(|_| *self.pick(&WORDS));
                words.collect::<String>().into_bytes()
            }
            _ => {
                let mut bytes = CONFIG.as_bytes().to_vec();
                for _ in 0..=self.below(4) {
                    let at = self.below(bytes.len());
                    match self.below(4) {
                        0 => bytes[at] = self.next() as u8,
                        1 => bytes.truncate(at.max(1)),
                        2 => {
                            let end = (at + self.below(20)).min(bytes.len() - 1);
                            bytes.drain(at.min(end)..end);
                        }
                        _ => {
                            let word = self.pick(&WORDS).bytes();
                            bytes.splice(at..at, word);
                        }
                    }
                }
                bytes
            }
        }
    }

    /// Headers that a canary looks at, and others, with values of any bytes.
    pub(crate) fn headers(&mut self) -> Vec<(Vec<u8>, Vec<u8>)> {
        const NAMES: [&str; 12] = [
            ":authority",
            ":path",
            ":method",
            "host",
            "cookie",
            "cookie",
            "x-group",
            "x-canary",
            "x-user-id",
            "user-agent",
            "x-coalmine-variant",
            "x-there",
        ];
        const VALUES: [&str; 16] = [
            "shop",
            "shop:",
            "[",
            "[]:",
            ".",
            "/?v=canary&v",
            "/??#&=",
            "canary=canary; ;=;",
            "session=\"\"; session=\"",
            "staff",
            "never",
            "canary",
            "v1",
            "bot",
            "",
            "=",
        ];
        let mut headers = Vec::new();
        if self.below(8) > 0 {
            headers.push((b":authority".to_vec(), b"shop".to_vec()));
        }
        for _ in 0..self.below(12) {
            let name = match self.below(8) {
                0 => self.bytes(20),
                _ => self.pick(&NAMES).as_bytes().to_vec(),
            };
            let value = match self.below(3) {
                0 => self.bytes(300),
                1 => self.pick(&VALUES).as_bytes().to_vec(),
                _ => {
                    let mut value = self.pick(&VALUES).as_bytes().to_vec();
                    value.extend(self.bytes(10));
                    value.extend(self.pick(&VALUES).bytes());
                    value
                }
            };
            headers.push((name, value));
        }
        headers
    }
}

/// Every unit that has a variant keeps it while the variant's share grows, with one, two and three
/// variants beside the default.
pub(crate) fn growing_share_keeps_everyone(units: usize) {
    for count in 1..=3 {
        let steps: Vec<Policy> = [0, 1, 50_000, 200_000, 333_333]
            .map(|share| policy(count, share))
            .into();
        for unit in 0..units {
            let mut had = "stable".to_owned();
            for policy in &steps {
                let unit = format!("user-{unit}");
                let request = Sent::new(
                    b"GET",
                    Some(b"shop"),
                    b"/",
                    &[(b"x-user-id".as_slice(), unit.as_bytes())],
                );
                let decision = decide(policy, &request, &Fixed::default()).expect("in scope");
                let has = decision.variant_name();
                assert!(had == "stable" || had == has, "{unit}: {had}, then {has}");
                had = has.to_owned();
            }
        }
    }
}

fn policy(variants: usize, share: u32) -> Policy {
    let share = coalmine::bucket::Share::from_millionths(share).expect("a share");
    let names = ["a", "b", "c"];
    let list = |entry: &dyn Fn(&str) -> String| {
        let entries = names.iter().take(variants).map(|name| entry(name));
        entries.collect::<Vec<_>>().join(",")
    };
    let json = format!(
        r#"{{"apiVersion":"coalmine.dev/v1alpha1","kind":"Canary","metadata":{{"name":"shop"}},
        "spec":{{"hosts":["shop"],"variants":{{"stable":{{}},{}}},"default":"stable",
        "unit":[{{"header":"x-user-id"}}],"shares":{{{}}}}}}}"#,
        list(&|name| format!(r#""{name}":{{"max":"33.3333%"}}"#)),
        list(&|name| format!(r#""{name}":"{share}""#)),
    );
    Policy::compile(&read_json(json.as_bytes()).expect("a good config"))
}
