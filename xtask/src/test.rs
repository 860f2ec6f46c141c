//! `cargo xtask test`: every check of the workspace, one stage after the other, counted together.
//!
//! Which stages there are is in [`stages`]; how their output becomes numbers is in [`tally`].

mod stages;
mod tally;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use coalmine_integration::{envoy_binary, workspace};

use coalmine_istio::release::Release;

use crate::envoy;
use crate::step::Step;

use stages::Work;

pub(crate) use stages::Stage;
pub(crate) use tally::Tally;

/// Run the checks and tests; the last line is `N passed, N failed` over all of them
///
/// What is missing is installed first. A stage that cannot run counts as failed. The full output
/// of each stage is kept below target/test/.
#[derive(Args)]
pub(crate) struct Test {
    /// How much to run
    #[arg(value_enum, default_value_t = Selection::All)]
    selection: Selection,
    #[command(flatten)]
    envoy: envoy::Choice,
    /// Run the tests on Envoy with every supported version
    #[arg(long, conflicts_with = "envoy")]
    all_envoys: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Selection {
    /// Formatting, clippy and the native tests: no WebAssembly, no Envoy
    Fast,
    /// Everything, on WebAssembly and on the real Envoy too
    All,
}

impl Test {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let envoys = if self.all_envoys {
            let lines = envoy_binary::RELEASES.iter();
            lines.map(|(line, _)| (*line).to_owned()).collect()
        } else {
            vec![self.envoy.wanted()]
        };
        let mut stages = stages::all(&envoys, self.envoy.asked().as_deref())?;
        stages.retain(|stage| stage.fast || self.selection == Selection::All);

        run(&stages)
    }
}

/// The tests on a real Istio, as a stage.
pub(crate) fn on_istio(release: &'static Release, envoy: &str) -> Stage {
    stages::on_istio(release, envoy)
}

/// Runs stages one after the other, and ends with the plain line over all of them.
///
/// # Errors
/// There is no place for their output.
pub(crate) fn run(stages: &[Stage]) -> Result<ExitCode> {
    let logs = workspace::target_dir().join("test");
    fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
    let mut total = Tally::default();
    let mut summary = Vec::new();
    for stage in stages {
        let tally = run_stage(stage, &logs);
        summary.push((&stage.title, tally));
        total += tally;
    }

    let width = summary.iter().map(|(title, _)| title.len()).max();
    let width = width.unwrap_or_default();
    println!();
    for (title, tally) in summary {
        let verdict = match tally {
            Tally { failed: 1.., .. } => "FAILED",
            Tally { passed: 0, .. } => "skipped",
            _ => "ok",
        };
        println!("{verdict:7} {title:width$}  {tally}");
    }
    // The plain line that a script reads: nothing may follow it, nothing be added to it.
    println!("\n{} passed, {} failed", total.passed, total.failed);
    Ok(ExitCode::from(u8::from(total.failed > 0)))
}

/// Runs a stage; whatever keeps it from running is a failure of it.
fn run_stage(stage: &Stage, logs: &Path) -> Tally {
    let step = Step::begin(&stage.title);
    match attempt(stage, &step, &log_path(logs, &stage.title)) {
        Ok(tally) => {
            step.end(&tally.to_string());
            tally
        }
        Err(problem) => {
            step.note(&format!("{problem:#}"));
            step.end("FAILED");
            // How far it got is not known, so it is one failure, like a compile error.
            problem
                .downcast_ref::<FailedTests>()
                .map_or(Tally::one(false), |failed| failed.tally)
        }
    }
}

fn attempt(stage: &Stage, step: &Step, log: &Path) -> Result<Tally> {
    if let Some(skipped) = stage.skip.and_then(|skip| skip(step).transpose()) {
        return skipped;
    }
    for need in stage.needs {
        need.ensure(&stage.envoy, step)
            .context("this stage needs something that is missing")?;
    }
    let (command, counted) = match stage.work {
        Work::Check(command) => (command, false),
        Work::Tests(command) => (command, true),
        Work::Own(work) => return work(stage, step),
    };
    let mut command = command(stage, step)?;
    let finished = step.run(&mut command)?;
    fs::write(log, &finished.output).with_context(|| format!("cannot write {}", log.display()))?;
    if !counted {
        finished.required()?;
        return Ok(Tally::one(true));
    }
    let tally = tally::of_run(&finished.output, finished.success);
    if tally.failed > 0 {
        let (tally, log) = (tally, log.to_owned());
        let excerpt = tally::excerpt(&finished.output);
        return Err(FailedTests {
            tally,
            excerpt,
            log,
        }
        .into());
    }
    if tally.passed == 0 {
        bail!("no test ran; the whole output is in {}", log.display());
    }
    Ok(tally)
}

/// Tests ran, and some of them failed.
#[derive(Debug)]
struct FailedTests {
    tally: Tally,
    excerpt: String,
    log: PathBuf,
}

impl std::error::Error for FailedTests {}

impl std::fmt::Display for FailedTests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            tally,
            excerpt,
            log,
        } = self;
        write!(
            f,
            "{excerpt}\n{tally}; the whole output is in {}",
            log.display()
        )
    }
}

fn log_path(logs: &Path, title: &str) -> PathBuf {
    let name: String = title
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '.' {
                c
            } else {
                '-'
            }
        })
        .collect();
    logs.join(name).with_added_extension("log")
}
