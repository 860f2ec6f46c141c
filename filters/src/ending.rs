//! How a response ended, asked in one question whose answer is a length.
//!
//! The status and Envoy's flags are two properties, and each comes back in memory that the host
//! allocates here, which is dear whatever its size. Envoy's expression language (CEL, by the foreign
//! functions `expr_create` and `expr_evaluate`) reads both in one call; and whoever leaves no place for
//! what an expression gives is told its size alone, for which nothing is allocated.

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
pub(crate) struct Ending(OnceCell<Option<u32>>);

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
    /// no status if none was begun. `begun`: its headers have been here.
    pub(crate) fn of(&self, host: &Host, begun: bool) -> (Option<u64>, u64) {
        let flags = || host.response_flags().unwrap_or_default();
        match begun.then(|| self.ask(host)).flatten() {
            Some(Known { code, flags: false }) => (Some(code), 0),
            Some(Known { code, flags: true }) => (Some(code), flags()),
            // Envoy says 0 where no response was begun.
            None => (host.response_code().filter(|code| *code != 0), flags()),
        }
    }

    fn ask(&self, host: &Host) -> Option<Known> {
        let number = self.0.get_or_init(|| host.create_expression(QUESTION));
        Known::of(host.size_of_expression((*number)?)?)
    }

    /// Lets the host forget the question.
    pub(crate) fn forget(&mut self, host: &Host) {
        if let Some(number) = self.0.take().flatten() {
            host.delete_expression(number);
        }
    }
}

impl Known {
    /// What a length says. What stands for no class, as a status that switches protocols, is to be
    /// asked for.
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
