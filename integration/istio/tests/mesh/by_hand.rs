//! `cargo xtask istio up`, `shell` and `down`, as people run them: what comes up, and that nothing of it is
//! left, however it is ended.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::ensure;
use coalmine_integration::service::eventually;
use coalmine_integration::{command, workspace};
use coalmine_istio::processes::Process;
use coalmine_istio::release;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// No other mesh has it, so one that somebody has up stays as it is.
const NAME: &str = "test";

/// Each service that is ended is guarded by a shell, which ends it within milliseconds.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// Ends the mesh where an assertion has not held.
struct Ended;

impl Drop for Ended {
    fn drop(&mut self) {
        xtask("down", &[]);
    }
}

fn xtask(task: &str, more: &[&str]) -> Output {
    let release = release::wanted().unwrap();
    Command::new(command::xtask().unwrap())
        .args(["istio", task, "--name", NAME])
        .args(more)
        .current_dir(workspace::root())
        .env(release::VARIABLE, release.line)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The exit code and standard output; what goes wrong is told with all of it.
fn run(task: &str, more: &[&str], code: i32) -> String {
    let output = xtask(task, more);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{task} {more:?}: {output:?}"
    );
    String::from_utf8(output.stdout).unwrap()
}

fn file() -> PathBuf {
    let folder = workspace::target_dir().join("istio");
    folder.join(format!("up-{NAME}.json"))
}

/// The keeper and all that it has started, as it has written them down.
fn processes() -> (Process, Vec<Process>) {
    let state: Value = serde_json::from_slice(&fs::read(file()).unwrap()).unwrap();
    let keeper = serde_json::from_value(state["keeper"].clone()).unwrap();
    let started: Vec<Process> = serde_json::from_value(state["started"].clone()).unwrap();
    for program in [
        "etcd",
        "kube-apiserver",
        "pilot-discovery",
        "pilot-agent",
        "envoy",
        "docker-registry",
    ] {
        let mut programs = started.iter().filter(|one| one.is_there());
        assert!(
            programs.any(|one| program.starts_with(&one.name)),
            "{program}: {started:#?}"
        );
    }
    (keeper, started)
}

fn are_gone(started: &[Process]) {
    eventually("the end of all processes", GONE_WITHIN, || {
        let left: Vec<&Process> = started.iter().filter(|one| one.is_there()).collect();
        ensure!(left.is_empty(), "{left:#?}");
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_mesh_comes_up_and_nothing_of_it_is_left() {
    // One of a run that was killed.
    run("down", &[], 0);
    run("shell", &["--", "kubectl", "get", "ns"], 1);
    let _ended = Ended;

    let said = run("up", &[], 0);
    assert!(said.contains("KUBECONFIG   /"), "{said}");
    assert!(
        said.contains(&format!("cargo xtask istio shell --name {NAME} ")),
        "{said}"
    );
    let (keeper, first) = processes();
    let again = run("up", &[], 0);
    assert!(again.starts_with("A mesh is up already."), "{again}");
    let namespaces = run(
        "shell",
        &["--", "kubectl", "get", "namespaces", "-o", "name"],
        0,
    );
    assert!(namespaces.contains("namespace/bookinfo\n"), "{namespaces}");
    let variables = run("shell", &["--", "sh", "-c", "echo $SIDECAR; exit 7"], 7);
    assert!(variables.starts_with("127.0.0.1:"), "{variables}");

    // As the system ends it where memory is short.
    let pid = Pid::from_raw(keeper.pid).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    are_gone(&first);
    let said = run("down", &[], 0);
    assert!(
        said.starts_with("no mesh is up: its keeper was gone"),
        "{said}"
    );
    assert!(!file().exists());

    run("up", &[], 0);
    let (keeper, second) = processes();
    let said = run("down", &[], 0);
    assert!(said.starts_with("the mesh is down; "), "{said}");
    // It has waited for them.
    let left: Vec<&Process> = second
        .iter()
        .chain([&keeper])
        .filter(|one| one.is_there())
        .collect();
    assert_eq!(left, Vec::<&Process>::new());
    assert_eq!(run("down", &[], 0), "no mesh is up\n");
}
