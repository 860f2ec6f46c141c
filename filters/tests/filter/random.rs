//! Random bytes as configuration and as headers. `COALMINE_FUZZ=1000000` says how many of each.

use crate::host::Vm;
use crate::requests::{canary, reviews};

const FIELDS: &str = r#""pins": {"header": "x-canary", "cookie": "canary", "query": "canary"},
    "rules": [{"name": "r", "when": {"path": {"regex": "^/a+b"}}, "shares": {"canary": "50%"}}],
    "unit": [{"header": "x-user-id"}, {"cookie": "session"}], "whenNoUnit": "random",
    "shares": {"canary": "50%"}"#;

fn rounds() -> u64 {
    let wanted = std::env::var("COALMINE_FUZZ");
    wanted.map_or(50_000, |wanted| {
        wanted.parse().expect("COALMINE_FUZZ is a number")
    })
}

/// SplitMix64 (Steele, Lea and Flood, 2014): the same bytes in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn bytes(&mut self) -> Vec<u8> {
        (0..self.below(80)).map(|_| self.next() as u8).collect()
    }

    /// Something good with a few bytes changed, taken out, put in or cut off.
    fn damage(&mut self, good: &[u8]) -> Vec<u8> {
        let mut bytes = good.to_vec();
        for _ in 0..=self.below(4) {
            let place = self.below(bytes.len().max(1)).min(bytes.len());
            match self.below(8) {
                0 => bytes.truncate(place),
                1 | 2 => bytes.insert(place, self.next() as u8),
                3 | 4 if place < bytes.len() => _ = bytes.remove(place),
                _ => {
                    if let Some(byte) = bytes.get_mut(place) {
                        *byte ^= 1 << self.below(8);
                    }
                }
            }
        }
        bytes
    }

    /// Half of them from nothing, half of them damaged.
    fn from(&mut self, good: &[u8]) -> Vec<u8> {
        if self.below(2) == 0 {
            self.bytes()
        } else {
            self.damage(good)
        }
    }
}

#[test]
fn as_configuration() {
    let good = canary(FIELDS);
    let mut vm = Vm::configured(&good);
    let mut random = Random(1);
    let mut taken = 0;
    for _ in 0..rounds() {
        let bytes = random.from(good.as_bytes());
        if vm.configure(&bytes) {
            taken += 1;
            vm.request(&reviews(&[(b"x-user-id", b"u"), (b":path", b"/aab")]));
        }
        vm.log();
    }
    assert!(taken > 0, "some damage does no harm");
}

#[test]
fn as_headers() {
    let mut vm = Vm::configured(&canary(FIELDS));
    let mut random = Random(2);
    let mut decided = 0;
    let good = crate::host::wire(&[
        (":authority", "reviews"),
        (":path", "/aab?canary=x"),
        ("cookie", "session=1; canary=\"no\""),
        ("x-canary", "maybe"),
        ("x-user-id", "u"),
    ]);
    for _ in 0..rounds() {
        let bytes = random.from(&good);
        vm.host(|host| host.raw_request = Some(bytes));
        decided += usize::from(!vm.request(&[]).is_empty());
    }
    assert!(decided > 0, "some damage does no harm");
    assert_eq!(vm.log(), []);
}
