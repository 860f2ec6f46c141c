//! The `baggage` header (W3C Baggage, <https://www.w3.org/TR/baggage/>): how decisions travel.
//!
//! Every canary has a member of its own, whose key is `coalmine.`, its namespace, a dot and its name,
//! and whose value is the name of a variant. What others put there stays as it is, byte for byte.
//!
//! | file | what |
//! |---|---|
//! | `member` | the members of a header, and what is well-formed |
//! | `onward` | what becomes of the header on its way to the next hop |
//! | `disguise` | members that come to be ours once somebody has decoded them |

mod disguise;
mod member;
mod onward;

pub use disguise::speaks_for_us;
pub(crate) use member::raw_key;
pub use member::{Member, elements};
pub use onward::{BaggageEdit, Dropped, Onward, onward};

use crate::policy::CanaryPolicy;
use crate::{Decision, Policy, Request};

/// The name of the header.
pub const HEADER: &str = "baggage";

/// What the keys of all our members begin with.
pub const PREFIX: &str = "coalmine.";

/// With more members than this nobody has to pass a header on ("Limits").
pub const MAX_MEMBERS: usize = 64;

/// The same for the bytes of the whole header.
pub const MAX_BYTES: usize = 8192;

/// The key of a canary's member, by its full name. Names have no dots, so no two canaries share one,
/// and the slash of a full name may not stand in a key.
pub fn key(canary: &str) -> String {
    format!("{PREFIX}{}", canary.replace('/', "."))
}

impl Policy {
    /// What becomes of the header of a request about which this was decided; `None` if neither the
    /// canary nor an edge has anything to do with it, so that nobody needs to look.
    pub fn send_on<R: Request>(
        &self,
        request: &R,
        decision: Option<&Decision<'_>>,
    ) -> Option<Onward> {
        let ours = decision.and_then(|decision| {
            let key = decision.canary.member_key()?;
            Some((key.as_bytes(), decision.variant_name().as_bytes()))
        });
        if ours.is_none() && !self.edge() {
            return None;
        }
        let lines = || {
            let headers = request.headers();
            let found = headers.filter(|(name, _)| *name == HEADER.as_bytes());
            found.map(|(_, value)| value)
        };
        Some(onward(lines, self.edge(), ours))
    }
}

impl CanaryPolicy {
    /// The key of its member, if its decisions go on to the next hop.
    #[inline]
    pub fn member_key(&self) -> Option<&str> {
        self.member_key.as_deref()
    }
}
