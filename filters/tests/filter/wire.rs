//! The wire form of headers.

use coalmine_filter::pairs::Pairs;

/// A buffer of lengths and text.
fn buffer(count: u32, lengths: &[u32], text: &[u8]) -> Vec<u8> {
    let mut bytes = count.to_le_bytes().to_vec();
    bytes.extend(lengths.iter().flat_map(|length| length.to_le_bytes()));
    bytes.extend(text);
    bytes
}

fn check(bytes: &[u8], expected: Option<&[(&[u8], &[u8])]>) {
    let pairs = Pairs::parse(bytes).map(|pairs| pairs.iter().collect::<Vec<_>>());
    assert_eq!(pairs.as_deref(), expected, "{bytes:?}");
}

#[test]
fn names_and_values_are_slices() {
    check(&buffer(0, &[], b""), Some(&[]));
    check(&buffer(1, &[1, 2], b"a\0bc\0"), Some(&[(b"a", b"bc")]));
    check(&buffer(1, &[0, 0], b"\0\0"), Some(&[(b"", b"")]));
    check(
        &buffer(2, &[3, 1, 2, 0], b"a\0b\0\xff\0cd\0\0"),
        Some(&[(b"a\0b", b"\xff"), (b"cd", b"")]),
    );
}

#[test]
fn a_buffer_without_all_its_lengths_is_no_headers() {
    check(b"", None);
    check(b"\x01\0\0", None);
    check(&buffer(1, &[], b""), None);
    check(&buffer(1, &[1], b""), None);
    check(&buffer(u32::MAX, &[1, 2], b"a\0bc\0"), None);
    check(&buffer(1 << 29, &[0, 0], b"\0\0"), None);
}

#[test]
fn a_length_that_leads_out_of_the_buffer_ends_the_headers() {
    check(&buffer(1, &[1, 2], b"a\0bc"), Some(&[]));
    check(&buffer(1, &[u32::MAX, u32::MAX], b"\0\0"), Some(&[]));
    check(
        &buffer(2, &[1, 2, 9, 0], b"a\0bc\0d\0\0"),
        Some(&[(b"a", b"bc")]),
    );
    // What stands behind the last value is nobody's.
    check(&buffer(1, &[1, 2], b"a\0bc\0\0"), Some(&[(b"a", b"bc")]));
    check(&buffer(0, &[], b"\0"), Some(&[]));
}
