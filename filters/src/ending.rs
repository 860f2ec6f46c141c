//! How a response ended, asked in one question whose answer is a length.
//!
//! The status and Envoy's flags are two properties, and each comes back in memory that the host
//! allocates here, which is dear whatever its size. Envoy's expression language (CEL, by the foreign
//! functions `expr_create` and `expr_evaluate`) reads both in one call; and whoever leaves no place for
//! what an expression gives is told its size alone, for which nothing is allocated.

use crate::expression::Expression;
use crate::host::Host;
use core::cell::OnceCell;

/// Gives a text whose length says what [`Known::of`] reads. The properties are read one by one, so the
/// shortest way is that of a good response.
const QUESTION: &str = "response.flags == 0 \
    ? (response.code < 400 ? '' : response.code < 500 ? '1' : '22') \
    : response.code < 200 ? '333' \
    : response.code < 400 ? '4444' : response.code < 500 ? '55555' : '666666'";

/// The question, once the host knows it; `None` where it has no such language. Asked in most
/// configurations never, so it is made known when it is asked first.
#[derive(Debug, Default)]
pub(crate) struct Ending(OnceCell<Option<Expression>>);

/// What the answer says.
#[derive(Clone, Copy)]
struct Known {
    /// A status of the same class.
    code: u64,
    /// Whether there are flags.
    flags: bool,
}

impl Ending {
    /// The status of the current stream's response, or another of its class, and Envoy's flags of it;
    /// no status if none was begun. `begun`: its headers have been here, as far as is known.
    pub(crate) fn of(&self, host: &Host, begun: bool) -> (Option<u64>, u64) {
        let flags = || host.response_flags().unwrap_or_default();
        match begun.then(|| self.ask()).flatten() {
            Some(Known { code, flags: false }) => (Some(code), 0),
            Some(Known { code, flags: true }) => (Some(code), flags()),
            // Envoy says 0 where no response was begun.
            None => (host.response_code().filter(|code| *code != 0), flags()),
        }
    }

    fn ask(&self) -> Option<Known> {
        let question = self.0.get_or_init(|| Expression::create(QUESTION));
        Known::of(question.as_ref()?.size()?)
    }
}

impl Drop for Ending {
    /// The host is told while a context of the configuration is current: it is replaced, or it ends.
    fn drop(&mut self) {
        if let Some(question) = self.0.take().flatten() {
            question.delete();
        }
    }
}

impl Known {
    /// What a length says. A status below 200 that has flags, as that of a socket that ended, is to be
    /// asked for; without flags it is a good response's like all others below 400.
    fn of(length: usize) -> Option<Self> {
        let (code, flags) = match length {
            0 => (200, false),
            1 => (400, false),
            2 => (500, false),
            4 => (200, true),
            5 => (400, true),
            6 => (500, true),
            _ => return None,
        };
        Some(Self { code, flags })
    }
}
