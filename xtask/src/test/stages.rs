//! The stages of `cargo xtask test`: a new one is an entry in [`all`].

use std::process::Command;

use anyhow::{Context, Result};
use coalmine_integration::envoy_binary;
use coalmine_istio::compile;
use coalmine_istio::programs::Programs;
use coalmine_istio::release::{self, Release};

use super::tally::Tally;
use crate::bench;
use crate::dist;
use crate::fuzz;
use crate::module;
use crate::reproducible;
use crate::setup::{self, Need};
use crate::step::Step;
use crate::supply;
use crate::toolchain::native_cargo;

/// One stage.
pub(crate) struct Stage {
    /// Its name in the output.
    pub(crate) title: String,
    /// Whether it belongs to `cargo xtask test fast` too.
    pub(crate) fast: bool,
    /// What is installed before it runs.
    pub(crate) needs: &'static [Need],
    /// The Envoy it uses, if it uses one: a version or a path.
    pub(crate) envoy: String,
    /// The Istio it uses, if it uses one.
    pub(crate) istio: &'static str,
    /// Whether it is left out on this machine.
    pub(crate) skip: Option<Skip>,
    /// What it does.
    pub(crate) work: Work,
}

/// Gives what is left out of a stage, if this machine cannot run it, and says why.
type Skip = fn(&Step) -> Result<Option<Tally>>;

/// What a stage does, and what is counted.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    /// A command that succeeds or fails as one.
    Check(fn(&Stage, &Step) -> Result<Command>),
    /// A command that runs tests, each of which counts; none at all is a failure.
    Tests(fn(&Stage, &Step) -> Result<Command>),
    /// Work that is done here and counts for itself.
    Own(fn(&Stage, &Step) -> Result<Tally>),
}

/// Every stage, quick ones first; the tests on Envoy once for each of `envoys`, those on Istio with its own
/// unless another is asked for.
///
/// # Errors
/// The environment asks for an Istio that there is not.
pub(super) fn all(envoys: &[String], on_istio: Option<&str>) -> Result<Vec<Stage>> {
    let default = envoys.last().map_or("", String::as_str);
    let stage = |title: &str, fast, needs, work| Stage {
        title: title.to_owned(),
        fast,
        needs,
        envoy: default.to_owned(),
        istio: "",
        skip: None,
        work,
    };
    let wasm_clippy: &[Need] = &[Need::Clippy, Need::WasmTarget];
    let wasm_tests: &[Need] = &[Need::WasmTarget, Need::Node, Need::BindgenRunner];
    let counting: &[Need] = &[Need::WasmTarget, Need::Envoy, Need::Valgrind];
    let mut stages = vec![
        stage(
            "formatting",
            true,
            &[Need::Rustfmt],
            Work::Check(formatting),
        ),
        stage("clippy", true, &[Need::Clippy], Work::Check(clippy)),
        stage("native tests", true, &[], Work::Tests(native_tests)),
        stage(
            "tests of what real things stand on",
            true,
            &[],
            Work::Tests(foundations),
        ),
        stage("documentation", false, &[], Work::Check(documentation)),
        stage(
            "a million random inputs",
            false,
            &[],
            Work::Tests(random_inputs),
        ),
        stage(
            "five million decisions a second",
            false,
            &[],
            Work::Tests(simulation_speed),
        ),
        Stage {
            skip: Some(without_cpp),
            ..stage("fuzzing", false, &[], Work::Own(fuzzing))
        },
        stage(
            "licences and sources",
            false,
            &[Need::CargoDeny],
            Work::Check(licences),
        ),
        stage("the module", false, &[Need::WasmTarget], Work::Own(module)),
        stage(
            "the same module elsewhere",
            false,
            &[Need::WasmTarget],
            Work::Own(same_module),
        ),
        stage(
            "clippy on wasm32",
            false,
            wasm_clippy,
            Work::Check(clippy_wasm),
        ),
        stage(
            "tests on wasm32",
            false,
            wasm_tests,
            Work::Tests(tests_wasm),
        ),
    ];
    stages.extend(envoys.iter().map(|envoy| Stage {
        title: format!("tests on Envoy {envoy}"),
        fast: false,
        needs: &[
            Need::WasmTarget,
            Need::Envoy,
            Need::Registry,
            Need::Prometheus,
            Need::Curl,
        ],
        envoy: envoy.clone(),
        istio: "",
        skip: None,
        work: Work::Tests(tests_envoy),
    }));
    let istio = release::wanted()?;
    stages.push(self::on_istio(istio, on_istio.unwrap_or(istio.envoy)));
    stages.push(stage(
        "the release",
        false,
        &[Need::WasmTarget],
        Work::Own(release),
    ));
    stages.push(stage("budgets", false, counting, Work::Own(bench::stage)));
    Ok(stages)
}

/// The tests on a real Istio with this Envoy.
pub(super) fn on_istio(release: &'static Release, envoy: &str) -> Stage {
    Stage {
        title: format!("tests on Istio {} with Envoy {envoy}", release.line),
        fast: false,
        needs: &[
            Need::WasmTarget,
            Need::Envoy,
            Need::Registry,
            Need::Prometheus,
            Need::Etcd,
        ],
        envoy: envoy.to_owned(),
        istio: release.line,
        skip: Some(without_go),
        work: Work::Tests(tests_istio),
    }
}

/// Istio and Kubernetes are built from source: where that is impossible, their tests are left out.
fn without_go(step: &Step) -> Result<Option<Tally>> {
    let Err(problem) = compile::go() else {
        return Ok(None);
    };
    step.note(&format!("skipped: {problem:#}"));
    let mut list = native_cargo();
    list.args(["test", "--package", "coalmine-istio", "--test", "mesh"]);
    list.args(["--", "--list"]);
    let listed = step.run(&mut list)?.required()?;
    let tests = listed.lines().filter(|line| line.ends_with(": test"));
    Ok(Some(Tally {
        ignored: u64::try_from(tests.count())?,
        ..Tally::default()
    }))
}

/// libFuzzer is C++. Its corpora are replayed without it, among the native tests.
fn without_cpp(step: &Step) -> Result<Option<Tally>> {
    Ok(fuzz::missing().map(|missing| {
        step.note(&format!("skipped: {missing}"));
        Tally {
            ignored: 1,
            ..Tally::default()
        }
    }))
}

fn fuzzing(_: &Stage, step: &Step) -> Result<Tally> {
    fuzz::stage(step)
}

/// All packages but the module, which makes sense on wasm32 only.
const NATIVE: [&str; 3] = ["--workspace", "--exclude", "coalmine-module"];

/// Packages whose tests need more than this machine has by itself.
const ON_REAL_THINGS: [&str; 2] = ["coalmine-integration", "coalmine-istio"];

fn formatting(_: &Stage, _: &Step) -> Result<Command> {
    let mut command = native_cargo();
    command.args(["fmt", "--all", "--check"]);
    Ok(command)
}

fn clippy(_: &Stage, _: &Step) -> Result<Command> {
    let mut command = native_cargo();
    command.arg("clippy").args(NATIVE).arg("--all-targets");
    command.args(["--", "--deny", "warnings"]);
    Ok(command)
}

fn native_tests(_: &Stage, _: &Step) -> Result<Command> {
    let mut command = native_cargo();
    command.arg("test").args(NATIVE);
    for on_real_things in ON_REAL_THINGS {
        command.args(["--exclude", on_real_things]);
    }
    command.arg("--no-fail-fast");
    Ok(command)
}

/// What starts and ends programs, reads their pages and picks their ports; no Envoy and no Istio runs.
fn foundations(_: &Stage, _: &Step) -> Result<Command> {
    let mut command = native_cargo();
    command.args(["test", "--lib", "--no-fail-fast"]);
    for on_real_things in ON_REAL_THINGS {
        command.args(["--package", on_real_things]);
    }
    Ok(command)
}

/// The reader, the decision and the filter, each with a million random configs and headers; and all
/// answers about the requests of 100,000 random policies, that of the naive decision among them.
fn random_inputs(_: &Stage, _: &Step) -> Result<Command> {
    let mut command = native_cargo();
    command
        .args(["test", "--release"])
        .args(["--package", "coalmine", "--test", "properties"])
        .args(["--package", "coalmine-filter", "--test", "filter"])
        .args(["--package", "coalmine-cli", "--test", "naively"])
        .args(["--", "robust::", "random", "agreement::", "naive"])
        .env("COALMINE_FUZZ", "1000000")
        .env("COALMINE_POLICIES", "100000");
    Ok(command)
}

/// The floor under `coalmine simulate`, which a debug build cannot reach.
fn simulation_speed(_: &Stage, _: &Step) -> Result<Command> {
    let mut command = native_cargo();
    command
        .args(["test", "--release", "--package", "coalmine-analysis"])
        .args(["--test", "speed"]);
    Ok(command)
}

fn documentation(_: &Stage, _: &Step) -> Result<Command> {
    let mut command = native_cargo();
    command.arg("doc").args(NATIVE).arg("--no-deps");
    command.env("RUSTDOCFLAGS", "--deny warnings");
    Ok(command)
}

fn module(_: &Stage, step: &Step) -> Result<Tally> {
    module::build(step)?;
    Ok(Tally::one(true))
}

/// The command with the module inside, which checks that it is the very module.
fn release(_: &Stage, step: &Step) -> Result<Tally> {
    dist::build(step)?;
    Ok(Tally::one(true))
}

fn licences(_: &Stage, _: &Step) -> Result<Command> {
    supply::stage()
}

fn same_module(_: &Stage, step: &Step) -> Result<Tally> {
    reproducible::check(step)?;
    Ok(Tally::one(true))
}

fn clippy_wasm(_: &Stage, step: &Step) -> Result<Command> {
    let packages = [
        "coalmine",
        "coalmine-filter",
        "coalmine-filter-decision",
        "coalmine-module",
    ];
    let mut command = setup::toolchain(step)?.cargo(&["clippy"]);
    for package in packages {
        command.args(["--package", package]);
    }
    command.args(["--", "--deny", "warnings"]);
    Ok(command)
}

fn tests_wasm(_: &Stage, step: &Step) -> Result<Command> {
    let runner = setup::bindgen_runner()?.context("wasm-bindgen-test-runner is not installed")?;
    let mut command = setup::toolchain(step)?.cargo(&["test"]);
    command
        .args(["--package", "coalmine", "--test", "wasm"])
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner)
        // Its default of 20 s is for single tests in a browser.
        .env("WASM_BINDGEN_TEST_TIMEOUT", "300");
    Ok(command)
}

fn tests_envoy(stage: &Stage, step: &Step) -> Result<Command> {
    module::build(step).context("these tests run the module")?;
    let mut command = native_cargo();
    command
        .args([
            "test",
            "--package",
            "coalmine-integration",
            "--no-fail-fast",
        ])
        .env("COALMINE_HOSTILE", "40000")
        .env("COALMINE_RESPONSES", "100000")
        .env(envoy_binary::VARIABLE, &stage.envoy);
    Ok(command)
}

fn tests_istio(stage: &Stage, step: &Step) -> Result<Command> {
    module::build(step).context("these tests run the module")?;
    let release = release::of_line(stage.istio)?;
    Programs::ensure(release, &stage.envoy, &|line| step.say(line))?;
    for left_out in release.leaves_out {
        step.note(&format!("left out on Istio {}: {left_out}", release.line));
    }
    let mut command = native_cargo();
    command
        .args([
            "test",
            "--package",
            "coalmine-istio",
            "--test",
            "mesh",
            "--no-fail-fast",
            "--",
        ])
        .args(release.leaves_out.iter().flat_map(|test| ["--skip", test]))
        .env(release::VARIABLE, stage.istio)
        .env(envoy_binary::VARIABLE, &stage.envoy);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn istio_is_tried_with_the_envoy_that_is_asked_for() {
        let check = |asked: Option<&str>, expected: &str| {
            let stages = all(&["1.40".to_owned()], asked).unwrap();
            let of_istio: Vec<&Stage> = stages
                .iter()
                .filter(|stage| !stage.istio.is_empty())
                .collect();
            assert_eq!(of_istio.len(), 1);
            assert_eq!(of_istio[0].envoy, expected);
            assert!(
                of_istio[0]
                    .title
                    .ends_with(&format!("with Envoy {expected}"))
            );
        };
        check(Some("1.37"), "1.37");
        check(Some("/opt/envoy"), "/opt/envoy");
        check(None, release::wanted().unwrap().envoy);
    }
}
