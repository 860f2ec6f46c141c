//! Turns until the rollout has ended.

use super::args::DriveArgs;
use super::status::{code, place, said, second, told};
use super::turn::turn;
use super::{UNDERWAY, after};
use crate::args::Format;
use crate::outcome::{CANNOT, Failure, Outcome};
use crate::progress;
use clap::Args;
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
  coalmine rollout run reviews.yaml --revision $GIT_SHA --timeout 7200 \\
    --config run/xds/coalmine.json --journal reviews.jsonl --prometheus https://prometheus.example.com

It says every decision as it is taken, on standard error, and ends with the exit code of what the rollout
came to. Killed and started again, it goes on where it was."))]
pub struct RunArgs {
    /// What to drive, and with what.
    #[command(flatten)]
    pub drive: DriveArgs,
    /// Give up waiting after so many seconds, with exit code 4; the rollout stays where it is
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
}

pub(super) fn run(args: &RunArgs) -> Result<Outcome, Failure> {
    let drive = args.drive.read()?;
    let every = Duration::from_millis(u64::from(drive.plan.analysis.every)).min(LOOKS_EVERY);
    let begun = Instant::now();
    let spinner = progress::spinner("reading");
    let mut trouble = String::new();
    let mut turns = 0_u64;
    loop {
        match turn(&drive, None) {
            Ok(done) => {
                trouble.clear();
                for entry in &done.entries {
                    say(&spinner, &format!("{} {}", second(entry.at), said(entry)));
                }
                let ended = code(&done.state);
                if ended != UNDERWAY {
                    spinner.finish_and_clear();
                    return told(&drive.plan, &done.state, &[], Format::Table);
                }
                if let Some(run) = &done.state.run {
                    let holding = run.holding.join("; ");
                    spinner.set_message(format!("{} | {holding}", place(&drive.plan, run)));
                }
            }
            // What cannot be done now may be done soon; what is refused stays so.
            Err(failure) if failure.code == CANNOT && turns > 0 => {
                if failure.message != trouble {
                    say(&spinner, &failure.message);
                    trouble = failure.message;
                }
            }
            Err(failure) => {
                spinner.finish_and_clear();
                return Err(failure);
            }
        }
        turns += 1;
        if args
            .timeout
            .is_some_and(|most| begun.elapsed() >= Duration::from_secs(most))
        {
            spinner.finish_and_clear();
            return Ok(Outcome {
                talk: "not done yet; run it again, and it goes on\n".to_owned(),
                code: UNDERWAY,
                ..Outcome::default()
            });
        }
        thread::sleep(every);
    }
}

/// A line on standard error, above what is shown of the progress.
fn say(spinner: &indicatif::ProgressBar, line: &str) {
    spinner.suspend(|| {
        // Nobody is left to be told if standard error is closed.
        let _ = writeln!(anstream::stderr(), "{line}");
    });
}
