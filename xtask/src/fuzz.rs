//! `cargo xtask fuzz`: libFuzzer on the targets of `fuzz/`, with the stable compiler.
//!
//! What `cargo fuzz` does with a nightly one beside this is AddressSanitizer, for which nothing here
//! is unsafe enough. So the coverage that libFuzzer goes by is asked of the compiler in stable flags.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::Args;
use coalmine_integration::workspace;

use crate::step::Step;
use crate::test::Tally;
use crate::toolchain::{native_cargo, on_path};

/// What tells libFuzzer which way an input has gone.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// How long each target has in the tests, in seconds.
const SECONDS_IN_TESTS: u64 = 6;

/// So many inputs of a target are kept, of this length at most: a corpus is in the repository.
const KEPT: usize = 100;
const LONGEST: u64 = 1_000;

/// Look for inputs that break what must hold for any bytes: libFuzzer on the targets of fuzz/
///
/// Inputs that go new ways are kept in target/fuzz/corpus/, one that breaks something in
/// target/fuzz/artifacts/. With nightly, `cargo fuzz run --features libfuzzer TARGET` runs the same
/// with AddressSanitizer.
#[derive(Args)]
pub(crate) struct Fuzz {
    /// Which targets [default: all]
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// How long each of them
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Put some of the inputs that go all ways found so far into fuzz/corpus/
    #[arg(long)]
    minimize: bool,
}

impl Fuzz {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let known = targets()?;
        for asked in &self.targets {
            if !known.contains(asked) {
                bail!("there is no target {asked}; there are {}", known.join(", "));
            }
        }
        let chosen = if self.targets.is_empty() {
            known
        } else {
            self.targets
        };
        let step = Step::begin("building the targets");
        build(&step)?;
        step.end("done");
        for target in chosen {
            let step = Step::begin(format!("fuzzing {target}"));
            let executions = fuzz(&target, self.seconds, &step)?;
            step.end(&format!("{executions} executions"));
            if self.minimize {
                let step = Step::begin(format!("choosing inputs of {target}"));
                let kept = minimize(&target, &step)?;
                step.end(&format!("{kept} kept"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The stage of the tests: a little of each target, as many at once as there are cores.
///
/// # Errors
/// The targets do not compile, or an input breaks something.
pub(crate) fn stage(step: &Step) -> Result<Tally> {
    build(step)?;
    let targets = targets()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut passed = 0;
    for some in targets.chunks(cores) {
        let outcomes: Vec<Result<u64>> = std::thread::scope(|scope| {
            let running: Vec<_> = some
                .iter()
                .map(|target| scope.spawn(move || fuzz(target, SECONDS_IN_TESTS, step)))
                .collect();
            let ended = running.into_iter().map(|one| one.join());
            ended
                .map(|outcome| outcome.unwrap_or_else(|_| bail!("it panicked")))
                .collect()
        });
        for (target, outcome) in some.iter().zip(outcomes) {
            step.note(&format!("{target}: {} executions", outcome?));
            passed += 1;
        }
    }
    Ok(Tally {
        passed,
        ..Tally::default()
    })
}

/// Why this machine cannot, if so.
pub(crate) fn missing() -> Option<String> {
    let compilers = ["c++", "g++", "clang++"];
    let found = compilers.iter().any(|name| on_path(name).is_some());
    (!found).then(|| {
        format!(
            "libFuzzer needs a compiler for C++ ({})",
            compilers.join(", ")
        )
    })
}

/// The names of all targets.
fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for file in fs::read_dir(folder().join("targets"))? {
        let path = file?.path();
        names.extend(
            path.file_stem()
                .map(|name| name.to_string_lossy().into_owned()),
        );
    }
    names.sort();
    Ok(names)
}

fn folder() -> PathBuf {
    workspace::root().join("fuzz")
}

/// Where everything goes that fuzzing makes.
fn made() -> PathBuf {
    workspace::target_dir().join("fuzz")
}

/// With the host named as a target the flags are for these programs and not for build scripts.
fn build(step: &Step) -> Result<()> {
    if let Some(missing) = missing() {
        bail!(missing);
    }
    let mut cargo = native_cargo();
    cargo
        .args(["build", "--package", "coalmine-fuzz", "--bins"])
        .args(["--features", "libfuzzer", "--profile", "fuzz"])
        .args(["--target", &host()?, "--target-dir"])
        .arg(made())
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", COVERAGE);
    step.run(&mut cargo)?.required().map(drop)
}

fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc names no host")
}

fn program(target: &str) -> Result<Command> {
    Ok(Command::new(made().join(host()?).join("fuzz").join(target)))
}

/// How often the target was executed in so many seconds.
fn fuzz(target: &str, seconds: u64, step: &Step) -> Result<u64> {
    let (corpus, artifacts) = (made().join("corpus").join(target), made().join("artifacts"));
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&artifacts)?;
    let mut command = program(target)?;
    command
        .arg(&corpus)
        .arg(folder().join("corpus").join(target))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!(
            "-artifact_prefix={}/{target}-",
            artifacts.display()
        ))
        // Longer inputs go no further ways, and one that takes a second is worth a look.
        .args(["-max_len=2048", "-timeout=20", "-rss_limit_mb=2048"])
        .args(["-print_final_stats=1", "-verbosity=1"]);
    let dictionary = folder().join("dictionaries").join(target);
    if dictionary.is_file() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    let output = step
        .run(&mut command)?
        .required()
        .with_context(|| format!("{target} is broken by an input in {}", artifacts.display()))?;
    executions(&output).with_context(|| format!("{target} says not how often it was executed"))
}

/// The number in libFuzzer's closing statistics.
fn executions(output: &str) -> Option<u64> {
    let said = |line: &str| {
        let number = line.strip_prefix("stat::number_of_executed_units:")?;
        number.trim().parse().ok()
    };
    output.lines().find_map(said)
}

/// Chooses the inputs to keep: short and long ones of those that go all ways together.
fn minimize(target: &str, step: &Step) -> Result<usize> {
    let chosen = made().join("chosen").join(target);
    if chosen.exists() {
        fs::remove_dir_all(&chosen)?;
    }
    fs::create_dir_all(&chosen)?;
    let kept = folder().join("corpus").join(target);
    let mut command = program(target)?;
    command.arg("-set_cover_merge=1");
    command.args([&chosen, &kept, &made().join("corpus").join(target)]);
    step.run(&mut command)?.required()?;
    for (_, old) in inputs(&kept)? {
        fs::remove_file(old)?;
    }
    let mut all = inputs(&chosen)?;
    all.retain(|(length, _)| *length <= LONGEST);
    let every = all.len().div_ceil(KEPT).max(1);
    let some = all.iter().step_by(every);
    for (_, input) in some.clone() {
        let name = input.file_name().context("an input has a name")?;
        fs::copy(input, kept.join(name))?;
    }
    Ok(some.len())
}

/// The inputs of a folder with their lengths, the shortest first.
fn inputs(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let mut inputs = Vec::new();
    for file in fs::read_dir(folder)? {
        let file = file?;
        inputs.push((file.metadata()?.len(), file.path()));
    }
    inputs.sort();
    Ok(inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executions_are_those_at_the_end() {
        let check = |output: &str, expected| assert_eq!(executions(output), expected, "{output}");
        check(
            "#2\tINITED\nstat::number_of_executed_units: 12\nstat::x: 3",
            Some(12),
        );
        check("#2\tINITED cov: 7", None);
        check("stat::number_of_executed_units: many", None);
    }

    #[test]
    fn every_target_is_found() {
        let targets = targets().unwrap();
        assert!(targets.contains(&"headers".to_owned()), "{targets:?}");
    }
}
