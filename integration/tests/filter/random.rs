//! Hostile requests, made from a seed.

use crate::hostile::Asked;

/// SplitMix64 (Steele, Lea, Flood 2014): every seed is a good one.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of `0..count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(count).unwrap()).unwrap()
    }

    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub(crate) fn among<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// What means something to the canaries, or nearly.
const WORDS: [&[u8]; 22] = [
    b"canary",
    b"stable",
    b"next",
    b"never",
    b"Canary",
    b"canary,canary",
    b"canary stable",
    b"\tnever ",
    b"\"canary\"",
    b"\"",
    b"",
    b" ",
    b"staff",
    b"beta",
    b"ab-1234",
    b"ab-123456",
    b"pro",
    b"enterprise",
    b"\xff\xfe\x80",
    b"caf\xc3\xa9",
    b"%63anary",
    b"..",
];

const NAMES: [&str; 9] = [
    "x-canary",
    "x-group",
    "x-user-id",
    "x-coalmine-variant",
    "cookie",
    "cookie",
    "x-noise",
    "x",
    "baggage",
];

/// The variants of both canaries, which a client may forge.
pub(crate) const VARIANTS: [&[u8]; 5] = [b"stable", b"canary", b"next", b"old", b"blue"];

/// Hosts at the edges of what a proxy and we take for names, ports and suffixes.
pub(crate) const HOSTS: [&[u8]; 56] = [
    b"shop",
    b"HOST:80.",
    b"Shop.Example.COM.:8080",
    b"[::1]",
    b"[2001:DB8::1]:80",
    b"[::1",
    b"::1",
    b"",
    b".",
    b"..",
    b":80",
    b":",
    b"a.beta",
    b"A.BETA.:1",
    b"*",
    b"*.example.com",
    b"user@shop",
    b"10.0.0.1:99999",
    b"two words",
    b"sh\xf6p.beta",
    b"xn--shp-sna.beta",
    b"shop/../beta",
    b"shop.example.com",
    b"SHOP.:80",
    b"shop..",
    b"shop:",
    b"shop:80:80",
    b"shop]:80",
    b"[shop]",
    b"[x].example.com",
    b"[x].example.com:80",
    b"[x].example.com.:80",
    b"[::1].example.com:80",
    b"[x.example.com",
    b"[x.example.com:80",
    b"x].example.com:80",
    b"x.example.com]:80",
    b"x.example.com:80]",
    b"a:1.example.com",
    b"a:1.example.com:80",
    b"x:@.example.com:1",
    b"x@y:1.example.com",
    b".example.com",
    b".example.com.",
    b".example.com:80",
    b"..example.com",
    b"x..example.com",
    b":.example.com:80",
    b"].example.com",
    b"*.EXAMPLE.com.",
    b"example.com",
    b"x.example.com..",
    b"x.example.com.evil",
    b"x.example.com:80.",
    b"x.example.com:shop",
    b"x.beta.example.com",
];

const METHODS: [&str; 8] = [
    "GET", "GET", "GET", "GET", "POST", "PUT", "PATCH", "OPTIONS",
];

/// What may stand in a path and a query as it is.
const PATH: &[u8] = b"/?&=;%.:@!$'()*+,~_-abcCANRYuser0123456789";

/// A request with one thing wrong about it, or ten.
pub(crate) fn hostile(random: &mut Random) -> Asked {
    let mut headers = Vec::new();
    if random.one_in(2) {
        headers.push(("x-coalmine-variant", random.among(&VARIANTS).to_vec()));
    }
    for _ in 0..random.below(6) {
        let name = random.among(&NAMES);
        // Pins and all the others also twice and three times.
        for _ in 0..=random.below(3) {
            let value = match name {
                "cookie" => cookies(random),
                _ => value(random),
            };
            headers.push((name, value));
        }
    }
    Asked {
        method: random.among(&METHODS),
        path: path(random),
        host: host(random),
        headers,
    }
}

fn value(random: &mut Random) -> Vec<u8> {
    match random.below(1_000) {
        0 => bytes(random, 100 << 10),
        1..300 => {
            let length = random.below(40);
            bytes(random, length)
        }
        300..600 => format!("user-{}", random.below(1_000)).into_bytes(),
        _ => random.among(&WORDS).to_vec(),
    }
}

/// Every byte that HTTP allows in a value, be it text or not.
fn bytes(random: &mut Random, length: usize) -> Vec<u8> {
    let byte = |random: &mut Random| match random.next().to_le_bytes()[0] {
        control @ (0..0x20 | 0x7f) => control | 0x80,
        byte => byte,
    };
    (0..length).map(|_| byte(random)).collect()
}

/// A line of cookies, seldom a good one.
fn cookies(random: &mut Random) -> Vec<u8> {
    const COOKIES: [&[u8]; 6] = [b"canary", b"session", b"plan", b"theme", b"", b" canary "];
    const BETWEEN: [&[u8]; 6] = [b"; ", b"; ", b";", b" ; ", b";;", b", "];
    const EQUALS: [&[u8]; 5] = [b"=", b"=", b"=", b" = ", b""];
    let count = match random.below(400) {
        0 => 1_000,
        _ => random.below(6),
    };
    let mut line = Vec::new();
    for _ in 0..count {
        line.extend(random.among(&COOKIES));
        line.extend(random.among(&EQUALS));
        if random.one_in(3) {
            let length = random.below(12);
            line.extend(bytes(random, length));
        } else {
            line.extend(random.among(&WORDS));
        }
        line.extend(random.among(&BETWEEN));
    }
    line
}

/// What a host is made of, and what a port is.
const PARTS: [&[u8]; 12] = [
    b".example.com",
    b".example.com",
    b".EXAMPLE.com.",
    b"shop",
    b"x",
    b".",
    b":",
    b":80",
    b"[",
    b"]",
    b"@",
    b".beta",
];

fn host(random: &mut Random) -> Vec<u8> {
    match random.below(200) {
        // Up to longer than any name can be.
        0 => [&b"a".repeat(random.below(400)), &b".beta"[..]].concat(),
        1..10 => {
            let length = random.below(30);
            bytes(random, length)
        }
        10..30 => random.among(&HOSTS).to_vec(),
        30..60 => {
            let parts = 1 + random.below(6);
            (0..parts)
                .flat_map(|_| random.among(&PARTS))
                .copied()
                .collect()
        }
        _ => b"shop.example.com".to_vec(),
    }
}

fn path(random: &mut Random) -> String {
    let random_path = |random: &mut Random, length: usize| {
        let letters: Vec<u8> = (0..length).map(|_| random.among(PATH)).collect();
        format!("/{}", String::from_utf8(letters).unwrap())
    };
    match random.below(1_000) {
        0 => random_path(random, 40 << 10),
        1..200 => {
            let length = random.below(40);
            random_path(random, length)
        }
        200..300 => "/beta/cart".to_owned(),
        300..500 => {
            const QUERIES: [&str; 8] = [
                "canary=canary",
                "canary=never",
                "canary=stable&canary=canary",
                "canary",
                "&&=&canary==&user=",
                "user=u1&user=u2",
                "debug",
                "canary=next?canary=never",
            ];
            format!("/beta/?{}", random.among(&QUERIES))
        }
        _ => "/".to_owned(),
    }
}
