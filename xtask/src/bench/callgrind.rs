//! One scenario on one Envoy under callgrind: instructions per request.
//!
//! The number is what the whole process executes, on all its threads, between two commands to
//! callgrind, divided by the number of requests between them. It repeats to one or two parts in a
//! thousand whatever else the machine does, which no clock does on a small shared machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use coalmine_integration::client::{Client, Request, Response};
use coalmine_integration::envoy::{Envoy, Launch};

use super::bootstrap::LISTENER;
use super::request;
use super::scenarios::{Scenario, User};

/// Requests before the count begins: V8 and LuaJIT have compiled by then.
const WARM_UP: usize = 200;

/// Requests that are counted.
pub(super) const COUNTED: usize = 400;

/// Among so many users there is one for each variant: at 5 % all but certainly, and the hash is
/// the same in every run.
const CANDIDATES: usize = 300;

/// What a bootstrap with a module has in it, and Envoy's gauge of virtual machines.
const MODULES: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";
const MACHINES: &str = "wasm.envoy.wasm.runtime.v8.active";

/// Envoy with V8 takes about 8 s to start under callgrind on a quiet machine.
const READY_WITHIN: Duration = Duration::from_secs(180);

/// Measures one scenario; with `profile`, callgrind writes its profile there.
///
/// # Errors
/// Envoy does not start or does not end well, callgrind does not answer, or an answer is not what
/// the scenario expects: then whatever was to be measured was not at work.
pub(super) fn measure(envoy: &Path, scenario: &Scenario, profile: Option<&Path>) -> Result<u64> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("callgrind.log");
    let envoy = Launch::new(envoy)
        .config_text(scenario.bootstrap.as_str())
        .concurrency(1)
        .log_level("warning")
        .ready_within(READY_WITHIN)
        .under(command_line(&log, profile))
        .start()?;
    let client = Client::new(envoy.admin().listener(LISTENER)?);
    // A filter that costs nothing must be there all the same.
    let machines = envoy.admin().stats()?.get(MACHINES).copied();
    ensure!(
        !scenario.bootstrap.contains(MODULES) || machines.is_some_and(|machines| machines > 0),
        "there is no virtual machine: {machines:?}"
    );

    let request = chosen(scenario, &client)?;
    let send = |count| {
        send(
            &client,
            &with_pins(&request, scenario, count),
            scenario.expected,
        )
    };
    send(WARM_UP)?;
    instrumentation(&envoy, "on")?;
    let sent = send(COUNTED);
    instrumentation(&envoy, "off")?;
    sent?;

    let problems = envoy.problems();
    ensure!(problems.is_empty(), "Envoy complains: {problems:#?}");
    envoy.stop()?;
    let log = fs::read_to_string(&log).context("callgrind left no log")?;
    let collected = collected(&log)
        .with_context(|| format!("callgrind does not say what it collected:\n{log}"))?;
    ensure!(collected > 0, "callgrind collected nothing");
    Ok(collected / COUNTED as u64)
}

fn command_line(log: &Path, profile: Option<&Path>) -> Vec<std::ffi::OsString> {
    let mut out = std::ffi::OsString::from("--callgrind-out-file=");
    out.push(profile.unwrap_or(&PathBuf::from("/dev/null")));
    let mut log_file = std::ffi::OsString::from("--log-file=");
    log_file.push(log);
    let mut words: Vec<std::ffi::OsString> = [
        "valgrind",
        "--tool=callgrind",
        // V8 and LuaJIT write code at run time.
        "--smc-check=all-non-file",
        "--instr-atstart=no",
    ]
    .map(Into::into)
    .into();
    words.extend([out, log_file]);
    words
}

/// The request that is measured: that of [`chosen_user`].
fn chosen(scenario: &Scenario, client: &Client) -> Result<Request> {
    Ok(asking(scenario, &chosen_user(scenario, client)?))
}

/// The request of a user in a scenario.
fn asking(scenario: &Scenario, user: &str) -> Request {
    let lines = scenario.baggage.into_iter();
    lines.fold(request::of(user), |request, line| {
        request.header("baggage", line)
    })
}

/// The first user who gets what the scenario expects.
///
/// Where the filter under test decides by user, it must first have given both answers.
///
/// # Errors
/// It has not, or nobody gets that.
pub(super) fn chosen_user(scenario: &Scenario, client: &Client) -> Result<String> {
    let of = |user: &str| asking(scenario, user);
    for (user, expected) in &scenario.probes {
        send(client, &[of(user)], expected).with_context(|| format!("asking as {user}"))?;
    }
    if scenario.user == User::Ordinary {
        return Ok(request::user(0));
    }
    let users: Vec<String> = (0..CANDIDATES).map(request::user).collect();
    let requests = users.iter().map(|user| of(user)).collect();
    let answers: Vec<String> = client
        .send_all(requests, 1)?
        .iter()
        .map(Response::text)
        .collect();
    for variant in ["stable", "canary"] {
        if !answers.iter().any(|answer| answer == variant) {
            bail!("none of {CANDIDATES} users got {variant:?}: the filter does not decide");
        }
    }
    let mut all = users.into_iter().zip(&answers);
    let found = all.find(|(_, answer)| *answer == scenario.expected);
    let (user, _) = found.with_context(|| format!("nobody got {:?}", scenario.expected))?;
    Ok(user)
}

/// One request so many times, each with the next pin of the scenario.
fn with_pins(request: &Request, scenario: &Scenario, count: usize) -> Vec<Request> {
    if scenario.pins.is_empty() {
        return vec![request.clone(); count];
    }
    let pins = scenario.pins.iter().cycle().take(count);
    pins.map(|pin| request.clone().header(request::PIN, pin.as_str()))
        .collect()
}

/// Sends requests over one connection, and checks every answer.
fn send(client: &Client, requests: &[Request], expected: &str) -> Result<()> {
    for answer in client.send_all(requests.to_vec(), 1)? {
        let (status, body) = (answer.status, answer.text());
        ensure!(
            status == 200 && body == expected,
            "the answer is {status} {body:?} instead of {expected:?}: what was to be measured is \
             not at work"
        );
    }
    Ok(())
}

fn instrumentation(envoy: &Envoy, state: &str) -> Result<()> {
    // What callgrind_control does, which finds its process by a list of all of them.
    let output = Command::new("vgdb")
        .args([&format!("--pid={}", envoy.pid()), "instrumentation", state])
        .output()
        .context("cannot start vgdb, which comes with valgrind")?;
    ensure!(
        output.status.success(),
        "callgrind does not take commands: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// The number in callgrind's line `==123== Collected : 38148000`.
fn collected(log: &str) -> Option<u64> {
    let line = log.lines().find(|line| line.contains("Collected :"))?;
    line.rsplit(':').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_read_from_callgrinds_log() {
        let check = |log: &str, expected| assert_eq!(collected(log), expected, "{log}");
        check(
            "==7== Events    : Ir\n==7== Collected : 38148000\n==7== \n",
            Some(38_148_000),
        );
        check("==7== Collected :\n", None);
        check("==7== For interactive control\n", None);
    }
}
