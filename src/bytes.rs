//! Finding a byte, eight at a time: cookies and user agents are the long values of a request.
//!
//! The well-kept `memchr` reads four bytes at a time on wasm32 without SIMD and brings more code
//! than the rest of this crate's scanning.

/// Where `byte` is first in `haystack`.
pub(crate) fn find(haystack: &[u8], byte: u8) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let pattern = u64::from(byte).wrapping_mul(LOW);
    let (words, rest) = haystack.as_chunks::<8>();
    let mut start = 0usize;
    for word in words {
        // A byte that is found becomes zero here, and a borrow marks the first zero byte; marks
        // above it may be wrong, but the lowest is asked for.
        let word = u64::from_le_bytes(*word) ^ pattern;
        let zeros = word.wrapping_sub(LOW) & !word & HIGH;
        if zeros != 0 {
            let within = usize::try_from(zeros.trailing_zeros() / 8).unwrap_or(0);
            return Some(start.wrapping_add(within));
        }
        start = start.wrapping_add(8);
    }
    let within = rest.iter().position(|&known| known == byte)?;
    Some(start.wrapping_add(within))
}

/// Splits at the first `byte`; what stands behind it is `None` if there is none.
pub(crate) fn split_once(text: &[u8], byte: u8) -> (&[u8], Option<&[u8]>) {
    let Some(at) = find(text, byte) else {
        return (text, None);
    };
    let behind = text.get(at.wrapping_add(1)..);
    (text.get(..at).unwrap_or(text), behind)
}

/// The parts between the separators; one empty part for an empty text.
pub(crate) fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let (part, behind) = split_once(rest?, separator);
        rest = behind;
        Some(part)
    })
}

/// Whether `part` is somewhere in `text`.
pub(crate) fn contains(text: &[u8], part: &[u8]) -> bool {
    let Some((&first, rest)) = part.split_first() else {
        return true;
    };
    let mut text = text;
    while let (_, Some(behind)) = split_once(text, first) {
        if behind.starts_with(rest) {
            return true;
        }
        text = behind;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_found_where_a_plain_search_finds_it() {
        // Every position in texts around the width of a word, with neighbours that differ by a bit.
        for length in 0..40usize {
            for at in 0..=length {
                for (byte, other) in [(b';', b':'), (0, 1), (0x80, 0), (0xff, 0x7f), (1, 0)] {
                    let mut text = vec![other; length];
                    if let Some(place) = text.get_mut(at) {
                        *place = byte;
                    }
                    let plain = text.iter().position(|&known| known == byte);
                    assert_eq!(find(&text, byte), plain, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn parts_and_substrings_are_those_of_std() {
        for text in [
            "",
            ";",
            "a",
            "a;b",
            ";;a;",
            "abcdefgh;ijklmnop;",
            "a;bbbbbbbbbbb;c",
        ] {
            let ours: Vec<&[u8]> = split(text.as_bytes(), b';').collect();
            let std: Vec<&[u8]> = text.split(';').map(str::as_bytes).collect();
            assert_eq!(ours, std, "{text}");
            for part in ["", ";", "a", "bbb", "h;i", ";c", "bbbbbbbbbbbb", "p;"] {
                let ours = contains(text.as_bytes(), part.as_bytes());
                assert_eq!(ours, text.contains(part), "{part} in {text}");
            }
        }
    }
}
