//! Finding a byte, eight at a time: cookies and user agents are the long values of a request.
//!
//! The well-kept `memchr` reads four bytes at a time on wasm32 without SIMD and brings more code
//! than the rest of this crate's scanning.

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Where `byte` is first in `haystack`.
#[inline]
pub(crate) fn find(haystack: &[u8], byte: u8) -> Option<usize> {
    let (words, rest) = haystack.as_chunks::<8>();
    let mut start = 0usize;
    for word in words {
        if let Some(within) = find_in_word(*word, byte) {
            return Some(start.wrapping_add(within));
        }
        start = start.wrapping_add(8);
    }
    if rest.is_empty() {
        return None;
    }
    let (before, within) = match haystack.last_chunk::<8>() {
        // What the last eight bytes share with the word before was looked at, and is not it.
        Some(last) => (haystack.len().wrapping_sub(8), find_in_word(*last, byte)),
        None => (start, rest.iter().position(|&known| known == byte)),
    };
    Some(before.wrapping_add(within?))
}

#[inline]
fn find_in_word(word: [u8; 8], byte: u8) -> Option<usize> {
    // A byte that is found becomes zero here, and a borrow marks the first zero byte; marks above it
    // may be wrong, but the lowest is asked for.
    let word = u64::from_le_bytes(word) ^ u64::from(byte).wrapping_mul(LOW);
    let zeros = word.wrapping_sub(LOW) & !word & HIGH;
    (zeros != 0).then(|| (zeros.trailing_zeros() / 8) as usize)
}

/// Whether they are the same, by words: most texts here are names, for which a call costs as much.
#[inline]
pub(crate) fn equal(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    match (left.last_chunk::<8>(), right.last_chunk::<8>()) {
        (Some(last), Some(other)) => {
            let ((words, _), (others, _)) = (left.as_chunks::<8>(), right.as_chunks::<8>());
            last == other && words.iter().zip(others).all(|(word, other)| word == other)
        }
        _ => left.iter().zip(right).all(|(byte, other)| byte == other),
    }
}

/// Whether there is a capital letter of ASCII in it.
#[inline]
pub(crate) fn has_capitals(text: &[u8]) -> bool {
    let in_word = |word: [u8; 8]| {
        let word = u64::from_le_bytes(word);
        let letters = word & !HIGH;
        // The highest bit of each byte: from `A` on, which is 0x80 less 0x3f, and behind `Z`.
        let from = letters.wrapping_add(LOW.wrapping_mul(0x3f));
        let behind = letters.wrapping_add(LOW.wrapping_mul(0x25));
        (from ^ behind) & !word & HIGH != 0
    };
    let (words, rest) = text.as_chunks::<8>();
    words.iter().any(|word| in_word(*word))
        || match text.last_chunk::<8>() {
            Some(last) => in_word(*last),
            None => rest.iter().any(u8::is_ascii_uppercase),
        }
}

/// Splits at the first `byte`; what stands behind it is `None` if there is none.
#[inline]
pub(crate) fn split_once(text: &[u8], byte: u8) -> (&[u8], Option<&[u8]>) {
    let Some(at) = find(text, byte) else {
        return (text, None);
    };
    let behind = text.get(at.wrapping_add(1)..);
    (text.get(..at).unwrap_or(text), behind)
}

/// The parts between the separators; one empty part for an empty text.
#[inline]
pub(crate) fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let (part, behind) = split_once(rest?, separator);
        rest = behind;
        Some(part)
    })
}

/// Whether `part` is somewhere in `text`.
#[inline]
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
    fn texts_are_equal_that_are_equal_to_std() {
        for length in 0..40usize {
            let text: Vec<u8> = (0u8..).take(length).collect();
            assert!(equal(&text, &text.clone()), "{text:?}");
            assert!(!equal(&text, &[&text[..], &[0]].concat()), "{text:?}");
            for at in 0..length {
                let mut other = text.clone();
                if let Some(byte) = other.get_mut(at) {
                    *byte ^= 0x80;
                }
                assert!(!equal(&text, &other), "{text:?} {at}");
            }
        }
    }

    #[test]
    fn capitals_are_those_of_std() {
        for length in 0..20usize {
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    let mut text = vec![b'a'; length];
                    if let Some(place) = text.get_mut(at) {
                        *place = byte;
                    }
                    let plain = text.iter().any(u8::is_ascii_uppercase);
                    assert_eq!(has_capitals(&text), plain, "{text:?}");
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
