//! What may not be exceeded, and the stage of `cargo xtask test` that watches over it.

use std::fmt;

use anyhow::{Context, Result};
use coalmine_integration::workspace;

use super::report::{Report, grouped};
use super::scenarios::{self, POLICY_CANARY, POLICY_STABLE};
use super::weight;
use crate::step::Step;
use crate::test::{Stage, Tally};
use crate::{envoy, module};

/// Instructions of the real policy over no filter, for the answer that nearly every request gets:
/// the default variant, where nothing is written. What was reached (28,250), and 3 %.
const POLICY_STABLE_INSTRUCTIONS: u64 = 29_100;

/// The same where the canary is given: what was reached (33,770), and 3 %. It writes a header, and
/// Envoy then looks for the route a second time.
const POLICY_CANARY_INSTRUCTIONS: u64 = 34_800;

/// Bytes of the module as it ships: what was reached with rustup's compiler (379,174), and 6 %, since
/// Debian's makes it some larger. Every proxy compiles all of them at every push.
const MODULE_BYTES: u64 = 401_900;

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
    let limits = [
        (POLICY_STABLE, POLICY_STABLE_INSTRUCTIONS),
        (POLICY_CANARY, POLICY_CANARY_INSTRUCTIONS),
    ];
    let policy = limits.into_iter().filter_map(|(id, limit)| {
        let over = report.over_no_filter(id)?;
        Some(Verdict {
            what: format!("{id} over no filter"),
            unit: "instructions",
            measured: u64::try_from(over).unwrap_or_default(),
            limit,
            closer: format!(
                "cargo xtask bench --profile {id}, then callgrind_annotate target/bench/{id}"
            ),
        })
    });
    let mut verdicts: Vec<Verdict> = policy.collect();
    verdicts.push(Verdict {
        what: "module".to_owned(),
        unit: "bytes",
        measured: report.module.bytes,
        limit: MODULE_BYTES,
        closer: "cargo xtask module --sizes".to_owned(),
    });
    verdicts
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
    let mut scenarios = scenarios::all(&module);
    scenarios.retain(|scenario| scenario.short);
    Ok(verdicts(&Report {
        envoy: stage.envoy.clone(),
        measured: super::measure(&binary, &scenarios, None, step)?,
        module: weight::of(&module)?,
        memory: None,
        large: None,
        decide: Vec::new(),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::super::scenarios::NO_FILTER;
    use super::*;

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
        const POLICY: u64 = POLICY_STABLE_INSTRUCTIONS;
        check(POLICY, MODULE_BYTES, &[]);
        check(POLICY + 1234, MODULE_BYTES, &["1,234 over its budget"]);
        check(1, MODULE_BYTES + 1, &["1 over its budget"]);
    }
}
