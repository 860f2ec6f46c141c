//! The description of `rollout`.

use super::canary::{LABEL, share, variant_name};
use super::types::Schema;

/// What the reader takes for a count at most.
const MOST: u32 = 1_000_000_000;

/// The walk of a variant.
pub(super) fn rollout() -> Schema {
    Schema::fields(vec![
        (
            "variant",
            variant_name().about(
                "The variant that is rolled out. If it is not there: the only one beside the default.",
            ),
        ),
        (
            "revision",
            Schema::filled().most(256).about(
                "What of it is rolled out, like a tag or a commit. Another one begins from the first step, \
                 and draws other users.",
            ),
        ),
        ("steps", Schema::filled_list(step()).most(64).about("The shares on the way to everyone, each larger than the one before.")),
        ("analysis", analysis()),
        (
            "freeze",
            Schema::list(freeze())
                .most(64)
                .about("When it takes no step forward. It rolls back at any time."),
        ),
    ])
    .needs(&["steps"])
    .about("How a variant walks from its first share to everyone, or back to nobody, on evidence.")
}

fn step() -> Schema {
    Schema::fields(vec![
        (
            "share",
            share()
                .but_not(Schema {
                    pattern: Some(r"^\s*(0*100|0*(\.0*)?\s*%)"),
                    ..Schema::default()
                })
                .about("The variant's share: more than nobody, and less than everyone."),
        ),
        (
            "for",
            length().about("How long it has this share at least."),
        ),
        (
            "minRequests",
            Schema::whole(1, MOST)
                .usually_number(100)
                .about("How many requests have to be counted at this share at least, of the variant and its control cohort on average."),
        ),
        (
            "approve",
            Schema::flag().about("Whether it waits for an approval before it has this share."),
        ),
    ])
    .needs(&["share", "for"])
}

fn analysis() -> Schema {
    Schema::fields(vec![
        (
            "every",
            length().usually("30s").about("How often evidence is read."),
        ),
        (
            "delay",
            length().usually("5s").about(
                "How long after the fact Prometheus has all that was counted: scrapes that are slow, and \
                 samples that are written from afar.",
            ),
        ),
        (
            "tolerance",
            share().usually("10%").about(
                "How much more often than the control cohort the variant may fail, as a part of that rate, \
                 before anybody minds.",
            ),
        ),
        (
            "falseRollback",
            share().usually("1%").about(
                "In how many rollouts of a variant that is as good as the default a rollback is accepted, \
                 over the whole of the rollout and all comparisons together. At most 10%.",
            ),
        ),
        ("limit", limit()),
        (
            "alertAfter",
            length()
                .usually("30m")
                .about("After how long without a step, for want of requests or of evidence, somebody is told."),
        ),
        (
            "queries",
            Schema::list(query())
                .most(16)
                .about("Comparisons by other counters, beside those that the filter counts."),
        ),
    ])
    .about("What the rollout is judged by.")
}

fn limit() -> Schema {
    Schema::fields(vec![
        (
            "maxErrorRate",
            share()
                .usually("20%")
                .about("It rolls back when more than this part of the variant's responses failed."),
        ),
        (
            "minRequests",
            Schema::whole(1, MOST)
                .usually_number(20)
                .about("With fewer responses in the window nothing is concluded."),
        ),
        (
            "window",
            length()
                .usually("60s")
                .about("Over how long responses are counted."),
        ),
    ])
    .about("What is too much whatever the control cohort does.")
}

fn query() -> Schema {
    let ratio = || {
        let promql = || Schema::filled().most(4_096);
        Schema::fields(vec![
            ("bad", promql().about("PromQL that counts the bad ones.")),
            ("total", promql().about("PromQL that counts all.")),
        ])
        .needs(&["bad", "total"])
    };
    Schema::fields(vec![
        (
            "name",
            Schema::pattern(LABEL).about(
                "What it is called in messages and reports. If it is not there: what `from` says.",
            ),
        ),
        (
            "from",
            Schema::words(&["istio", "envoy"]).about(
                "What proxies count anyway: `istio_requests_total`, or Envoy's of the clusters that \
                 `render envoy` makes. Write this, or `canary` and `control`.",
            ),
        ),
        (
            "reporter",
            Schema::words(&["source", "destination", "waypoint"])
                .usually("source")
                .about("With `from: istio`: which of the proxies on a request's way is asked."),
        ),
        (
            "canary",
            ratio().about("Counters of the variant, in PromQL."),
        ),
        (
            "control",
            ratio().about("Counters of what it is compared with, in PromQL."),
        ),
        (
            "designEffect",
            Schema::whole(1, 10_000).usually_number(1).about(
                "How many requests count as one, because they are of the same users or fail together.",
            ),
        ),
    ])
    .one_group_of(&[&["from"], &["name", "canary", "control"]])
    .rule(
        "!has(self.reporter) || (has(self.from) && self.from == 'istio')",
        "only Istio's metrics have a reporter",
    )
}

fn freeze() -> Schema {
    let time = || {
        Schema::pattern(
            "^(([A-Za-z]{3} )?[0-2][0-9]:[0-5][0-9]|[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]+([Zz]|[+-][0-9:]+))$",
        )
        .like(&["16:00", "fri 16:00", "2026-12-24T00:00:00Z"])
    };
    Schema::fields(vec![
        ("from", time().about("Its first moment, in UTC.")),
        ("to", time().about("The first moment after it, in UTC.")),
    ])
    .needs(&["from", "to"])
}

/// A length of time: a number and ms, s, m, h or d.
fn length() -> Schema {
    Schema::pattern("^0*[1-9][0-9]*(ms|s|m|h|d)$").like(&["30s", "10m", "2d"])
}
