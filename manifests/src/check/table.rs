//! A route table: what catches a request first, and where it goes.

use super::condition::Match;
use super::field::Field;

/// Routes of one host in the order in which they are tried.
#[derive(Debug)]
pub(super) struct Table<'n> {
    /// What it is called in messages.
    pub(super) title: String,
    /// Where to point for what is missing in it.
    pub(super) at: Field<'n>,
    pub(super) routes: Vec<Route<'n>>,
}

/// One route.
#[derive(Clone, Debug)]
pub(super) struct Route<'n> {
    pub(super) at: Field<'n>,
    /// What it matches: one of these, of which there is at least one.
    pub(super) matches: Vec<Match>,
    /// Where requests go; none if they are answered or redirected.
    pub(super) destinations: Vec<Destination<'n>>,
}

/// Where requests go.
#[derive(Clone, Debug)]
pub(super) struct Destination<'n> {
    pub(super) at: Field<'n>,
    /// In its [canonical](super::name::canonical) form.
    pub(super) host: String,
    pub(super) subset: Option<&'n str>,
}

impl Route<'_> {
    /// Whether a request without the variant header may take it.
    pub(super) fn may_lack(&self) -> bool {
        self.matches.iter().any(Match::may_lack)
    }

    /// Whether every request of `wanted` takes it, if it comes here.
    pub(super) fn covers(&self, wanted: &Match) -> bool {
        self.matches.iter().any(|matched| matched.covers(wanted))
    }
}
