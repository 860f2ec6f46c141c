//! The process that holds a mesh from `up` to `down`.
//!
//! It writes what others need to know to a file once everything stands. Everything that it started
//! ends with it, however it ends; it ends by itself after some hours.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use coalmine_integration::{command, workspace};
use coalmine_istio::programs::Programs;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde::{Deserialize, Serialize};

use super::playground::Playground;
use super::{Choice, prepare};
use crate::step::{Step, tail};

/// How long a mesh stays up that nobody ends.
const STAYS_UP: Duration = Duration::from_secs(8 * 60 * 60);

const READY_WITHIN: Duration = Duration::from_secs(180);
const GONE_WITHIN: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What is to be known of a mesh that is up.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    /// The keeper.
    pub(super) pid: i32,
    pub(super) kubeconfig: PathBuf,
    /// Folders with `kubectl` and `istioctl`.
    pub(super) programs: Vec<PathBuf>,
    /// Where all logs are.
    pub(super) logs: PathBuf,
    /// What a shell is told: variables with their values and what they are.
    pub(super) variables: Vec<(String, String, String)>,
}

/// Starts a keeper unless one is there, and says how to go on.
pub(super) fn up(choice: &Choice) -> Result<()> {
    if let Some(state) = state()? {
        println!("A mesh is up already.\n");
        return say(&state);
    }
    // Here, where it is seen what takes its time; the keeper finds everything done.
    prepare(choice)?;
    command::coalmine()?;
    let step = Step::begin("starting the mesh");
    fs::create_dir_all(folder())?;
    let log = folder().join("keeper.log");
    let output = File::create(&log)?;
    let mut keeper = Command::new(std::env::current_exe()?);
    keeper.args(["istio", "keep"]);
    for (option, value) in [("--istio", &choice.istio), ("--envoy", &choice.envoy)] {
        keeper.args(value.iter().flat_map(|value| [option, value]));
    }
    let mut child = keeper
        .stdin(Stdio::piped())
        .stdout(output.try_clone()?)
        .stderr(output)
        // Ctrl-C is for this process alone.
        .process_group(0)
        .spawn()
        .context("cannot start the keeper")?;
    let begun = Instant::now();
    loop {
        let said = fs::read_to_string(&log).unwrap_or_default();
        if let Some(status) = child.try_wait()? {
            bail!("the mesh did not start ({status}):\n{}", tail(&said, 30));
        }
        if let Some(state) = state()? {
            let mut orders = child.stdin.take().context("the keeper's standard input")?;
            orders.write_all(STAY)?;
            step.end("ready");
            return say(&state);
        }
        step.say(said.lines().last().unwrap_or_default());
        if begun.elapsed() > READY_WITHIN {
            child.kill()?;
            bail!(
                "the mesh was not ready within {READY_WITHIN:?}:\n{}",
                tail(&said, 30)
            );
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// What tells the keeper that it may go on without us.
const STAY: &[u8] = b"stay\n";

/// Ends this process when the one that started it is gone before it has said [`STAY`].
fn heed_orders() {
    std::thread::spawn(|| {
        let mut orders = Vec::new();
        let _ = std::io::stdin().read_to_end(&mut orders);
        if orders != STAY {
            std::process::exit(1);
        }
    });
}

/// What the keeper does: it starts everything, says so, and waits.
pub(super) fn keep(choice: &Choice) -> Result<ExitCode> {
    heed_orders();
    let release = choice.release()?;
    let say = |line: &str| eprintln!("{line}");
    let programs = Programs::ensure(release, &choice.envoy(release), &say)?;
    let playground = Playground::start(programs, &say)?;
    let pid = i32::try_from(std::process::id())?;
    let text = serde_json::to_vec_pretty(&playground.state(pid))?;
    coalmine_integration::swap::replace(&path(), text)?;
    std::thread::sleep(STAYS_UP);
    fs::remove_file(path())?;
    drop(playground);
    Ok(ExitCode::SUCCESS)
}

/// Ends the keeper, and waits until it is gone.
pub(super) fn down() -> Result<ExitCode> {
    let Some(state) = state()? else {
        println!("no mesh is up");
        return Ok(ExitCode::SUCCESS);
    };
    let pid = Pid::from_raw(state.pid).context("the keeper's process id is none")?;
    kill_process(pid, Signal::TERM).context("cannot end the keeper")?;
    let begun = Instant::now();
    while is_keeper(state.pid) {
        if begun.elapsed() > GONE_WITHIN {
            bail!("process {} does not end: kill -9 {}", state.pid, state.pid);
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    fs::remove_file(path())?;
    println!("the mesh is down; its logs are in {}", state.logs.display());
    Ok(ExitCode::SUCCESS)
}

/// The mesh that is up, if one is.
pub(super) fn state() -> Result<Option<State>> {
    let Ok(text) = fs::read(path()) else {
        return Ok(None);
    };
    let state: State = serde_json::from_slice(&text)
        .with_context(|| format!("{} is damaged: remove it", path().display()))?;
    Ok(is_keeper(state.pid).then_some(state))
}

/// Whether the process is there and one of ours: numbers of processes come again.
fn is_keeper(pid: i32) -> bool {
    let alive = Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid).is_ok());
    let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    alive && command.contains("istio\0keep")
}

fn say(state: &State) -> Result<()> {
    let width = state.variables.iter().map(|(name, ..)| name.len()).max();
    let width = width.unwrap_or_default();
    for (name, value, meaning) in &state.variables {
        println!("{name:width$}  {value}\n{:width$}  {meaning}", "");
    }
    println!(
        "\ncargo xtask istio shell   a shell with these, kubectl, istioctl and coalmine\n\
         cargo xtask istio down    ends it; logs are in {}",
        state.logs.display()
    );
    Ok(())
}

fn folder() -> PathBuf {
    workspace::target_dir().join("istio")
}

fn path() -> PathBuf {
    folder().join("up.json")
}
