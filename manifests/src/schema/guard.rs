//! The description of `guard`.

use super::canary::{share, variant_name};
use super::types::Schema;

/// What the reader takes for a count at most.
const MOST: u32 = 1_000_000;

/// The filter's circuit breaker.
pub(super) fn guard() -> Schema {
    let count = || Schema::whole(1, MOST);
    Schema::fields(vec![
        (
            "variant",
            variant_name().about("Which variant it guards. If it is not there: each beside the default, by itself."),
        ),
        (
            "window",
            length().usually("10s").about("Over how long responses are counted."),
        ),
        (
            "minRequests",
            count()
                .usually_number(20)
                .about("With fewer responses in the window nothing is concluded."),
        ),
        (
            "maxErrorRate",
            share()
                .but_not(Schema {
                    pattern: Some(r"^\s*0*100"),
                    ..Schema::default()
                })
                .usually("20%")
                .about("It acts when more than this part of the responses failed."),
        ),
        (
            "maxLatency",
            length().about(
                "A response that begins later than this has failed, and so has a request that waits longer. \
                 At most half of the window.",
            ),
        ),
        (
            "coolDown",
            length().usually("60s").about("How long the variant gives nothing."),
        ),
        (
            "probes",
            count()
                .usually_number(5)
                .about("How many requests try the variant after that, in each worker."),
        ),
        (
            "shared",
            Schema::flag().about("Whether the workers of a proxy tell each other that a variant is out of service."),
        ),
    ])
    .about("When the filter itself takes a variant that fails out of service, and for how long.")
}

/// A length of time: a number and ms, s, m or h.
pub(super) fn length() -> Schema {
    Schema::pattern("^0*[1-9][0-9]*(ms|s|m|h)$").like(&["250ms", "10s", "5m"])
}
