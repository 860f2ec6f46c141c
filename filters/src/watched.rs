//! A request whose response is watched, until the response has ended.
//!
//! Nearly no request is: one that nobody asks about costs nothing here. How a response ended is read
//! when its stream is deleted, since Envoy still tells its properties then, and deletion has to be
//! exported anyhow; `on_log` would be one more callback for every request.

use crate::evidence::{Choice, Counted};
use crate::guards::Guarded;
use crate::host::Host;
use crate::moment::Moment;
use crate::pairs::Pairs;
use crate::plugin::Plugin;
use coalmine::arm::{Arm, Drawn};
use coalmine::guard::{Outcome, Ticket};
use coalmine::policy::CanaryPolicy;
use coalmine::response::{Class, Ended, Grpc};
use coalmine::{Decision, VariantId};

/// What is kept of a request while its response is on its way.
#[derive(Debug)]
pub(crate) struct Watched {
    /// The number of the canary.
    canary: usize,
    served: VariantId,
    /// `None`: not by evidence.
    by: Option<By>,
    /// The guard's, where it has one.
    ticket: Option<Ticket>,
    /// In nanoseconds of the steady clock; `None` without one.
    began: Option<u64>,
    /// In nanoseconds, once there are headers.
    latency: Option<u64>,
    grpc: Option<Grpc>,
}

/// What the response is counted by.
#[derive(Clone, Copy, Debug)]
enum By {
    Draw(Drawn),
    Choice(Choice),
}

impl Watched {
    /// What has to be kept, if the response is to be counted. What was not done is not.
    #[inline]
    pub(crate) fn of(
        decision: &Decision<'_>,
        done: bool,
        headers: &Pairs<'_>,
        moment: &Moment<'_>,
    ) -> Option<Self> {
        let ticket = moment.ticket.get();
        if ticket.is_none() && decision.canary.evidence().is_none() {
            return None;
        }
        Self::begin(decision, done, headers, moment)
    }

    /// Kept out of line: most requests are not counted, and pay for what stands in their way.
    #[inline(never)]
    fn begin(
        decision: &Decision<'_>,
        done: bool,
        headers: &Pairs<'_>,
        moment: &Moment<'_>,
    ) -> Option<Self> {
        let ticket = moment.ticket.get();
        let by = By::of(decision).filter(|_| done);
        if by.is_none() && ticket.is_none() {
            return None;
        }
        let host = &moment.plugin.host;
        let watched = Self {
            canary: decision.canary.number(),
            served: decision.variant,
            by,
            ticket,
            began: moment.asked.get().or_else(|| host.steady_nanoseconds()),
            latency: None,
            grpc: asks_for_grpc(headers).then_some(Grpc::Silent),
        };
        if !done {
            watched.tell_guard(moment.plugin, Outcome::Unknown);
            return None;
        }
        Some(watched)
    }

    /// The headers of the response have come.
    #[inline(never)]
    pub(crate) fn headers(&mut self, plugin: &Plugin) {
        let host = &plugin.host;
        if let (Some(began), Some(now)) = (self.began, host.steady_nanoseconds()) {
            self.latency = Some(now.saturating_sub(began));
            let guard = self.guard_of(plugin);
            if let (Some(guard), Some(ticket)) = (guard, &mut self.ticket) {
                guard.respond(host, ticket, now / 1_000_000);
            }
        } else {
            // The end of the stream is no measure of headers that came.
            self.began = None;
        }
        if self.grpc.is_none() {
            return;
        }
        // Any client can call its request one of gRPC: whether it was, the response says.
        let kind = host.response_header("content-type");
        if !kind.is_some_and(|kind| is_grpc(&kind)) {
            self.grpc = None;
            return;
        }
        // A response of gRPC without a message has its status here.
        if let Some(status) = host.response_header("grpc-status") {
            self.grpc = Some(Grpc::parse(&status));
        }
    }

    /// The trailers of the response have come.
    pub(crate) fn trailers(&mut self, host: &Host) {
        if self.grpc == Some(Grpc::Silent)
            && let Some(status) = host.response_trailer("grpc-status")
        {
            self.grpc = Some(Grpc::parse(&status));
        }
    }

    /// The stream has ended.
    #[inline(never)]
    pub(crate) fn end(&self, plugin: &Plugin) {
        let host = &plugin.host;
        let Some(canary) = self.canary_of(plugin) else {
            return;
        };
        let (code, flags) = plugin.ending.of(host, self.latency.is_some());
        let class = Class::of(Ended {
            code,
            flags,
            grpc: self.grpc,
        });
        self.tell_guard(
            plugin,
            match class {
                Class::Cancelled => Outcome::Unknown,
                class if class.failed() => Outcome::Failed,
                _ => Outcome::Good,
            },
        );
        let counted = Counted {
            class,
            latency: self.latency,
            grpc: self.grpc,
        };
        let evidence = &plugin.evidence;
        match self.by {
            None => {}
            Some(By::Draw(drawn)) => {
                evidence.count_drawn(host, canary, (drawn, self.served), counted);
                self.count_if_slow(plugin, canary, drawn);
            }
            Some(By::Choice(choice)) => {
                evidence.count_chosen(host, canary, (choice, self.served), class);
            }
        }
    }

    /// Counts the response once more if it took longer than the bounds that the config names. Where
    /// no headers came, the time until now is as long as somebody has waited for them.
    fn count_if_slow(&self, plugin: &Plugin, canary: &CanaryPolicy, drawn: Drawn) {
        let host = &plugin.host;
        let bounds = canary.evidence().map_or(&[][..], |all| &all.slower_than);
        let Some(shortest) = bounds.first() else {
            return;
        };
        let waited = self.latency.or_else(|| {
            let now = host.steady_nanoseconds()?;
            Some(now.saturating_sub(self.began?))
        });
        if let Some(waited) = waited
            && exceeds(waited, *shortest)
        {
            let exceeded = bounds.iter().take_while(|bound| exceeds(waited, **bound));
            plugin
                .evidence
                .count_slow(host, canary, (drawn, self.served), exceeded);
        }
    }

    /// Tells the guard how the request ended.
    fn tell_guard(&self, plugin: &Plugin, outcome: Outcome) {
        let host = &plugin.host;
        if let (Some(guard), Some(ticket)) = (self.guard_of(plugin), self.ticket)
            && let Some(now) = host.steady_nanoseconds()
        {
            guard.finish(host, ticket, outcome, now / 1_000_000);
        }
    }

    fn guard_of<'p>(&self, plugin: &'p Plugin) -> Option<&'p Guarded> {
        self.ticket?;
        plugin.guards.get(self.canary, self.served)
    }

    fn canary_of<'p>(&self, plugin: &'p Plugin) -> Option<&'p CanaryPolicy> {
        plugin.policy.canaries().get(self.canary)
    }
}

impl By {
    /// What the response to a request is counted by, if evidence is asked for.
    fn of(decision: &Decision<'_>) -> Option<Self> {
        let evidence = decision.canary.evidence()?;
        match decision.drawn {
            Some(drawn) if drawn.arm != Arm::Rest || evidence.rest => Some(Self::Draw(drawn)),
            Some(_) => None,
            None if decision.variant == decision.canary.default_variant() => None,
            None => Some(Self::Choice(Choice::of(decision.reason)?)),
        }
    }
}

/// Whether a time in nanoseconds is longer than a bound in milliseconds.
fn exceeds(time: u64, bound: u32) -> bool {
    time > u64::from(bound).saturating_mul(1_000_000)
}

/// Whether a request says that it is one of gRPC.
fn asks_for_grpc(headers: &Pairs<'_>) -> bool {
    let mut types = headers.iter().filter(|(name, _)| *name == b"content-type");
    types.next().is_some_and(|(_, value)| is_grpc(value))
}

/// Whether a type of content is gRPC's: `application/grpc`, or that with a suffix.
fn is_grpc(kind: &[u8]) -> bool {
    let rest = kind.strip_prefix(b"application/grpc");
    matches!(rest, Some([] | [b'+' | b';', ..]))
}
