//! Random draws out of a pool: the host is asked once for many.

use core::cell::Cell;

/// How many draws one call to the host brings.
const DRAWS: usize = 16;

/// What fills a buffer with random bytes, as [`getrandom::fill`] does.
pub type Fill = fn(&mut [u8]) -> Result<(), getrandom::Error>;

/// Random draws, fetched when they are first needed: most plugins never need one.
#[derive(Debug)]
pub struct Entropy {
    fill: Fill,
    pool: [Cell<u128>; DRAWS],
    left: Cell<usize>,
    refused: Cell<bool>,
}

impl Entropy {
    /// An empty pool over a source.
    pub fn new(fill: Fill) -> Self {
        Self {
            fill,
            pool: Default::default(),
            left: Cell::new(0),
            refused: Cell::new(false),
        }
    }

    /// The next draw; `None` once the source has refused. It is not asked again then: a host that
    /// restricts it writes a log line at every attempt.
    pub fn draw(&self) -> Option<u128> {
        let left = match self.left.get() {
            0 => self.refill()?,
            left => left,
        };
        let next = left.checked_sub(1)?;
        self.left.set(next);
        self.pool.get(next).map(Cell::get)
    }

    fn refill(&self) -> Option<usize> {
        if self.refused.get() {
            return None;
        }
        let mut bytes = [0u8; DRAWS * size_of::<u128>()];
        if (self.fill)(&mut bytes).is_err() {
            self.refused.set(true);
            return None;
        }
        let (draws, _) = bytes.as_chunks();
        for (cell, draw) in self.pool.iter().zip(draws) {
            cell.set(u128::from_ne_bytes(*draw));
        }
        Some(DRAWS)
    }
}
