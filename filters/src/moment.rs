//! The time and the draws that a decision may ask for.

use crate::call::Call;
use crate::plugin::Plugin;
use coalmine::guard::Ticket;
use coalmine::pin::Verifier;
use coalmine::policy::CanaryPolicy;
use coalmine::{Timestamp, VariantId};
use core::cell::Cell;
use xxhash_rust::xxh3::xxh3_128;

/// The moment of one request.
pub(crate) struct Moment<'p> {
    pub(crate) plugin: &'p Plugin,
    pub(crate) context_id: u32,
    /// Whether the request is complete with its headers.
    whole: bool,
    /// What the guard has given for the variant that it was asked about.
    pub(crate) ticket: Cell<Option<Ticket>>,
    /// When it was asked, in nanoseconds of the steady clock.
    pub(crate) asked: Cell<Option<u64>>,
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

    /// Without a clock no guard acts.
    fn admits(&self, canary: &CanaryPolicy, variant: VariantId) -> bool {
        let Plugin { host, guards, .. } = self.plugin;
        let Some(guard) = guards.get(canary.number(), variant) else {
            return true;
        };
        let Some(now) = host.steady_nanoseconds() else {
            return true;
        };
        self.asked.set(Some(now));
        let ticket = guard.admit(host, now / 1_000_000, self.whole);
        self.ticket.set(ticket);
        self.ticket.get().is_some()
    }
}

impl<'p> Moment<'p> {
    pub(crate) fn new(plugin: &'p Plugin, context_id: u32, whole: bool) -> Self {
        Self {
            plugin,
            context_id,
            whole,
            ticket: Cell::default(),
            asked: Cell::default(),
        }
    }

    /// Different for each request of all workers in practice, which is what spreads requests over
    /// the line; but who knows the time of a request could find it out.
    fn guessable_draw(&self) -> u128 {
        let nanoseconds = self.plugin.host.nanoseconds().unwrap_or(0);
        let mixed = (u128::from(nanoseconds) << 32) | u128::from(self.context_id);
        xxh3_128(&mixed.to_le_bytes())
    }
}
