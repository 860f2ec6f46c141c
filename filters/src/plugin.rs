//! What a configuration makes: the policy, and what lives as long as it does.

use crate::counters::Counters;
use crate::ending::Ending;
use crate::entropy::Entropy;
use crate::evidence::Evidence;
use crate::guards::Guards;
use crate::host::Host;
use crate::host_log;
use crate::onward::Drops;
use coalmine::Policy;
use coalmine::pin::Verifier;

/// A configuration in force. Its streams share it, and those that began under it end under it.
#[derive(Debug)]
pub(crate) struct Plugin {
    pub(crate) host: Host,
    pub(crate) policy: Policy,
    pub(crate) counters: Counters,
    pub(crate) evidence: Evidence,
    pub(crate) guards: Guards,
    pub(crate) drops: Drops,
    /// Outlives a request for the sake of signed pins.
    pub(crate) verifier: Verifier,
    pub(crate) entropy: Entropy,
    pub(crate) ending: Ending,
    /// Whether Envoy logs at debug. Known from when the configuration was put in force: asking
    /// again would cost each request a host call.
    pub(crate) debug: bool,
}

impl Plugin {
    pub(crate) fn new(policy: Policy, host: Host) -> Self {
        Self {
            counters: Counters::of(&policy),
            evidence: Evidence::of(&policy),
            guards: Guards::of(&policy),
            drops: Drops::of(&policy),
            verifier: Verifier::of(&policy),
            entropy: Entropy::new(getrandom::fill),
            ending: Ending::default(),
            debug: host_log::at_debug(),
            policy,
            host,
        }
    }
}
