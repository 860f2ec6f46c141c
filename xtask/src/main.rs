//! `cargo xtask`: set-up, the WebAssembly module, and the tests of this workspace.
//!
//! Each command is a module with a `clap` struct and its `run`; a new one is a line in [`Task`]
//! and a line in [`main`].

#![forbid(unsafe_code)]

mod bench;
mod demo;
mod dist;
mod envoy;
mod fuzz;
mod golden;
mod istio;
mod module;
mod reproducible;
mod setup;
mod soak;
mod step;
mod supply;
mod test;
mod toolchain;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The commands of the Coalmine workspace.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    Setup(setup::Setup),
    Demo(demo::Demo),
    Dist(dist::Dist),
    Module(module::Module),
    Envoy(envoy::Envoy),
    Fuzz(fuzz::Fuzz),
    Golden(golden::Golden),
    Istio(istio::Istio),
    Audit(supply::Audit),
    Sbom(supply::Sbom),
    Reproducible(reproducible::Reproducible),
    Test(test::Test),
    Bench(bench::Bench),
    Load(bench::Load),
    Soak(soak::Soak),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Setup(task) => task.run(),
        Task::Demo(task) => task.run(),
        Task::Dist(task) => task.run(),
        Task::Module(task) => task.run(),
        Task::Envoy(task) => task.run(),
        Task::Fuzz(task) => task.run(),
        Task::Golden(task) => task.run(),
        Task::Istio(task) => task.run(),
        Task::Audit(task) => task.run(),
        Task::Sbom(task) => task.run(),
        Task::Reproducible(task) => task.run(),
        Task::Test(task) => task.run(),
        Task::Bench(task) => task.run(),
        Task::Load(task) => task.run(),
        Task::Soak(task) => task.run(),
    };
    outcome.unwrap_or_else(|problem| {
        eprintln!("error: {problem:#}");
        ExitCode::FAILURE
    })
}
