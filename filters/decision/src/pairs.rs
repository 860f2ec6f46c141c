//! The wire form of headers, read in place.
//!
//! The ABI hands over all headers of a message in one buffer: their number, then the lengths of
//! each name and value, then each name and each value with a NUL behind it; numbers are 32 bits,
//! little-endian. Nothing in it is copied: names and values stay slices of the buffer.

/// The pairs of a buffer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pairs<'b> {
    lengths: &'b [[u8; 8]],
    text: &'b [u8],
}

impl<'b> Pairs<'b> {
    /// The pairs of a buffer; `None` if it ends before the last of its lengths.
    pub fn parse(bytes: &'b [u8]) -> Option<Self> {
        let (count, rest) = bytes.split_first_chunk::<4>()?;
        let table = size(u32::from_le_bytes(*count)).checked_mul(8)?;
        let (table, text) = rest.split_at_checked(table)?;
        let (lengths, _) = table.as_chunks::<8>();
        Some(Self { lengths, text })
    }

    /// Names and values in order, up to the first that its length leads out of the buffer.
    pub fn iter(&self) -> impl Iterator<Item = (&'b [u8], &'b [u8])> + use<'b> {
        let mut text = self.text;
        self.lengths.iter().map_while(move |pair| {
            let (name, value) = name_and_value(pair);
            let (name, rest) = text.split_at_checked(size(name))?;
            let (value, rest) = rest.get(1..)?.split_at_checked(size(value))?;
            text = rest.get(1..)?;
            Some((name, value))
        })
    }
}

fn name_and_value(pair: &[u8; 8]) -> (u32, u32) {
    let both = u64::from_le_bytes(*pair);
    (both as u32, (both >> 32) as u32)
}

/// Both of the filter's targets, wasm32 and the 64-bit one of the tests, have room for 32 bits.
fn size(length: u32) -> usize {
    length as usize
}
