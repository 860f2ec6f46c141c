//! Outcomes as tables in Markdown.

use crate::judges::NAMES;
use crate::population::Users;
use crate::rollouts::{LOOKS, Outcome, Scenario};
use statrs::distribution::{Beta, ContinuousCDF};

type Rows = [(Scenario, [Outcome; NAMES.len()])];

/// How many healthy rollouts were rolled back, with the interval of the first judge.
pub(crate) fn false_rollbacks(rows: &Rows) {
    println!("Healthy rollouts that were rolled back:\n");
    head();
    for (scenario, judged) in rows {
        let (low, high) = judged[0].interval();
        let first = format!(
            "**{:.2} %** of {} ({:.2} to {:.2})",
            judged[0].percent(),
            judged[0].rollouts,
            100.0 * low,
            100.0 * high
        );
        let others = judged[1..]
            .iter()
            .map(|one| format!("{:.1} %", one.percent()));
        row(*scenario, std::iter::once(first).chain(others));
    }
}

/// How many rollouts of a bad canary were rolled back, when, and how many users that took.
pub(crate) fn worse(rows: &Rows) {
    let Scenario {
        worse, worse_from, ..
    } = rows[0].0;
    let from = match worse_from {
        0 => String::new(),
        look => format!(", but only after look {look} of {LOOKS}"),
    };
    let rollouts = rows[0].1[0].rollouts;
    println!(
        "\nA canary with {worse} times as many bad requests{from}: rolled back of {rollouts}, at which \
         look in the middle, and users who had a bad response from the canary until then or to the \
         end:\n"
    );
    head();
    for (scenario, judged) in rows {
        row(*scenario, judged.iter().map(cell));
    }
}

/// Services whose healthy rate is not what a threshold expects.
pub(crate) fn thresholds(rows: &Rows) {
    let rollouts = rows[0].1[0].rollouts;
    println!(
        "\nServices with another healthy rate, users alike, {} requests a look: rolled back of {rollouts}:\n",
        rows[0].0.per_look
    );
    println!("| healthy rate | canary | {} |", NAMES.join(" | "));
    println!("|---|---|{}", "---|".repeat(NAMES.len()));
    for (scenario, judged) in rows {
        let canary = match scenario.worse {
            1.0 => "healthy".to_owned(),
            worse => format!("{worse} times as many"),
        };
        let cells: Vec<String> = judged
            .iter()
            .map(|outcome| format!("{:.1} %", outcome.percent()))
            .collect();
        println!(
            "| {} % | {canary} | {} |",
            100.0 * scenario.rate,
            cells.join(" | ")
        );
    }
}

fn cell(outcome: &Outcome) -> String {
    let users = outcome.hurt as f64 / outcome.rollouts as f64;
    match outcome.rolled_back.get(outcome.rolled_back.len() / 2) {
        None => format!("0 %, {users:.0} users"),
        Some(look) => format!("{:.0} % at {look}, {users:.0} users", outcome.percent()),
    }
}

fn head() {
    println!("| users | requests a look | {} |", NAMES.join(" | "));
    println!("|---|---|{}", "---|".repeat(NAMES.len()));
}

fn row(scenario: Scenario, cells: impl Iterator<Item = String>) {
    let users = match scenario.users {
        Users::Alike => "alike",
        Users::Clustered => "clustered",
    };
    let cells: Vec<String> = cells.collect();
    println!(
        "| {users} | {} | {} |",
        scenario.per_look,
        cells.join(" | ")
    );
}

// === impl Outcome ===

impl Outcome {
    /// The share that was rolled back, in percent.
    pub(crate) fn percent(&self) -> f64 {
        100.0 * self.rolled_back.len() as f64 / self.rollouts as f64
    }

    /// The 95 % interval of that share (C. J. Clopper and E. S. Pearson, Biometrika 26, 1934).
    pub(crate) fn interval(&self) -> (f64, f64) {
        let (hits, of) = (self.rolled_back.len() as f64, self.rollouts as f64);
        let quantile = |a, b, p| Beta::new(a, b).expect("positive counts").inverse_cdf(p);
        let low = if hits == 0.0 {
            0.0
        } else {
            quantile(hits, of - hits + 1.0, 0.025)
        };
        let high = if hits == of {
            1.0
        } else {
            quantile(hits + 1.0, of - hits, 0.975)
        };
        (low, high)
    }
}
