//! What may not be exceeded, and the stage of `cargo xtask test` that watches over it.

use std::fmt;

use anyhow::{Context, Result};
use coalmine_integration::workspace;

use super::report::{Report, grouped};
use super::scenarios::{
    self, EVIDENCE_CANARY, EVIDENCE_STABLE, KNOWN_TOKEN, LUA_STABLE, MANY_RULES, OUT_OF_SCOPE,
    POLICY_CANARY, POLICY_STABLE, Scenario,
};
use super::weight::{self, MANY_CANARIES};
use crate::step::Step;
use crate::test::{Stage, Tally};
use crate::{envoy, module};

/// What was reached over the same request without a filter, in instructions.
///
/// | scenario | why it is watched |
/// |---|---|
/// | [`POLICY_STABLE`] | the answer that nearly every request gets: nothing is written |
/// | [`POLICY_CANARY`] | a header is written, and Envoy looks for the route a second time |
/// | [`EVIDENCE_STABLE`] | nearly every request of a rollout: in no arm |
/// | [`EVIDENCE_CANARY`] | the response is counted, which asks the host how it ended |
/// | [`MANY_RULES`] | many rules cost hardly more than one |
/// | [`OUT_OF_SCOPE`] | most requests of a mesh |
/// | [`KNOWN_TOKEN`] | each request of a tester |
const REACHED: [(&str, u64); 7] = [
    (POLICY_STABLE, 28_250),
    (POLICY_CANARY, 33_500),
    (EVIDENCE_STABLE, 28_610),
    (EVIDENCE_CANARY, 52_880),
    (MANY_RULES, 30_200),
    (OUT_OF_SCOPE, 23_530),
    (KNOWN_TOKEN, 35_170),
];

/// Bytes of the module as it ships: what was reached with rustup's compiler (388,753), and 6 %, since
/// Debian's makes it some larger. Every proxy compiles all of them at every push.
const MODULE_BYTES: u64 = 412_000;

/// KiB of a worker's virtual machine with a large config: the most of a dozen runs, which scatter by a tenth.
const LARGE_KIB_REACHED: u64 = 1_751;

/// What was reached, and 3 %.
fn limit(reached: u64) -> u64 {
    reached.saturating_add(reached.saturating_mul(3).div_ceil(100))
}

/// A budget and what was measured.
pub(super) struct Verdict {
    what: String,
    unit: &'static str,
    measured: u64,
    limit: u64,
    /// A command that shows where it went.
    closer: String,
}

impl Verdict {
    /// Whether more was measured than is allowed.
    pub(super) fn exceeded(&self) -> bool {
        self.measured > self.limit
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, unit, .. } = self;
        let (measured, limit) = (grouped(self.measured), grouped(self.limit));
        if !self.exceeded() {
            return write!(f, "ok        {what}: {measured} of {limit} {unit}");
        }
        let over = grouped(self.measured - self.limit);
        write!(
            f,
            "EXCEEDED  {what}: {measured} {unit}, {over} over its budget of {limit}\n          \
             To look closer: {}",
            self.closer
        )
    }
}

/// Every budget that this report has a number for.
pub(super) fn verdicts(report: &Report) -> Vec<Verdict> {
    let instructions = REACHED.into_iter().filter_map(|(id, reached)| {
        let over = report.over_no_filter(id)?;
        Some(Verdict {
            what: format!("{id} over no filter"),
            unit: "instructions",
            measured: u64::try_from(over).unwrap_or_default(),
            limit: limit(reached),
            closer: format!(
                "cargo xtask bench --profile {id}, then callgrind_annotate target/bench/{id}"
            ),
        })
    });
    let mut verdicts: Vec<Verdict> = instructions.collect();
    verdicts.push(Verdict {
        what: "module".to_owned(),
        unit: "bytes",
        measured: report.module.bytes,
        limit: MODULE_BYTES,
        closer: "cargo xtask module --sizes".to_owned(),
    });
    if let Some(large) = &report.large {
        verdicts.push(Verdict {
            what: format!("{MANY_CANARIES} canaries, a worker's memory"),
            unit: "KiB",
            measured: large.memory.worker_kib,
            limit: limit(LARGE_KIB_REACHED),
            closer: "cargo xtask bench --weight, and `memory` in filters/tests/filter".to_owned(),
        });
    }
    verdicts
}

/// Of these scenarios those with a budget, and what they are compared with.
pub(super) fn short(mut scenarios: Vec<Scenario>) -> Vec<Scenario> {
    let watched = |id: &str| id == LUA_STABLE || REACHED.iter().any(|(known, _)| *known == id);
    let bases: Vec<&str> = scenarios
        .iter()
        .filter(|scenario| watched(&scenario.id))
        .map(|scenario| scenario.base)
        .collect();
    scenarios.retain(|scenario| watched(&scenario.id) || bases.contains(&scenario.id.as_str()));
    scenarios
}

/// The stage: measures the short form; each budget counts as a test. Counts differ by up to 300
/// instructions from run to run, so what is over a budget is counted once more, and the lower counts.
pub(crate) fn stage(stage: &Stage, step: &Step) -> Result<Tally> {
    module::build(step).context("the budgets are about the module")?;
    let mut found = measured(stage, step)?;
    if found.iter().any(Verdict::exceeded) {
        step.note("a budget is exceeded: measuring once more");
        for (verdict, again) in found.iter_mut().zip(measured(stage, step)?) {
            verdict.measured = verdict.measured.min(again.measured);
        }
    }
    let mut tally = Tally::default();
    for verdict in found {
        step.note(&verdict.to_string());
        tally += Tally::one(!verdict.exceeded());
    }
    Ok(tally)
}

fn measured(stage: &Stage, step: &Step) -> Result<Vec<Verdict>> {
    let binary = envoy::ensure(&stage.envoy)?;
    let module = workspace::module_path();
    let scenarios = short(scenarios::all(&module));
    Ok(verdicts(&Report {
        envoy: stage.envoy.clone(),
        measured: super::measure(&binary, &scenarios, None, step)?,
        module: weight::of(&module)?,
        memory: None,
        large: Some(weight::large(&binary)?),
        decide: Vec::new(),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::super::scenarios::NO_FILTER;
    use super::*;

    #[test]
    fn the_short_form_has_every_budget_and_what_it_is_compared_with() {
        let short = short(scenarios::all("coalmine.wasm".as_ref()));
        let ids: Vec<&str> = short.iter().map(|scenario| scenario.id.as_str()).collect();
        for (id, _) in REACHED {
            assert!(ids.contains(&id), "{id} is not among {ids:?}");
        }
        for scenario in &short {
            assert!(ids.contains(&scenario.base), "{} has no base", scenario.id);
        }
    }

    #[test]
    fn a_budget_fails_when_exceeded_and_says_by_how_much() {
        let check = |over: u64, module: u64, exceeded: &[&str]| {
            let measured = [(NO_FILTER, 90_000), (POLICY_STABLE, 90_000 + over)];
            let verdicts = verdicts(&report(&measured, module));
            assert_eq!(verdicts.len(), 2);
            let failed = verdicts.iter().filter(|verdict| verdict.exceeded());
            let failed: Vec<String> = failed.map(Verdict::to_string).collect();
            assert_eq!(failed.len(), exceeded.len(), "{failed:?}");
            for (message, part) in failed.iter().zip(exceeded) {
                assert!(message.contains(part), "{message}");
            }
        };
        let policy = limit(REACHED[0].1);
        check(policy, MODULE_BYTES, &[]);
        check(policy + 1234, MODULE_BYTES, &["1,234 over its budget"]);
        check(1, MODULE_BYTES + 1, &["1 over its budget"]);
    }
}
