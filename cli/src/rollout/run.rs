//! Turns until the rollout has ended.

use super::args::DriveArgs;
use super::status::{code, place, said, second, told};
use super::turn::{Done, turn};
use super::{UNDERWAY, after};
use crate::args::{Format, parsed};
use crate::outcome::{Failure, NO, Outcome};
use crate::progress;
use crate::request::wall_clock;
use clap::Args;
use coalmine::bucket::Share;
use coalmine_rollout::machine::{Phase, State};
use coalmine_rollout::plan::Plan;
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

/// People who approve or pause are not made to wait longer for it to be seen.
const LOOKS_EVERY: Duration = Duration::from_secs(2);

/// `coalmine rollout run`
#[derive(Debug, Args)]
#[command(after_help = after("\
Examples:
  coalmine rollout run reviews.yaml --config run/xds/coalmine.json --prometheus http://127.0.0.1:9090
  coalmine rollout run reviews.yaml --revision $GIT_SHA --timeout 7200 --until-approval \\
    --config run/xds/coalmine.json --journal reviews.jsonl --prometheus https://prometheus.example.com

It says every decision as it is taken, on standard error, and ends with the exit code of what the rollout
came to. Killed and started again, it goes on where it was."))]
pub struct RunArgs {
    /// What to drive, and with what.
    #[command(flatten)]
    pub drive: DriveArgs,
    /// Give up waiting after so many seconds, with exit code 4; the rollout stays where it is
    #[arg(long, value_name = "SECONDS", value_parser = |text: &str| parsed::<u64>(text, "a whole number of seconds, like 7200"))]
    pub timeout: Option<u64>,
    /// End when a step waits for an approval, with exit code 4, instead of waiting for it: so that whoever
    /// approves starts another job
    #[arg(long)]
    pub until_approval: bool,
}

pub(super) fn run(args: &RunArgs) -> Result<Outcome, Failure> {
    let mut drive = args.drive.read()?;
    let every = Duration::from_millis(u64::from(drive.plan.analysis.every)).min(LOOKS_EVERY);
    let begun = Instant::now();
    let spinner = progress::spinner("reading");
    let mut trouble = String::new();
    let mut of_clock = String::new();
    let mut held = Held::default();
    let mut first = true;
    loop {
        match turn(&drive, None) {
            Ok(done) => {
                for entry in &done.entries {
                    say(&spinner, &format!("{} {}", second(entry.at), said(entry)));
                }
                let pending = done.pending.as_ref().map(|failure| &failure.message);
                let warning = pending.or(done.warning.as_ref());
                complain(
                    &spinner,
                    &mut trouble,
                    warning.map_or("", |warning| warning),
                );
                if let Some(clock) = &done.clock {
                    complain(&spinner, &mut of_clock, clock);
                }
                let ended = ended(&drive.plan, &done.state);
                if ended != UNDERWAY && done.pending.is_none() {
                    spinner.finish_and_clear();
                    let mut outcome = told(&drive.plan, &done.state, &[], Format::Table)?;
                    outcome.talk = remark(&drive.plan, &done)?;
                    outcome.code = ended;
                    return Ok(outcome);
                }
                if let Some(share) = awaited(&drive.plan, &done.state)
                    && args.until_approval
                    && done.pending.is_none()
                {
                    spinner.finish_and_clear();
                    return Ok(underway(format!(
                        "{share} waits for an approval: `approve` it and run it again"
                    )));
                }
                if let Some(run) = &done.state.run {
                    held.reasons.clone_from(&run.holding);
                    // What was decided in this turn is in force by the next one.
                    let news = match done.entries.is_empty() {
                        true => held.news(),
                        false => Vec::new(),
                    };
                    if !news.is_empty() {
                        let now = second(wall_clock());
                        say(&spinner, &format!("{now} holding: {}", news.join("; ")));
                    }
                    let holding = held.reasons.join("; ");
                    spinner.set_message(format!("{} | {holding}", place(&drive.plan, run)));
                }
            }
            Err(failure) if first => {
                spinner.finish_and_clear();
                return Err(failure);
            }
            // What cannot be done now, like reading a file that somebody writes, may be done soon.
            Err(failure) => complain(&spinner, &mut trouble, &failure.message),
        }
        first = false;
        if args
            .timeout
            .is_some_and(|most| begun.elapsed() >= Duration::from_secs(most))
        {
            spinner.finish_and_clear();
            return Ok(underway(not_done(&trouble, &held.reasons)));
        }
        thread::sleep(every);
        // A plan that was edited is the plan.
        match args.drive.plan() {
            Ok(plan) => drive.plan = plan,
            Err(failure) => complain(&spinner, &mut trouble, &failure.message),
        }
    }
}

/// What holds the rollout.
#[derive(Default)]
struct Held {
    reasons: Vec<String>,
    /// Those that were told and have not gone since, by their lasting words.
    told: Vec<String>,
}

impl Held {
    /// The reasons that are still to be told: another number or time makes no new one.
    fn news(&mut self) -> Vec<&str> {
        let now: Vec<String> = self.reasons.iter().map(|reason| lasting(reason)).collect();
        let before = std::mem::replace(&mut self.told, now);
        let reasons = self.reasons.iter().map(String::as_str);
        reasons
            .filter(|reason| !before.contains(&lasting(reason)))
            .collect()
    }
}

/// The words of a reason that stay while it does.
fn lasting(reason: &str) -> String {
    let words = reason.split(' ');
    let words = words.filter(|word| !word.starts_with(|letter: char| letter.is_ascii_digit()));
    words.collect::<Vec<_>>().join(" ")
}

/// What there is to say when nobody waits any longer: what was in the way of the last turn, and what held the
/// rollout when it was looked at last.
fn not_done(trouble: &str, holding: &[String]) -> String {
    let trouble = trouble.strip_prefix("error: ").unwrap_or(trouble);
    let reasons = [trouble]
        .into_iter()
        .chain(holding.iter().map(String::as_str));
    let reasons: Vec<&str> = reasons.filter(|reason| !reason.is_empty()).collect();
    let mut said = "not done yet; run it again, and it goes on".to_owned();
    if !reasons.is_empty() {
        said.push_str(&format!("; holding: {}", reasons.join("; ")));
    }
    said
}

fn underway(why: String) -> Outcome {
    Outcome {
        talk: why + "\n",
        code: UNDERWAY,
        ..Outcome::default()
    }
}

/// The share of this plan that waits for an approval.
fn awaited(plan: &Plan, state: &State) -> Option<Share> {
    let run = state.run.as_ref().filter(|run| run.salt == plan.salt)?;
    run.awaits(plan)
}

/// What the rollout of this plan came to: another revision may have taken its place.
pub(super) fn ended(plan: &Plan, state: &State) -> i32 {
    match &state.run {
        Some(run) if run.salt != plan.salt => NO,
        _ => code(state),
    }
}

/// What there is to say of a rollout that ended before this turn, so that nobody takes an old success
/// for a new one.
pub(super) fn remark(plan: &Plan, done: &Done) -> Result<String, Failure> {
    let strange = done.warning.iter().chain(&done.clock);
    let mut talk: String = strange.map(|line| format!("{line}\n")).collect();
    let Some(run) = &done.state.run else {
        return Ok(talk);
    };
    if run.salt != plan.salt {
        let there = run.revision.as_ref().unwrap_or(&run.salt);
        talk.push_str(&format!(
            "{there} has taken its place; `retry` rolls it out again\n"
        ));
        return Ok(talk);
    }
    if run.phase.is_open() || !done.entries.is_empty() || done.pending.is_some() {
        return Ok(talk);
    }
    if run.phase == Phase::Promoted && done.in_force.share != run.share {
        return Err(Failure::refused(format!(
            "this was promoted before, and now {} has {}: name what is new with --revision, or in the file",
            plan.variant, done.in_force.share
        )));
    }
    let last = done.state.journal.last();
    let why = last.map(|entry| format!("{} {}", second(entry.at), said(entry)));
    talk.push_str(&format!(
        "it has ended before: {}; name what is new with --revision{}\n",
        why.unwrap_or_default(),
        if run.phase == Phase::Promoted {
            ""
        } else {
            ", or `retry` it"
        }
    ));
    Ok(talk)
}

/// Says what is in the way, once as long as it is the same.
fn complain(spinner: &indicatif::ProgressBar, said: &mut String, message: &str) {
    if message != said && !message.is_empty() {
        say(spinner, message);
    }
    message.clone_into(said);
}

/// A line on standard error, above what is shown of the progress.
fn say(spinner: &indicatif::ProgressBar, line: &str) {
    spinner.suspend(|| {
        // Nobody is left to be told if standard error is closed.
        let _ = writeln!(anstream::stderr(), "{line}");
    });
}
