//! What a library behind an edge may take a header of baggage for.

use super::members::members;

/// Members as a library may hand them on: each key and value decoded, and blanks taken off.
pub(crate) fn decoded<L: AsRef<[u8]>>(lines: &[L]) -> Vec<Vec<u8>> {
    let decoded = members(lines).into_iter().map(|member| {
        let member = percent_decoded(&member);
        let text = String::from_utf8_lossy(&member).replace('+', " ");
        text.trim().to_ascii_lowercase().into_bytes()
    });
    decoded.collect()
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        let hex = behind.get(..2).and_then(|two| {
            let two = std::str::from_utf8(two).ok()?;
            let digits = two.bytes().all(|byte| byte.is_ascii_hexdigit());
            u8::from_str_radix(two, 16).ok().filter(|_| digits)
        });
        match (first, hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                rest = &behind[2..];
            }
            _ => {
                out.push(*first);
                rest = behind;
            }
        }
    }
    out
}
