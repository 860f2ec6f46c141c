//! What Prometheus says, to what has been counted from one moment to another.
//!
//! Each question is asked twice, for the moment up to which was read before and for now, and what is
//! between the answers has been counted since. Prometheus' own `increase` is no help: it leaves out
//! the first count of a series that was not there before, and the filter's series begin with their
//! first count, so that the first error of each slice would be missed.
//!
//! | what happens | what is counted |
//! |---|---|
//! | a counter is smaller than before: its proxy was restarted | what it has now |
//! | a series is new, its proxy was known | what it has now |
//! | a proxy is new, or was not seen for longer than [`LOOK_BACK`] | nothing yet: how much of it is new, nobody knows |
//! | a scrape is missing | the last one before it stands for it |
//! | a proxy is gone | nothing more |
//! | a value is no number, or none that a counter can have | nothing |

mod answer;
mod count;

pub use answer::{Answer, Sample, parse};

use crate::evidence::{SLICES, Tally};
use crate::machine::Reading;
use crate::plan::Plan;
use coalmine::Timestamp;
use coalmine::metrics::Metric;
use std::collections::BTreeMap;

/// For so long the last scrape of a proxy stands for those that are missing.
pub const LOOK_BACK: &str = "15m";

/// What to ask Prometheus, at both moments: if the canary has evidence the filter's counters first,
/// and when they were last read; then four counts for each query.
pub fn questions(plan: &Plan) -> Vec<String> {
    let mut questions = Vec::new();
    if plan.counted {
        questions.push(of_filter(plan));
        questions.push(format!(
            r#"max(timestamp({}{{canary="{}"}}))"#,
            Metric::Decisions.name(),
            quoted(&plan.canary)
        ));
    }
    for query in &plan.analysis.queries {
        for ratio in [&query.canary, &query.control] {
            questions.push(ratio.bad.clone());
            questions.push(ratio.total.clone());
        }
    }
    questions
}

fn of_filter(plan: &Plan) -> String {
    let names = [Metric::Decisions, Metric::Responses, Metric::SlowResponses];
    let names = names.map(Metric::name).join("|");
    let canary = quoted(&plan.canary);
    format!(r#"last_over_time({{__name__=~"{names}",canary="{canary}"}}[{LOOK_BACK}])"#)
}

/// A name as PromQL has it between quotes.
fn quoted(name: &str) -> String {
    name.replace('\\', "\\\\").replace('"', "\\\"")
}

/// What has been counted between the answers to [`questions`] at one moment and those at another.
pub fn between(
    plan: &Plan,
    (from, until): (Timestamp, Timestamp),
    before: &[Answer],
    now: &[Answer],
) -> Reading {
    let mut reading = Reading {
        from: Some(from),
        until: Some(until),
        sampled: (!plan.counted).then_some(until),
        ..Reading::default()
    };
    let mut answers = before.iter().zip(now);
    if plan.counted
        && let Some((before, now)) = answers.next()
    {
        match (before, now) {
            (Ok(before), Ok(now)) => count::drawn(&plan.variant, before, now, &mut reading),
            (Err(why), _) | (_, Err(why)) => {
                reading.silent.insert("evidence".to_owned(), why.clone());
            }
        }
        match answers.next() {
            Some((_, Ok(now))) => reading.sampled = count::time(now),
            Some((_, Err(why))) => {
                reading.silent.insert("evidence".to_owned(), why.clone());
            }
            None => {}
        }
    }
    for query in &plan.analysis.queries {
        let mut next = || answers.next().map(|(before, now)| count::one(before, now));
        let counts = [next(), next(), next(), next()];
        let [
            Some(canary_bad),
            Some(canary),
            Some(control_bad),
            Some(control),
        ] = counts
        else {
            break;
        };
        let tally = |bad: Result<u64, String>, requests: Result<u64, String>| {
            Ok::<Tally, String>(Tally {
                bad: bad?,
                requests: requests?,
            })
        };
        match (tally(canary_bad, canary), tally(control_bad, control)) {
            (Ok(canary), Ok(control)) => {
                reading
                    .queries
                    .insert(query.name.clone(), [canary, control]);
            }
            (Err(why), _) | (_, Err(why)) => {
                reading.silent.insert(query.name.clone(), why);
            }
        }
    }
    reading
}

/// Counts by bound.
type Slower = BTreeMap<u32, [[u64; SLICES]; 2]>;
