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
mod clock;
mod count;
mod scrapes;
mod source;

pub use answer::{Answer, Sample, parse};
pub use clock::{CLOCK, Clocks, Span, is_due, span};

use crate::evidence::{SLICES, Tally};
use crate::machine::Reading;
use crate::plan::{Counters, Plan};
use coalmine::Timestamp;
use coalmine::config::Ratio;
use coalmine::metrics::Metric;
use source::quoted;
use std::collections::BTreeMap;

/// For so long the last scrape of a proxy stands for those that are missing.
pub const LOOK_BACK: &str = "15m";

/// What to ask Prometheus, at both moments: when proxies were read, where that can be asked; if the
/// canary has evidence the filter's counters; then for each comparison four counts, or the series of
/// both arms.
pub fn questions(plan: &Plan) -> Vec<String> {
    let mut questions = Vec::new();
    questions.extend(scrapes::question(plan));
    if plan.counted {
        questions.push(of_filter(plan));
    }
    for comparison in &plan.comparisons {
        match &comparison.counters {
            Counters::Numbers { canary, control } => {
                let ratios = [canary, control].into_iter();
                questions
                    .extend(ratios.flat_map(|Ratio { bad, total }| [bad.clone(), total.clone()]));
            }
            Counters::Series { of, arms } => {
                questions.extend(arms.iter().map(|arm| source::question(*of, arm)));
            }
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

/// The time that the answer to [`CLOCK`] says.
///
/// # Errors
/// It says none.
pub fn time(answer: Answer) -> Result<Timestamp, String> {
    let time = answer?.first().and_then(count::time);
    time.ok_or_else(|| "Prometheus does not say what time it is".to_owned())
}

/// What has been counted between the answers to [`questions`] at one moment and those at another, of
/// Prometheus' time.
pub fn between(
    plan: &Plan,
    (from, until): (Timestamp, Timestamp),
    clocks: Clocks,
    before: &[Answer],
    now: &[Answer],
) -> Reading {
    let mut reading = Reading {
        from: Some(clocks.here(from)),
        until: Some(until),
        ..Reading::default()
    };
    let mut answers = before.iter().zip(now);
    match scrapes::question(plan).and_then(|_| answers.next()) {
        Some((before, now)) => match (scrapes::read(before), scrapes::read(now)) {
            (Ok(before), Ok(now)) => {
                reading.sampled = now.last.map(|last| clocks.here(last));
                reading.scrapes_before = Some(before.sum);
                reading.scrapes = Some(now.sum);
                reading.twice = now.twice;
            }
            (Err(why), _) | (_, Err(why)) => {
                reading.silent.insert("evidence".to_owned(), why);
            }
        },
        // Of what people ask nobody knows how old it is.
        None => reading.sampled = Some(clocks.here(until)),
    }
    if plan.counted
        && let Some((before, now)) = answers.next()
    {
        match (before, now) {
            (Ok(before), Ok(now)) => count::drawn(&plan.variant, before, now, &mut reading),
            (Err(why), _) | (_, Err(why)) => {
                reading.silent.insert("evidence".to_owned(), why.clone());
            }
        }
    }
    for comparison in &plan.comparisons {
        let count = match &comparison.counters {
            Counters::Numbers { .. } => 4,
            Counters::Series { .. } => 2,
        };
        let answers: Vec<_> = answers.by_ref().take(count).collect();
        let name = comparison.name.clone();
        match compared(&comparison.counters, &answers) {
            Ok(tallies) => {
                reading.queries.insert(name, tallies);
            }
            Err(why) => {
                reading.silent.insert(name, why);
            }
        }
    }
    reading
}

/// What was counted of the variant, and of what it is compared with, by the answers before and now to
/// each question of a comparison.
fn compared(counters: &Counters, answers: &[(&Answer, &Answer)]) -> Result<[Tally; 2], String> {
    match (counters, answers) {
        (Counters::Numbers { .. }, [canary_bad, canary, control_bad, control]) => {
            let tally = |bad: &(&Answer, &Answer), requests: &(&Answer, &Answer)| {
                Ok::<Tally, String>(Tally {
                    bad: count::one(bad.0, bad.1)?,
                    requests: count::one(requests.0, requests.1)?,
                })
            };
            Ok([tally(canary_bad, canary)?, tally(control_bad, control)?])
        }
        (Counters::Series { of, arms }, [canary, control]) => {
            let both = |canary: &Answer, control: &Answer| {
                Ok::<_, String>([canary.clone()?, control.clone()?].concat())
            };
            let (before, now) = (both(canary.0, control.0)?, both(canary.1, control.1)?);
            Ok(count::anyway(*of, arms, &before, &now))
        }
        _ => Err("it was not asked for".to_owned()),
    }
}

/// Counts by bound.
type Slower = BTreeMap<u32, [[u64; SLICES]; 2]>;
