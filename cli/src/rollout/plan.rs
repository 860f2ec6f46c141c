//! What would happen, before it does.

use super::args::chosen;
use crate::args::{Files, Format, after_help, parsed};
use crate::input;
use crate::outcome::{Failure, Outcome};
use clap::Args;
use coalmine_rollout::evidence::detectable;
use coalmine_rollout::plan::Plan;
use serde::Serialize;
use std::fmt::Write;

/// Requests a minute where nobody says how many there are.
const USUAL: f64 = 1000.0;

/// `coalmine rollout plan`
#[derive(Debug, Args)]
#[command(after_help = after_help("\
Examples:
  coalmine rollout plan reviews.yaml --requests-per-minute 1200 --error-rate 0.5%
  coalmine rollout plan reviews.yaml -o json | jq .minutes"))]
pub struct PlanArgs {
    /// Where canaries are read from.
    #[command(flatten)]
    pub files: Files,
    /// Which canary, by its name or as NAMESPACE/NAME [default: the only one that has a rollout]
    #[arg(long, value_name = "CANARY")]
    pub canary: Option<String>,
    /// How many requests a minute are drawn, of all users together [default: 1000]
    #[arg(long, value_name = "NUMBER", value_parser = |text: &str| parsed::<f64>(text, "a number, like 1000"))]
    pub requests_per_minute: Option<f64>,
    /// How many of them fail today
    #[arg(long, value_name = "SHARE", default_value = "0.5%", value_parser = share)]
    pub error_rate: f64,
    /// How many failing requests count as one, because they are of one user or fail together
    #[arg(long, value_name = "NUMBER", default_value_t = 1.0, value_parser = |text: &str| parsed::<f64>(text, "a number, like 1"))]
    pub design_effect: f64,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}

/// What would happen.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Foreseen {
    canary: String,
    variant: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
    /// What it is judged by.
    checks: Vec<String>,
    /// Drawn, of all users together.
    requests_per_minute: f64,
    /// Whether nobody said how many there are.
    #[serde(skip)]
    assumed: bool,
    steps: Vec<Step>,
    /// In minutes, without freezes and approvals.
    minutes: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    share: String,
    /// Whether somebody has to approve it.
    approve: bool,
    /// At least, in minutes.
    minutes: f64,
    /// What it waits for: `time` or `requests`.
    waits_for: &'static str,
    /// Requests of the variant by its end, since the rollout began.
    requests: u64,
    /// So many times the errors of today would be seen by its end, with a probability of 80 %, if
    /// requests were independent; not at all where nothing would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    sees: Option<f64>,
}

fn share(text: &str) -> Result<f64, String> {
    coalmine::bucket::Share::parse(text)
        .map(|share| f64::from(share.millionths()) / 1e6)
        .map_err(|wrong| format!("the share `{text}` {wrong}"))
}

pub(super) fn plan(args: &PlanArgs) -> Result<Outcome, Failure> {
    let rate = args.requests_per_minute.unwrap_or(USUAL);
    if !(rate.is_finite() && rate > 0.0) {
        return Err(Failure::refused(
            "--requests-per-minute must be more than 0: without requests a rollout holds",
        ));
    }
    let input = input::sound(&args.files)?;
    let canary = chosen(&input.canaries.canaries, args.canary.as_deref())?;
    let plan = Plan::of(canary, None)
        .ok_or_else(|| Failure::refused(format!("canary {} has no rollout", canary.full_name())))?;
    let foreseen = foreseen(&plan, rate, args);
    Ok(Outcome {
        data: args.output.print(&foreseen, || text(&foreseen))?,
        ..Outcome::default()
    })
}

fn foreseen(plan: &Plan, rate: f64, args: &PlanArgs) -> Foreseen {
    let settings = plan.settings();
    let mut requests = 0.0;
    let steps = plan.steps.iter().map(|step| {
        let rate = rate * f64::from(step.share.millionths()) / 1e6;
        let time = f64::from(step.hold) / 60_000.0;
        let filling = f64::from(step.min_requests) / rate;
        let minutes = time.max(filling);
        requests += rate * minutes;
        let counted = requests.round() as u64;
        Step {
            share: step.share.to_string(),
            approve: step.approve,
            minutes,
            waits_for: if filling > time { "requests" } else { "time" },
            requests: counted,
            sees: detectable(&settings, counted, args.error_rate, args.design_effect),
        }
    });
    let steps: Vec<Step> = steps.collect();
    Foreseen {
        canary: plan.canary.clone(),
        variant: plan.variant.clone(),
        revision: plan.revision.clone(),
        checks: plan.checks(),
        requests_per_minute: rate,
        assumed: args.requests_per_minute.is_none(),
        minutes: steps.iter().map(|step| step.minutes).sum(),
        steps,
    }
}

fn text(foreseen: &Foreseen) -> String {
    let mut text = format!("rollout   {} of {}\n", foreseen.variant, foreseen.canary);
    let _ = writeln!(text, "checks    {}", foreseen.checks.join(", "));
    if foreseen.assumed {
        let _ = writeln!(
            text,
            "assumed   {} requests a minute: say how many there are with --requests-per-minute",
            foreseen.requests_per_minute
        );
    }
    for (number, step) in foreseen.steps.iter().enumerate() {
        let sees = match step.sees {
            Some(ratio) => format!("sees {ratio:.1} times the errors"),
            None => "sees no errors yet".to_owned(),
        };
        let _ = writeln!(
            text,
            "step {:<5}{:<8}{:<8}{:<25}{} requests so far, {sees}",
            number + 1,
            step.share,
            minutes(step.minutes),
            format!(
                "waits for {}{}",
                step.waits_for,
                if step.approve { ", approved" } else { "" }
            ),
            step.requests,
        );
    }
    let _ = writeln!(
        text,
        "in all    {} without approvals and freezes",
        minutes(foreseen.minutes)
    );
    text
}

fn minutes(minutes: f64) -> String {
    match minutes {
        minutes if minutes < 1.0 => format!("{:.0}s", minutes * 60.0),
        minutes if minutes < 120.0 => format!("{minutes:.0}m"),
        minutes => format!("{:.1}h", minutes / 60.0),
    }
}
