//! The time and the draws that a decision may ask for.

use crate::host::Call;
use crate::plugin::Plugin;
use coalmine::Timestamp;
use coalmine::pin::Verifier;
use xxhash_rust::xxh3::xxh3_128;

/// The moment of one request.
pub(crate) struct Moment<'p> {
    pub(crate) plugin: &'p Plugin,
    pub(crate) context_id: u32,
}

impl coalmine::Moment for Moment<'_> {
    /// Without a clock it is 1970, where no ramp has begun and no signed pin is valid.
    fn now(&self) -> Timestamp {
        let nanoseconds = self.plugin.host.nanoseconds().unwrap_or(0);
        Timestamp::from_unix_millis((nanoseconds / 1_000_000).cast_signed())
    }

    fn verifier(&self) -> Option<&Verifier> {
        Some(&self.plugin.verifier)
    }

    fn draw(&self) -> u128 {
        self.plugin.entropy.draw().unwrap_or_else(|| {
            self.plugin.host.report(Call::Random, None);
            self.guessable_draw()
        })
    }
}

impl Moment<'_> {
    /// Different for each request of all workers in practice, which is what spreads requests over
    /// the line; but who knows the time of a request could find it out.
    fn guessable_draw(&self) -> u128 {
        let nanoseconds = self.plugin.host.nanoseconds().unwrap_or(0);
        let mixed = (u128::from(nanoseconds) << 32) | u128::from(self.context_id);
        xxh3_128(&mixed.to_le_bytes())
    }
}
