//! `cargo xtask istio`: a real Istio on this machine, without a cluster.
//!
//! | where | what |
//! |---|---|
//! | `playground` | what `up` starts: a mesh with a service of two versions, a gateway and a sidecar |
//! | `keeper` | the process that holds it until `down`, and what it tells the others |
//! | `shell` | a shell that knows where everything is |
//!
//! The tests are those of `integration/istio`.

mod keeper;
mod playground;
mod shell;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use coalmine_istio::programs::Programs;
use coalmine_istio::release::{self, Release};

use crate::envoy;
use crate::module;
use crate::setup::Need;
use crate::step::Step;
use crate::test::{self, Stage};

/// Run a real Istio here: API server, istiod, agents with Envoys; no cluster, no container
///
/// Everything is built once from Go modules at pinned versions, which takes about eight minutes on
/// two cores and needs Go; after that a mesh stands in seconds. All of it listens on this machine
/// alone, but for the agents' status ports, for which Istio knows no address.
#[derive(Args)]
pub(crate) struct Istio {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Start a mesh with a service of two versions, a gateway and a sidecar, and leave it up
    Up(Up),
    /// Run the tests on Istio; the last line is `N passed, N failed`
    Test(Test),
    /// End the mesh that `up` started
    Down(keeper::Name),
    /// Open a shell with kubectl, istioctl and coalmine for that mesh, or run a command in one
    Shell(shell::Shell),
    /// What `up` leaves in the background
    #[command(hide = true)]
    Keep(Up),
}

/// Which Istio, with which Envoy.
#[derive(Args, Clone)]
struct Choice {
    /// The Istio: 1.31, or 1.31-early [default: 1.31, or $COALMINE_ISTIO]
    #[arg(long, value_name = "LINE")]
    istio: Option<String>,
    /// Another Envoy than the one that this Istio is for: a version or the path of a binary
    #[arg(long, value_name = "VERSION")]
    envoy: Option<String>,
}

#[derive(Args)]
struct Up {
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    name: keeper::Name,
}

#[derive(Args)]
struct Test {
    #[command(flatten)]
    choice: Choice,
    /// Run them on every Istio that can be had here, each with its Envoy
    #[arg(long, conflicts_with_all = ["istio", "envoy"])]
    all: bool,
}

impl Istio {
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self.task {
            Task::Up(up) => {
                keeper::up(&up.choice, &up.name)?;
                Ok(ExitCode::SUCCESS)
            }
            Task::Test(test) => test.run(),
            Task::Down(name) => keeper::down(&name),
            Task::Shell(shell) => shell.run(),
            Task::Keep(up) => keeper::keep(&up.choice, &up.name),
        }
    }
}

impl Test {
    fn run(&self) -> Result<ExitCode> {
        let wanted = if self.all {
            let releases = release::RELEASES.iter();
            releases.map(|one| (one, one.envoy.to_owned())).collect()
        } else {
            let release = self.choice.release()?;
            vec![(release, self.choice.envoy(release))]
        };
        // Who asks for these tests alone is not served by leaving them out.
        let stage = |(release, envoy): (&'static Release, String)| Stage {
            skip: None,
            needs: &TEST_NEEDS,
            ..test::on_istio(release, &envoy)
        };
        let stages: Vec<Stage> = wanted.into_iter().map(stage).collect();
        test::run(&stages)
    }
}

impl Choice {
    fn release(&self) -> Result<&'static Release> {
        match &self.istio {
            Some(line) => release::of_line(line),
            None => release::wanted(),
        }
    }

    fn envoy(&self, release: &Release) -> String {
        self.envoy.clone().unwrap_or_else(|| release.wanted_envoy())
    }
}

/// What the tests need.
const TEST_NEEDS: [Need; 6] = [
    Need::WasmTarget,
    Need::Envoy,
    Need::Registry,
    Need::Prometheus,
    Need::Etcd,
    Need::Go,
];

/// What a mesh needs beyond its own programs.
const NEEDS: [Need; 4] = [Need::WasmTarget, Need::Etcd, Need::Registry, Need::Go];

/// Installs and builds all that a mesh is started from, the module included.
///
/// # Errors
/// Something is missing and cannot be had; the message says what to do.
fn prepare(choice: &Choice) -> Result<()> {
    let release = choice.release()?;
    let envoy = choice.envoy(release);
    let step = Step::begin("the programs of Istio");
    for need in NEEDS {
        need.ensure(&envoy, &step)?;
    }
    envoy::ensure(&envoy)?;
    Programs::ensure(release, &envoy, &|line| step.say(line))?;
    step.end("ready");
    let step = Step::begin("the module");
    module::build(&step)?;
    step.end("ready");
    Ok(())
}
