//! Members that come to be ours once somebody has decoded them.
//!
//! Between an edge and the next hop stands an application, and its library may understand more than
//! the specification says: some resolve percent-encodings in keys and take blanks of any kind off
//! them before they write the header anew. What an edge leaves must not become ours by that.

use super::PREFIX;
use super::member::is_token_byte;
use crate::bytes;

/// Whether an element of a header is a member with a key of ours, or would be one if blanks and other
/// bytes that no key has were taken away in front of it, letters changed their case, or
/// percent-encodings were resolved, however often. All that [`Member::read`](super::Member::read)
/// takes for ours is among it.
pub fn speaks_for_us(element: &[u8]) -> bool {
    if !element.contains(&b'%') {
        return begins_with_ours(element);
    }
    // A comma that was encoded may come to separate members.
    bytes::split(&decoded(element), b',').any(begins_with_ours)
}

fn begins_with_ours(element: &[u8]) -> bool {
    // A plus sign is a blank to whoever decodes forms.
    let in_front = |byte: &u8| !is_token_byte(*byte) || *byte == b'+';
    let front = element.iter().take_while(|byte| in_front(byte)).count();
    let key = element.get(front..).unwrap_or_default();
    key.get(..PREFIX.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX.as_bytes()))
}

/// The text with every percent-encoding resolved, also those that come to be by resolving others.
/// Encodings never overlap, so one pass over a stack finds them all, whatever the order.
fn decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    for byte in text {
        decoded.push(*byte);
        while let [.., b'%', high, low] = decoded.as_slice() {
            let (Some(high), Some(low)) = (digit(*high), digit(*low)) else {
                break;
            };
            decoded.truncate(decoded.len().saturating_sub(3));
            decoded.push(high.wrapping_shl(4) | low);
        }
    }
    decoded
}

fn digit(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disguise_is_seen_through() {
        let check = |element: &str, ours: bool| {
            assert_eq!(speaks_for_us(element.as_bytes()), ours, "{element:?}");
        };
        for ours in [
            "coalmine.reviews=canary",
            "coalmine.",
            " \tcoalmine.reviews = canary;p=1",
            "COALMINE.reviews=canary",
            "%63oalmine.reviews=canary",
            "coalmine%2Ereviews=canary",
            "coalmine%2ereviews=canary",
            "%2563oalmine.reviews=canary",
            "%25%36%33oalmine.reviews=canary",
            "%%36%33oalmine.reviews=canary",
            "+coalmine.reviews=canary",
            "%20%09coalmine.reviews=canary",
            "%C2%A0coalmine.reviews=canary",
            "\u{a0}coalmine.reviews=canary",
            "\"coalmine.reviews=canary\"",
            "\0coalmine.reviews=canary",
            "a=b%2Ccoalmine.reviews=canary",
            "a=b%252C %63oalmine.reviews=canary",
        ] {
            check(ours, true);
        }
        for others in [
            "coalmine=canary",
            "coalmines.reviews=canary",
            "my-coalmine.reviews=canary",
            "a=coalmine.reviews",
            "a=1;coalmine.reviews=canary",
            "%=%6",
            "%",
            "",
            "a=100%25",
        ] {
            check(others, false);
        }
    }
}
