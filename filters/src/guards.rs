//! The guards of a configuration: what they count, what they say, and what other workers know.
//!
//! A guard outlives its configuration: the next one of this worker takes over what a guard of the
//! same canary and variant with the same limits has seen, or each change of a share would bring a
//! broken variant back.
//!
//! `coalmine_guard_changes` counts the changes to each state; `coalmine_guard_open` is the number of
//! workers that hold the variant back, those that try it among them.

use crate::host::Host;
use crate::metric::{Label, Metric};
use coalmine::guard::{Change, Counts, Guard, Limits, Outcome, State, Ticket};
use coalmine::metrics::Metric as Name;
use coalmine::policy::CanaryPolicy;
use coalmine::{Policy, VariantId};
use core::cell::{Cell, RefCell};
use core::fmt;
use std::rc::{Rc, Weak};

/// A guard looks this often, in milliseconds, what the others have found.
const LOOK_EVERY: u64 = 250;

thread_local! {
    /// The guards of this worker's VM, of all its configurations.
    static KNOWN: RefCell<Vec<Weak<Guarded>>> = const { RefCell::new(Vec::new()) };
}

/// The guards of a policy, by canary and variant.
#[derive(Debug)]
pub(crate) struct Guards(Vec<Box<[Option<Rc<Guarded>>]>>);

/// A guard with its names and metrics.
#[derive(Debug)]
pub(crate) struct Guarded {
    canary: Box<str>,
    variant: Box<str>,
    shared: bool,
    guard: RefCell<Guard>,
    changes: [Metric; 3],
    open: Metric,
    /// Whether it is counted among the open ones.
    counted: Cell<bool>,
    /// When it looked last what the others have found.
    looked: Cell<Option<u64>>,
}

/// A length of time as configs have it.
struct Length(u64);

// === impl Guards ===

impl Guards {
    pub(crate) fn of(policy: &Policy) -> Self {
        let guards = policy.canaries().iter().map(|canary| {
            let variants = canary.variants();
            match canary.guard() {
                None => Box::default(),
                Some(guard) => variants
                    .map(|variant| {
                        let guarded = || known(canary, variant, guard.limits, guard.shared);
                        guard.covers(variant).then(guarded)
                    })
                    .collect(),
            }
        });
        Self(guards.collect())
    }

    /// The guard of a variant of the canary with this number.
    pub(crate) fn get(&self, canary: usize, variant: VariantId) -> Option<&Guarded> {
        self.0.get(canary)?.get(variant.index())?.as_deref()
    }
}

/// A guard that has been there before, or a new one.
fn known(canary: &CanaryPolicy, variant: VariantId, limits: Limits, shared: bool) -> Rc<Guarded> {
    let new = || {
        Rc::new(Guarded {
            canary: canary.name().into(),
            variant: canary.variant_name(variant).into(),
            shared,
            guard: RefCell::new(Guard::new(limits)),
            changes: Default::default(),
            open: Metric::default(),
            counted: Cell::new(false),
            looked: Cell::new(None),
        })
    };
    let name = canary.variant_name(variant);
    let is_it = |guarded: &Rc<Guarded>| {
        let same = guarded.variant.as_ref() == name && guarded.canary.as_ref() == canary.name();
        let guard = guarded.guard.try_borrow();
        same && guarded.shared == shared && guard.is_ok_and(|guard| *guard.limits() == limits)
    };
    KNOWN.with(|known| {
        let Ok(mut known) = known.try_borrow_mut() else {
            return new();
        };
        known.retain(|guarded| guarded.strong_count() > 0);
        let found = known.iter().filter_map(Weak::upgrade).find(is_it);
        found.unwrap_or_else(|| {
            let new = new();
            known.push(Rc::downgrade(&new));
            new
        })
    })
}

// === impl Guarded ===

impl Guarded {
    /// Asks whether the variant may serve a request that begins now, in milliseconds; `whole` if
    /// nothing comes behind its headers.
    pub(crate) fn admit(&self, host: &Host, now: u64, whole: bool) -> Option<Ticket> {
        self.look(host, now);
        let admit = |guard: &mut Guard| {
            let (mut ticket, change) = guard.admit(now);
            if let Some(ticket) = ticket.as_mut().filter(|_| !whole) {
                guard.untime(ticket);
            }
            (ticket, change)
        };
        self.with(host, now, admit).flatten()
    }

    /// The response to a request has begun.
    pub(crate) fn respond(&self, host: &Host, ticket: &mut Ticket, now: u64) {
        self.with(host, now, |guard| ((), guard.respond(ticket, now)));
    }

    /// A request has ended.
    pub(crate) fn finish(&self, host: &Host, ticket: Ticket, outcome: Outcome, now: u64) {
        self.with(host, now, |guard| ((), guard.finish(ticket, outcome, now)));
    }

    /// Takes over, now and then, what another worker has found.
    fn look(&self, host: &Host, now: u64) {
        let is_due = |looked: u64| now.saturating_sub(looked) >= LOOK_EVERY || now < looked;
        if !self.shared || !self.looked.get().is_none_or(is_due) {
            return;
        }
        self.looked.set(Some(now));
        let Some(until) = host.shared_number(&self.key()) else {
            return;
        };
        let open_for = until.saturating_sub(now);
        self.with(host, now, |guard| ((), guard.follow(open_for, now)));
    }

    /// Does something with the guard, and tells what changed.
    fn with<T>(
        &self,
        host: &Host,
        now: u64,
        act: impl FnOnce(&mut Guard) -> (T, Option<Change>),
    ) -> Option<T> {
        let mut guard = self.guard.try_borrow_mut().ok()?;
        let (done, change) = act(&mut guard);
        if let Some(change) = change {
            self.changed(host, &mut guard, change, now);
        }
        Some(done)
    }

    #[cold]
    fn changed(&self, host: &Host, guard: &mut Guard, change: Change, now: u64) {
        let state = change.state();
        let metric = self.changes.get(state as usize);
        if let Some(metric) = metric {
            metric.count(host, || {
                let state = Label("state", state.name());
                format!("{}{state}{}", self.labels(), Name::GuardChanges.name())
            });
        }
        self.count_open(host, state != State::Closed);
        let open_for = guard.open_for(now).unwrap_or_default();
        if self.shared && matches!(change, Change::Opened(_) | Change::Reopened(_)) {
            host.share_number(&self.key(), now.saturating_add(open_for));
        }
        let Self {
            canary, variant, ..
        } = self;
        let limits = guard.limits();
        let rate = limits.max_error_rate;
        let (window, open_for) = (Length(limits.window.into()), Length(open_for));
        match change {
            Change::Opened(Counts { failed, all }) => log::warn!(
                "guard of {canary}: {variant} out of service for {open_for}: \
                 {failed} of {all} responses failed in {window}, more than {rate}"
            ),
            Change::Reopened(Counts { failed, all }) => log::warn!(
                "guard of {canary}: {variant} out of service for {open_for} more: \
                 {failed} of {all} probes failed, more than {rate} of {}",
                limits.probes
            ),
            Change::Followed => log::warn!(
                "guard of {canary}: {variant} out of service for {open_for}: another worker found it failing"
            ),
            Change::HalfOpened => log::info!(
                "guard of {canary}: {variant} is tried with {} requests",
                limits.probes
            ),
            Change::Closed(Counts { failed, all }) => log::info!(
                "guard of {canary}: {variant} in service again: {failed} of {all} probes failed"
            ),
        }
    }

    /// Counts it among the open ones, or no more.
    fn count_open(&self, host: &Host, open: bool) {
        if self.counted.replace(open) != open {
            let name = || format!("{}{}", self.labels(), Name::GuardOpen.name());
            self.open.add(host, if open { 1 } else { -1 }, name);
        }
    }

    fn labels(&self) -> String {
        let Self {
            canary, variant, ..
        } = self;
        format!("{}{}", Label("canary", canary), Label("variant", variant))
    }

    /// Where the others look. All plugins of a proxy share one space of keys.
    fn key(&self) -> String {
        format!("coalmine/guard/{}/{}", self.canary, self.variant)
    }
}

/// The last configuration that knew it has gone.
impl Drop for Guarded {
    fn drop(&mut self) {
        self.count_open(&Host::default(), false);
    }
}

// === impl Length ===

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            millis if millis % 1000 == 0 => write!(f, "{}s", millis / 1000),
            millis => write!(f, "{millis}ms"),
        }
    }
}
