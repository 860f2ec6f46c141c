//! A request and a moment that are written down, for tests and benchmarks.

use coalmine::{Moment, Request, Timestamp};

/// A request as a proxy would show it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent {
    /// Names and values, pseudo-headers among them.
    pub(crate) headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The client's address.
    pub(crate) source: Option<Vec<u8>>,
}

/// The time and the draw, both fixed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fixed {
    /// The time.
    pub(crate) now: Timestamp,
    /// The draw.
    pub(crate) draw: u128,
}

impl Sent {
    /// A request of `path` from `host`, with more headers.
    pub(crate) fn new<H: AsRef<[u8]>>(
        method: &[u8],
        host: Option<&[u8]>,
        path: &[u8],
        headers: &[(H, H)],
    ) -> Self {
        let pseudo: [(&[u8], Option<&[u8]>); 3] = [
            (b":authority", host),
            (b":path", Some(path)),
            (b":method", Some(method)),
        ];
        let pseudo = pseudo
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        let headers = headers
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_ref()));
        Self {
            headers: pseudo
                .chain(headers)
                .map(|(name, value)| (name.to_vec(), value.to_vec()))
                .collect(),
            source: None,
        }
    }
}

impl Request for Sent {
    fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_slice(), value.as_slice()))
    }

    fn source_address(&self) -> Option<Vec<u8>> {
        self.source.clone()
    }
}

impl Default for Fixed {
    fn default() -> Self {
        Self {
            now: Timestamp::from_unix_millis(0),
            draw: 0,
        }
    }
}

impl Moment for Fixed {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn draw(&self) -> u128 {
        self.draw
    }
}
