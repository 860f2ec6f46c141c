//! A request whose response is watched, until the response has ended.
//!
//! Nearly no request is: one that nobody asks about costs nothing here. How a response ended is read
//! when its stream is deleted, since Envoy still tells its properties then, and deletion has to be
//! exported anyhow; `on_log` would be one more callback for every request.

use crate::evidence::{Choice, Counted};
use crate::host::Host;
use crate::pairs::Pairs;
use crate::plugin::Plugin;
use coalmine::arm::{Arm, Drawn};
use coalmine::config::Evidence;
use coalmine::policy::CanaryPolicy;
use coalmine::response::{Class, Ended, Grpc};
use coalmine::{Decision, VariantId};

/// What is kept of a request while its response is on its way.
#[derive(Debug)]
pub(crate) struct Watched {
    /// The number of the canary.
    canary: usize,
    served: VariantId,
    by: By,
    /// In nanoseconds since 1970; `None` without a clock.
    began: Option<u64>,
    /// In milliseconds, once there are headers.
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
    /// What has to be kept, if the response is to be counted.
    #[inline]
    pub(crate) fn of(
        decision: &Decision<'_>,
        headers: &Pairs<'_>,
        host: &Host,
    ) -> Option<Box<Self>> {
        let evidence = decision.canary.evidence()?;
        Self::begin(evidence, decision, headers, host)
    }

    /// Kept out of line: most requests are not counted, and pay for what stands in their way.
    #[inline(never)]
    fn begin(
        evidence: Evidence,
        decision: &Decision<'_>,
        headers: &Pairs<'_>,
        host: &Host,
    ) -> Option<Box<Self>> {
        let by = match decision.drawn {
            Some(drawn) if drawn.arm != Arm::Rest || evidence.rest => By::Draw(drawn),
            Some(_) => return None,
            None if decision.variant == decision.canary.default_variant() => return None,
            None => By::Choice(Choice::of(decision.reason)?),
        };
        Some(Box::new(Self {
            canary: decision.canary.number(),
            served: decision.variant,
            by,
            began: host.nanoseconds(),
            latency: None,
            grpc: is_grpc(headers).then_some(Grpc::Silent),
        }))
    }

    /// The headers of the response have come.
    #[inline(never)]
    pub(crate) fn headers(&mut self, host: &Host) {
        if let (Some(began), Some(now)) = (self.began, host.nanoseconds()) {
            self.latency = Some(now.saturating_sub(began) / 1_000_000);
        }
        // A response of gRPC without a message has its status here.
        if self.grpc == Some(Grpc::Silent)
            && let Some(status) = host.response_header("grpc-status")
        {
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
        let class = Class::of(Ended {
            // Envoy says 0 where no response was begun.
            code: host.response_code().filter(|code| *code != 0),
            flags: host.response_flags().unwrap_or_default(),
            grpc: self.grpc,
        });
        let counted = Counted {
            class,
            latency: self.latency,
            grpc: self.grpc,
        };
        let evidence = &plugin.evidence;
        match self.by {
            By::Draw(drawn) => evidence.count_drawn(host, canary, drawn, self.served, counted),
            By::Choice(choice) => {
                evidence.count_chosen(host, canary, (choice, self.served), class);
            }
        }
    }

    fn canary_of<'p>(&self, plugin: &'p Plugin) -> Option<&'p CanaryPolicy> {
        plugin.policy.canaries().get(self.canary)
    }
}

/// Whether a request is one of gRPC: `application/grpc`, or that with a suffix.
fn is_grpc(headers: &Pairs<'_>) -> bool {
    let mut types = headers.iter().filter(|(name, _)| *name == b"content-type");
    let rest = types
        .next()
        .and_then(|(_, value)| value.strip_prefix(b"application/grpc"));
    matches!(rest, Some([] | [b'+' | b';', ..]))
}
