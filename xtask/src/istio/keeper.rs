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
use clap::Args;
use coalmine_integration::{command, workspace};
use coalmine_istio::processes::{self, Process};
use coalmine_istio::programs::Programs;
use rustix::process::{Pid, Signal, kill_process};
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
    pub(super) keeper: Process,
    /// All that it has started, which ends with it.
    pub(super) started: Vec<Process>,
    pub(super) kubeconfig: PathBuf,
    /// Folders with `kubectl` and `istioctl`.
    pub(super) programs: Vec<PathBuf>,
    /// Where all logs are.
    pub(super) logs: PathBuf,
    /// What a shell is told: variables with their values and what they are.
    pub(super) variables: Vec<(String, String, String)>,
}

/// Which of several meshes.
#[derive(Args, Clone)]
pub(super) struct Name {
    /// Another mesh beside the one that has no name
    #[arg(long, value_name = "NAME", value_parser = plain)]
    name: Option<String>,
}

/// Names become parts of paths.
fn plain(name: &str) -> Result<String, &'static str> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    match !name.is_empty() && name.bytes().all(fits) {
        true => Ok(name.to_owned()),
        false => Err("a name has small letters, digits and dashes"),
    }
}

/// Starts a keeper unless one is there, and says how to go on.
pub(super) fn up(choice: &Choice, name: &Name) -> Result<()> {
    if let Some(state) = name.read()? {
        if state.keeper.is_there() {
            println!("A mesh is up already.\n");
            name.say(&state);
            return Ok(());
        }
        // Somebody ended the keeper: what it had started is on its way.
        name.wait_for_its_end(&state)?;
    }
    // Here, where it is seen what takes its time; the keeper finds everything done.
    prepare(choice)?;
    command::coalmine()?;
    let step = Step::begin("starting the mesh");
    fs::create_dir_all(folder())?;
    let log = folder().join(format!("{}-keeper.log", name.mesh()));
    let output = File::create(&log)?;
    let mut keeper = Command::new(std::env::current_exe()?);
    keeper.args(["istio", "keep"]);
    for (option, value) in [("--istio", &choice.istio), ("--envoy", &choice.envoy)] {
        keeper.args(value.iter().flat_map(|value| [option, value]));
    }
    keeper.args(name.name.iter().flat_map(|name| ["--name", name]));
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
        if let Some(state) = name.state()? {
            let mut orders = child.stdin.take().context("the keeper's standard input")?;
            orders.write_all(STAY)?;
            step.end("ready");
            name.say(&state);
            return Ok(());
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
pub(super) fn keep(choice: &Choice, name: &Name) -> Result<ExitCode> {
    heed_orders();
    let release = choice.release()?;
    let say = |line: &str| eprintln!("{line}");
    let programs = Programs::ensure(release, &choice.envoy(release), &say)?;
    // One beside another keeps off its port.
    let playground = Playground::start(programs, &name.mesh(), name.name.is_none(), &say)?;
    let pid = i32::try_from(std::process::id())?;
    let keeper = Process::of(pid).context("this process is not in /proc")?;
    let state = playground.state(keeper, processes::started_by(pid));
    let text = serde_json::to_vec_pretty(&state)?;
    coalmine_integration::swap::replace(&name.path(), text)?;
    std::thread::sleep(STAYS_UP);
    fs::remove_file(name.path())?;
    drop(playground);
    Ok(ExitCode::SUCCESS)
}

/// Ends the keeper, and waits until it and all that it has started are gone.
pub(super) fn down(name: &Name) -> Result<ExitCode> {
    let Some(state) = name.read()? else {
        println!("no mesh is up");
        return Ok(ExitCode::SUCCESS);
    };
    let was_up = state.keeper.is_there();
    if was_up {
        let pid = Pid::from_raw(state.keeper.pid).context("the keeper's process id is none")?;
        kill_process(pid, Signal::TERM).context("cannot end the keeper")?;
    }
    name.wait_for_its_end(&state)?;
    let logs = state.logs.display();
    match was_up {
        true => println!("the mesh is down; its logs are in {logs}"),
        false => println!("no mesh is up: its keeper was gone already; its logs are in {logs}"),
    }
    Ok(ExitCode::SUCCESS)
}

// === impl Name ===

impl Name {
    /// What the mesh is called among the others of this workspace.
    fn mesh(&self) -> String {
        match &self.name {
            Some(name) => format!("up-{name}"),
            None => "up".to_owned(),
        }
    }

    fn path(&self) -> PathBuf {
        folder().join(format!("{}.json", self.mesh()))
    }

    /// What its keeper has written, which may be gone since.
    fn read(&self) -> Result<Option<State>> {
        let Ok(text) = fs::read(self.path()) else {
            return Ok(None);
        };
        let state = serde_json::from_slice(&text)
            .with_context(|| format!("{} is damaged: remove it", self.path().display()))?;
        Ok(Some(state))
    }

    /// The mesh, if it is up.
    pub(super) fn state(&self) -> Result<Option<State>> {
        let state = self.read()?;
        Ok(state.filter(|state| state.keeper.is_there()))
    }

    /// Waits until nothing of it runs any more, and forgets it.
    fn wait_for_its_end(&self, state: &State) -> Result<()> {
        let begun = Instant::now();
        loop {
            let all = state.started.iter().chain([&state.keeper]);
            let left = all.filter(|process| process.is_there());
            let left: Vec<String> = left.map(|process| process.pid.to_string()).collect();
            if left.is_empty() {
                return Ok(fs::remove_file(self.path())?);
            }
            if begun.elapsed() > GONE_WITHIN {
                let left = left.join(" ");
                bail!("processes of the mesh do not end: kill -9 {left}");
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// The command with the name, for people.
    pub(super) fn command(&self, task: &str) -> String {
        let name = self.name.as_ref();
        let name = name.map(|name| format!(" --name {name}"));
        format!("cargo xtask istio {task}{}", name.unwrap_or_default())
    }

    fn say(&self, state: &State) {
        let width = state.variables.iter().map(|(name, ..)| name.len()).max();
        let width = width.unwrap_or_default();
        for (name, value, meaning) in &state.variables {
            println!("{name:width$}  {value}\n{:width$}  {meaning}", "");
        }
        println!(
            "\n{}   a shell with these, kubectl, istioctl and coalmine\n\
             {}    ends it; logs are in {}",
            self.command("shell"),
            self.command("down"),
            state.logs.display()
        );
    }
}

fn folder() -> PathBuf {
    workspace::target_dir().join("istio")
}
