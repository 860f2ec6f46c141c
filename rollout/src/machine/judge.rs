//! Evidence to findings: what was read goes into the counts, the tests look at them, and harm ends
//! the rollout.

use super::history::sum;
use super::state::{Compared, ComparedByQuery, Evidence, Recent};
use super::walk::between;
use super::{Phase, Reading, Turn};
use crate::evidence::{self, Look, SLICES, Settings, Tally, Verdict};
use crate::journal::{Finding, rate};
use crate::plan::{Comparison, Plan, part, slower_than};
use coalmine::Timestamp;

/// In how many sound rollouts the arms may be said to differ in their requests.
const MISMATCH: f64 = 0.001;

/// Above this share the control cohort is smaller than the variant, and slices of both can no
/// longer be exchanged.
const HALF: u32 = 500_000;

impl Turn<'_> {
    /// Evidence has come.
    pub(super) fn read(&mut self, reading: &Reading) {
        let plan = self.plan;
        let now = self.now;
        let Some(run) = &mut self.state.run else {
            return;
        };
        if !run.phase.is_open() {
            return;
        }
        // What could not be read of one source would be missed by it for ever.
        if let Some((name, why)) = reading.silent.first_key_value() {
            return self.not_read(format!("{name}: {why}"));
        }
        run.unread = None;
        run.read_at = Some(now);
        run.read_until = reading.until.or(run.read_until);
        // What was not there when this moment was read for the first time has been counted by no reading.
        let seen = run.scrapes.zip(reading.scrapes_before);
        run.late = seen.is_some_and(|(seen, now)| now > seen);
        run.scrapes = reading.scrapes;
        run.twice.clone_from(&reading.twice);
        run.sampled = reading.sampled.or(run.sampled);
        let Some(from) = reading.from else {
            return self.go_on();
        };
        if run.counts_from.is_none_or(|counts| from < counts) {
            return self.go_on();
        }
        run.diverted = reading.diverted;
        let compared = run.share.millionths() <= HALF;
        let of_step = run.since.is_some_and(|since| from >= since);
        let new = Evidence::requests(reading, plan, compared);
        if of_step {
            run.evidence.requests_of_step = run.evidence.requests_of_step.saturating_add(new);
        }
        let findings = run.evidence.add(reading, plan, compared, now);
        if new > 0 && run.diverted == 0 && run.evidence.doubts(plan).is_empty() {
            run.moved = now;
            run.alerted = false;
        }
        run.history.keep(now, run.share, &run.evidence);
        match findings {
            Some(findings) => {
                let why = findings.iter().map(in_words).collect::<Vec<_>>().join("; ");
                self.nobody(Phase::RolledBack, why, None, findings);
            }
            None => self.go_on(),
        }
    }

    /// None has come: it is held, and never rolled back for that.
    pub(super) fn not_read(&mut self, why: String) {
        if let Some(run) = &mut self.state.run {
            run.unread = Some(why);
        }
        self.go_on();
    }
}

impl Evidence {
    /// What comes from now on is of another step.
    pub(super) fn begin_step(&mut self) {
        self.requests_of_step = 0;
        let compared = std::iter::once(&mut self.errors).chain(self.slower.values_mut());
        for compared in compared {
            compared.before_step = compared.all;
        }
    }

    /// The requests in a reading that bring the next step nearer, of both arms together: when shares
    /// change must not depend on what tells the arms apart, or the test keeps no promise. Where there
    /// is no such control cohort, twice the variant's.
    fn requests(reading: &Reading, plan: &Plan, compared: bool) -> u64 {
        let canary = sum(&reading.canary).requests;
        if plan.counted && compared {
            return canary.saturating_add(sum(&reading.control).requests);
        }
        let queries = reading.queries.values().map(|[canary, _]| canary.requests);
        canary
            .max(queries.max().unwrap_or_default())
            .saturating_mul(2)
    }

    /// Takes a reading in and looks at everything; `Some` is harm.
    fn add(
        &mut self,
        reading: &Reading,
        plan: &Plan,
        compared: bool,
        now: Timestamp,
    ) -> Option<Vec<Finding>> {
        let settings = plan.settings();
        let mut harm = Vec::new();
        if compared && plan.counted {
            add(&mut self.errors.all.canary, &reading.canary);
            add(&mut self.errors.all.control, &reading.control);
            harm.extend(self.errors.look(&settings, "errors".to_owned()));
            for bound in &plan.bounds {
                let [canary, control] = reading.slower.get(bound).copied().unwrap_or_default();
                let slower = self.slower.entry(*bound).or_default();
                add(&mut slower.all.canary, &slow(&reading.canary, &canary));
                add(&mut slower.all.control, &slow(&reading.control, &control));
                harm.extend(slower.look(&settings, slower_than(*bound)));
            }
            let look = self.mismatch.look(
                &Settings {
                    alpha: MISMATCH,
                    tolerance: settings.tolerance,
                },
                &self.errors.all,
            );
            self.mismatched = look.verdict == Verdict::Harm;
        }
        for Comparison {
            name,
            design_effect,
            ..
        } in &plan.comparisons
        {
            let Some([canary, control]) = reading.queries.get(name) else {
                continue;
            };
            let counts = self.queries.entry(name.clone()).or_default();
            counts.canary = counts.canary.plus(*canary);
            counts.control = counts.control.plus(*control);
            let effect = f64::from(*design_effect);
            harm.extend(counts.look(&settings, effect, name.clone()));
        }
        harm.extend(self.over_limit(reading, plan, now));
        (!harm.is_empty()).then_some(harm)
    }

    /// Whether too many of the variant's latest responses failed, whatever the control cohort does.
    fn over_limit(&mut self, reading: &Reading, plan: &Plan, now: Timestamp) -> Option<Finding> {
        let limit = &plan.analysis.limit;
        if !plan.counted {
            return None;
        }
        // A window of days has no more of them than one of minutes.
        let apart = i64::from(limit.window) / 60;
        match self.recent.last_mut() {
            Some(last) if (0..apart).contains(&between(last.at, now)) => {
                last.tally = last.tally.plus(reading.served);
            }
            _ => self.recent.push(Recent {
                at: now,
                tally: reading.served,
            }),
        }
        let window = i64::from(limit.window);
        self.recent
            .retain(|recent| (0..window).contains(&between(recent.at, now)));
        let all = self
            .recent
            .iter()
            .fold(Tally::default(), |all, recent| all.plus(recent.tally));
        let limit = evidence::Limit {
            rate: part(limit.max_error_rate),
            requests: u64::from(limit.min_requests),
        };
        evidence::over_limit(all, limit).map(|_| {
            let control = sum(&self.errors.all.control);
            Finding {
                check: "limit".to_owned(),
                canary: [all.requests, all.bad],
                control: [control.requests, control.bad],
                look: None,
            }
        })
    }

    /// What makes the comparison doubtful, for people: it holds the rollout and does not end it.
    pub(super) fn doubts(&self, plan: &Plan) -> Vec<String> {
        if !plan.counted {
            return Vec::new();
        }
        let step = self.errors.all.since(&self.errors.before_step);
        if sum(&step.canary).requests == 0 && sum(&step.control).requests > 0 {
            return vec![format!(
                "no request has come to {}, and some have to its control cohort",
                plan.variant
            )];
        }
        if !self.mismatched {
            return Vec::new();
        }
        let (canary, control) = (sum(&self.errors.all.canary), sum(&self.errors.all.control));
        vec![format!(
            "{} has {} requests and its control cohort {}, which chance does not explain",
            plan.variant, canary.requests, control.requests
        )]
    }
}

impl Compared {
    /// Looks at the counts; `Some` is harm.
    fn look(&mut self, settings: &Settings, check: String) -> Option<Finding> {
        let look = self.test.look(settings, &self.all, Some(&self.before_step));
        let (canary, control) = (sum(&self.all.canary), sum(&self.all.control));
        finding(look, check, canary, control)
    }
}

impl ComparedByQuery {
    fn look(&mut self, settings: &Settings, effect: f64, check: String) -> Option<Finding> {
        let look = self.test.look(settings, self.canary, self.control, effect);
        finding(look, check, self.canary, self.control)
    }
}

fn finding(look: Look, check: String, canary: Tally, control: Tally) -> Option<Finding> {
    (look.verdict == Verdict::Harm).then_some(Finding {
        check,
        canary: [canary.requests, canary.bad],
        control: [control.requests, control.bad],
        look: Some(look),
    })
}

/// A finding for people.
fn in_words(finding: &Finding) -> String {
    let mut words = format!(
        "{}: {} against {}",
        finding.check,
        rate(finding.canary),
        rate(finding.control)
    );
    if let Some(look) = &finding.look {
        words.push_str(&format!(
            " (p {:.2e}, allowed by now {:.2e})",
            look.p, look.allowed
        ));
    }
    words
}

/// Adds counts slice by slice.
fn add(all: &mut [Tally; SLICES], new: &[Tally; SLICES]) {
    for (all, new) in all.iter_mut().zip(new) {
        *all = all.plus(*new);
    }
}

/// The requests of an arm with those that were slow as the bad ones.
fn slow(arm: &[Tally; SLICES], slow: &[u64; SLICES]) -> [Tally; SLICES] {
    let mut tallies = *arm;
    for (tally, slow) in tallies.iter_mut().zip(slow) {
        tally.bad = *slow;
    }
    tallies
}
