//! Requests as clients can send them, not as they should.

use crate::naive::Asked;
use crate::policies::Random;
use coalmine::config::Canary;

/// Times before, between and behind the points of random ramps.
const YEAR: i64 = 365 * 24 * 3600 * 1000;

/// What no reader of a value should stumble over.
const ODD: [&[u8]; 16] = [
    b"\xff",
    b"\xc3\x28",
    b"\0",
    b"%",
    b"%2",
    b"%zz",
    b"%2C",
    b"%00",
    b"\"",
    b"=",
    b";",
    b",",
    b"&&",
    b"?",
    b"#",
    b"\t ",
];

/// A request to this canary, most of the time with something odd about it.
pub(crate) fn asked(random: &mut Random, canary: &Canary, now: i64) -> Asked {
    let sent = random.request(canary);
    let host = sent.host.clone().unwrap();
    let headers = sent.header_list(&host).into_iter();
    let mut headers: Vec<(Vec<u8>, Vec<u8>)> = headers
        .map(|(name, value)| (name.into_bytes(), value.into_bytes()))
        .collect();
    for _ in 0..random.below(4) {
        spoil(random, &mut headers);
    }
    let variants = canary.spec.variants.iter().map(|(name, _)| name.clone());
    Asked {
        headers,
        source: match random.below(4) {
            0 => None,
            1 => Some(b"[2001:db8::1]:443".to_vec()),
            2 => Some(b"2001:db8::1".to_vec()),
            _ => sent.source_address.map(String::into_bytes),
        },
        now: now + (random.below(120) as i64 - 60) * YEAR + random.below(1_000_000) as i64,
        draw: random.below(usize::MAX) as u128,
        held: variants.filter(|_| random.below(2) == 0).collect(),
    }
}

fn spoil(random: &mut Random, headers: &mut Vec<(Vec<u8>, Vec<u8>)>) {
    let at = random.below(headers.len());
    let odd = ODD[random.below(ODD.len())];
    let cookie = |value: String| (b"cookie".to_vec(), value.into_bytes());
    match random.below(8) {
        // An odd byte anywhere, in the host and the path as well.
        0 | 1 => {
            let value = &mut headers[at].1;
            let within = random.below(value.len() + 1);
            value.splice(within..within, odd.iter().copied());
        }
        // The same header once more, or that of another value. Pseudo-headers come once.
        2 => {
            let mut again = headers[at].clone();
            if !again.0.starts_with(b":") {
                again.1.extend_from_slice(odd);
                headers.push(again);
            }
        }
        // Many cookies, in one line or in many.
        3 | 4 => {
            let names = ["s", "plan", "pin", "u", "coalmine-unit", "x"];
            let values = ["", "a", "canary", "never", "\"b\"", " staff "];
            let mut pairs = Vec::new();
            for _ in 0..40 {
                let name = names[random.below(names.len())];
                pairs.push(format!("{name}={}", values[random.below(values.len())]));
            }
            match random.below(2) {
                0 => headers.push(cookie(pairs.join(["; ", ";", " ;\t"][random.below(3)]))),
                _ => headers.extend(pairs.into_iter().map(cookie)),
            }
        }
        // A host as clients may write it.
        5 => {
            let host = &mut headers[0].1;
            match random.below(5) {
                0 => host.make_ascii_uppercase(),
                1 => host.extend_from_slice(b".:8080"),
                2 => host.extend_from_slice(b":"),
                3 => host.insert(0, b'.'),
                _ => *host = [vec![b'x'; 300], b".w0".to_vec()].concat(),
            }
        }
        // A query that no form makes.
        6 => {
            let path = &mut headers[1].1;
            path.extend_from_slice(
                [
                    &b"?pin=canary&pin"[..],
                    b"&q=%61&&=&v",
                    b"??q=a",
                    b"#?pin=never",
                ][random.below(4)],
            );
        }
        // Long values, at which regexes give up.
        _ => headers[at]
            .1
            .extend(std::iter::repeat_n(b'a', random.below(6_000))),
    }
}
