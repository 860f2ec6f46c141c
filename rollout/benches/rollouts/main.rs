//! Rollouts of simulated users before this crate's tests and before the rules of others, as tables
//! in Markdown: `cargo bench -p coalmine-rollout --bench rollouts`, with `-- --quick` for a glance.
//! Fails where the randomization test rolls back more healthy rollouts than 1 % allows.

mod judges;
mod population;
mod rollouts;
mod table;

use crate::population::Users;
use crate::rollouts::{Outcome, RATE, Scenario, run};
use coalmine_rollout::evidence::detectable;
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

/// Requests of the canary at a look, on average.
const PER_LOOK: [f64; 3] = [50.0, 500.0, 5_000.0];
const USERS: [Users; 2] = [Users::Alike, Users::Clustered];
/// How much worse, from which look on.
const WORSE: [(f64, usize); 3] = [(2.0, 0), (4.0, 0), (4.0, 15)];

fn main() -> ExitCode {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (healthy, others) = if quick {
        ([500, 200, 100], 50)
    } else {
        ([10_000, 4_000, 2_000], 500)
    };
    let begun = Instant::now();
    let rows = |worse, worse_from, rollouts: [u64; PER_LOOK.len()]| {
        let mut rows = Vec::new();
        for users in USERS {
            for (per_look, rollouts) in PER_LOOK.into_iter().zip(rollouts) {
                let scenario = Scenario {
                    users,
                    per_look,
                    rate: RATE,
                    worse,
                    worse_from,
                };
                // The statistic was chosen on other numbers, from a million on.
                rows.push((scenario, run(scenario, 0..rollouts)));
                eprint!(".");
                let _ = std::io::stderr().flush();
            }
        }
        rows
    };
    let good = rows(1.0, 0, healthy);
    table::false_rollbacks(&good);
    for (worse, from) in WORSE {
        table::worse(&rows(worse, from, [others; PER_LOOK.len()]));
    }
    table::thresholds(&thresholds(others));
    plan(others);
    eprintln!(" {:.0} s", begun.elapsed().as_secs_f64());
    let too_many = |outcome: &Outcome| outcome.interval().0 > judges::SETTINGS.alpha;
    if good.iter().any(|(_, judged)| too_many(&judged[0])) {
        eprintln!("more false rollbacks than alpha allows: see the first table");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Services that are not as the threshold has them: healthy, and with four times as many bad.
fn thresholds(rollouts: u64) -> Vec<(Scenario, [Outcome; judges::NAMES.len()])> {
    let mut rows = Vec::new();
    for rate in [0.0005, 0.02] {
        for worse in [1.0, 4.0] {
            let scenario = Scenario {
                users: Users::Alike,
                per_look: 5_000.0,
                rate,
                worse,
                worse_from: 0,
            };
            rows.push((scenario, run(scenario, 0..rollouts)));
            eprint!(".");
        }
    }
    rows
}

/// What is detectable by the formula, and how often it is seen.
fn plan(rollouts: u64) {
    println!("\nWhat `detectable` says for users who are alike, and how often the test sees it:\n");
    println!("| requests an arm | ratio | seen |\n|---|---|---|");
    for per_look in [80.0, 250.0, 1_000.0, 4_000.0, 16_000.0] {
        let requests = (per_look * rollouts::LOOKS as f64) as u64;
        let Some(worse) = detectable(&judges::SETTINGS, requests, RATE, 1.0) else {
            continue;
        };
        let scenario = Scenario {
            users: Users::Alike,
            per_look,
            rate: RATE,
            worse,
            worse_from: 0,
        };
        let [outcome, ..] = run(scenario, 0..rollouts);
        println!("| {requests} | {worse:.2} | {:.0} % |", outcome.percent());
        eprint!(".");
    }
}
