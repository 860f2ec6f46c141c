//! `cargo xtask bench`: what a request costs in the real Envoy, and what the module weighs.
//!
//! | where | what |
//! |---|---|
//! | `scenarios` | what is measured, with `policies`, `request`, `tokens`, `bootstrap` and `policy.lua` |
//! | `callgrind` | one scenario on one Envoy: instructions per request |
//! | `load` | throughput and latency, by turns: `cargo xtask load` |
//! | `decide` | the decision alone, natively, by criterion |
//! | `weight` | the module's bytes, its memory in Envoy, and the time a large config takes |
//! | `report` | the table and the JSON |
//! | `goals` | what the numbers should come to |
//! | `budget` | what may not be exceeded |

mod bootstrap;
mod budget;
mod callgrind;
mod decide;
mod goals;
mod load;
mod policies;
mod report;
mod request;
mod scenarios;
mod tokens;
mod weight;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use coalmine_integration::workspace;

use crate::setup::Need;
use crate::step::Step;
use crate::{envoy, module};

use report::{Measured, Report};
use scenarios::{NO_FILTER, Scenario};

pub(crate) use budget::stage;
pub(crate) use load::Load;
pub(crate) use report::grouped;

/// So many Envoys at once change no count; more than cores only make each slower.
const AT_ONCE: usize = 2;

/// Count instructions per request in the real Envoy, and compare with Lua, routes and no filter
///
/// Each scenario is an Envoy of its own under callgrind, which counts the instructions of the whole
/// process over 400 requests on one connection. The count repeats to one or two parts in a thousand
/// on a busy machine too, so a change of one percent is a change of the code. What is quoted is the
/// difference to an Envoy without a filter.
///
/// The table goes to stdout, and everything as JSON to target/bench.json.
#[derive(Args)]
pub(crate) struct Bench {
    /// Only scenarios whose name contains one of these, such as `policy` or `pins-1000`
    scenarios: Vec<String>,
    /// Only what the budgets need; exit code 1 if one is exceeded
    #[arg(long, conflicts_with = "scenarios")]
    short: bool,
    /// Only what the module weighs: its bytes, its memory in Envoy, and the time a large config takes
    #[arg(long, conflicts_with_all = ["scenarios", "short", "profile"])]
    weight: bool,
    /// Keep callgrind's profile of each scenario in target/bench/, for callgrind_annotate
    ///
    /// Envoy has no symbols, but the profile tells where instructions go: functions of the object
    /// `???` at addresses of 4 GiB and more are code that V8 or LuaJIT made, below that they are
    /// Envoy's allocator; the object `envoy` is the rest of the host.
    #[arg(long)]
    profile: bool,
    /// Print the names of the scenarios and what they are, and measure nothing
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    envoy: envoy::Choice,
}

impl Bench {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let mut scenarios = scenarios::all(&workspace::module_path());
        if self.list {
            let width = scenarios.iter().map(|scenario| scenario.id.len()).max();
            for Scenario { id, title, .. } in &scenarios {
                println!("{id:width$}  {title}", width = width.unwrap_or_default());
            }
            return Ok(ExitCode::SUCCESS);
        }
        if self.short {
            scenarios = budget::short(scenarios);
        }
        let wanted = scenarios.iter().filter(|scenario| self.wants(scenario));
        let bases: Vec<&str> = wanted.map(|scenario| scenario.base).collect();
        scenarios.retain(|it| self.wants(it) || bases.contains(&it.id.as_str()));
        if scenarios.len() < 2 && !self.weight {
            bail!(
                "no scenario is called anything like {}; `cargo xtask bench --list` shows them",
                self.scenarios.join(", ")
            );
        }
        let envoy = self.envoy.wanted();
        let whole = self.scenarios.is_empty() && !self.short && !self.weight;

        let step = Step::begin("building the module");
        module::build(&step)?;
        step.end("done");
        let step = Step::begin("counting instructions");
        if !scenarios.is_empty() {
            Need::Valgrind.ensure(&envoy, &step)?;
        }
        let binary = envoy::ensure(&envoy)?;
        let profiles = self.profile.then(profiles).transpose()?;
        let measured = measure(&binary, &scenarios, profiles.as_deref(), &step)?;
        step.end("done");
        let report = Report {
            envoy,
            measured,
            module: weight::of(&workspace::module_path())?,
            memory: if whole || self.weight {
                let config = policies::real(request::HOST);
                Some(weight::memory(&binary, &config)?)
            } else {
                None
            },
            large: if whole || self.weight || self.short {
                Some(weight::large(&binary)?)
            } else {
                None
            },
            decide: if whole { decide::run()? } else { Vec::new() },
        };
        report.write()?;
        print!("{}", report.table());
        if let Some(profiles) = profiles {
            println!("\nprofiles: {}", profiles.display());
        }
        let mut exceeded = false;
        for verdict in budget::verdicts(&report) {
            println!("{verdict}");
            exceeded |= verdict.exceeded();
        }
        Ok(ExitCode::from(u8::from(exceeded)))
    }

    fn wants(&self, scenario: &Scenario) -> bool {
        if self.weight {
            return false;
        }
        let named = |name: &String| scenario.id.contains(name);
        self.scenarios.is_empty() || scenario.id == NO_FILTER || self.scenarios.iter().any(named)
    }
}

/// Measures scenarios, a few at once, and gives them in their order.
///
/// # Errors
/// The first scenario that failed; the rest is then not measured.
fn measure(
    envoy: &Path,
    scenarios: &[Scenario],
    profiles: Option<&Path>,
    step: &Step,
) -> Result<Vec<Measured>> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(scenario) = scenarios.get(number) else {
                return;
            };
            let begun = Instant::now();
            step.say(&scenario.title);
            let profile = profiles.map(|folder| folder.join(&scenario.id));
            let result = callgrind::measure(envoy, scenario, profile.as_deref());
            match &result {
                Ok(instructions) => step.note(&format!(
                    "  {}: {instructions} instructions per request ({:.0} s)",
                    scenario.title,
                    begun.elapsed().as_secs_f64(),
                )),
                Err(_) => next.store(scenarios.len(), Ordering::Relaxed),
            }
            let mut results = results.lock().unwrap_or_else(|lock| lock.into_inner());
            results.push((number, result));
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, |cores| AT_ONCE.min(cores.get()));
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    let mut results = results
        .into_inner()
        .unwrap_or_else(|lock| lock.into_inner());
    results.sort_by_key(|(number, _)| *number);
    results
        .into_iter()
        .zip(scenarios)
        .map(|((_, result), scenario)| {
            let instructions = result.with_context(|| format!("measuring {}", scenario.id))?;
            Ok(Measured {
                id: scenario.id.clone(),
                title: scenario.title.clone(),
                base: scenario.base,
                instructions,
            })
        })
        .collect()
}

fn profiles() -> Result<PathBuf> {
    let folder = workspace::target_dir().join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}
