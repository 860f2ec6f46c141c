//! The states of a guard, and what leads from one to another.

use super::Counts;
use core::fmt;

/// The state of a guard, by the words of circuit breakers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The variant serves.
    Closed,
    /// It serves nobody.
    Open,
    /// It is tried.
    HalfOpen,
}

/// What made a guard change its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Too many responses of the window failed.
    Opened(Counts),
    /// Too many probes failed.
    Reopened(Counts),
    /// Another guard of the same variant has opened.
    Followed,
    /// The cool-down is over.
    HalfOpened,
    /// Enough probes were answered well.
    Closed(Counts),
}

// === impl State ===

impl State {
    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

// === impl Change ===

impl Change {
    /// The state that it led to.
    pub fn state(self) -> State {
        match self {
            Self::Opened(_) | Self::Reopened(_) | Self::Followed => State::Open,
            Self::HalfOpened => State::HalfOpen,
            Self::Closed(_) => State::Closed,
        }
    }
}
