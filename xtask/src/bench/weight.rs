//! What the module weighs: its bytes, the memory it takes in Envoy, and the time a large config takes.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use coalmine_integration::client::Client;
use coalmine_integration::envoy::Launch;
use coalmine_integration::workspace;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde_json::{Value, json};

use super::bootstrap::{LISTENER, bootstrap, wasm};
use super::{policies, request};
use crate::step::Step;

/// The module's bytes.
#[derive(Serialize)]
pub(super) struct Weight {
    /// As Envoy compiles it.
    pub(super) bytes: u64,
    /// As a registry sends it.
    pub(super) gzip_bytes: u64,
}

/// So many canaries are a large config.
pub(super) const MANY_CANARIES: usize = 500;

/// What the module takes of Envoy's resident memory with a config, in KiB.
#[derive(Serialize)]
pub(super) struct Memory {
    /// For each worker: its virtual machine.
    pub(super) worker_kib: u64,
    /// Once for all: V8 itself, the compiled code, and the base virtual machine.
    pub(super) once_kib: u64,
}

/// What a config of [`MANY_CANARIES`] takes.
#[derive(Serialize)]
pub(super) struct Large {
    pub(super) memory: Memory,
    /// From Envoy's call to the module's answer, in milliseconds: the shortest of the three virtual
    /// machines that one worker's Envoy configures.
    pub(super) applied_in_ms: f64,
}

/// The module's bytes.
///
/// # Errors
/// It cannot be read.
pub(super) fn of(module: &Path) -> Result<Weight> {
    let bytes = fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&bytes)?;
    Ok(Weight {
        bytes: bytes.len() as u64,
        gzip_bytes: gzip.finish()?.len() as u64,
    })
}

/// What a large config takes.
///
/// # Errors
/// As [`memory`], or Envoy's log does not say when the module was configured.
pub(super) fn large(envoy: &Path) -> Result<Large> {
    let config = policies::many_canaries(MANY_CANARIES);
    let memory = memory(envoy, &config)?;
    let step = Step::begin("timing a large config");
    let filter = wasm(&workspace::module_path(), &config);
    let log = Launch::new(envoy)
        .config_text(with_times(&bootstrap(Some(filter), Vec::new()))?)
        .concurrency(1)
        // Each call to the module is logged, and its return.
        .log_level("trace")
        .start()?
        .log();
    let times = times_of_configuring(&log);
    let shortest = times.into_iter().min().context("no call in Envoy's log")?;
    step.end("done");
    Ok(Large {
        memory,
        applied_in_ms: shortest as f64 / 1e6,
    })
}

/// The bootstrap of an Envoy whose log lines begin with nanoseconds.
fn with_times(bootstrap: &str) -> Result<String> {
    let mut bootstrap: Value = serde_json::from_str(bootstrap)?;
    bootstrap["application_log_config"] = json!({"log_format": {"text_format": "%E%F %v"}});
    Ok(bootstrap.to_string())
}

/// How many nanoseconds passed in each call that configures.
fn times_of_configuring(log: &str) -> Vec<u64> {
    let mut begun = None;
    let mut times = Vec::new();
    for line in log.lines() {
        let Some((time, what)) = line.split_once(' ') else {
            continue;
        };
        let time = time.parse::<u64>().ok();
        if what.starts_with("[host->vm] proxy_on_configure(") {
            begun = time;
        } else if what.starts_with("[host<-vm] proxy_on_configure ")
            && let (Some(begun), Some(ended)) = (begun.take(), time)
        {
            times.push(ended.saturating_sub(begun));
        }
    }
    times
}

/// The module's memory: Envoys with few and many workers, with and without the filter.
///
/// # Errors
/// An Envoy does not start, or the system does not say what memory it has.
pub(super) fn memory(envoy: &Path, config: &str) -> Result<Memory> {
    const FEW: u32 = 1;
    const MANY: u32 = 17;
    let step = Step::begin("measuring memory");
    let filter = wasm(&workspace::module_path(), config);
    let (without, with) = (
        bootstrap(None, Vec::new()),
        bootstrap(Some(filter), Vec::new()),
    );
    let filter = |workers| -> Result<u64> {
        let with = resident_kib(envoy, &with, workers)?;
        Ok(with.saturating_sub(resident_kib(envoy, &without, workers)?))
    };
    let (few, many) = (filter(FEW)?, filter(MANY)?);
    let worker_kib = many.saturating_sub(few) / u64::from(MANY - FEW);
    step.end("done");
    Ok(Memory {
        worker_kib,
        once_kib: few.saturating_sub(worker_kib * u64::from(FEW)),
    })
}

/// The resident memory of an Envoy that has answered requests.
fn resident_kib(envoy: &Path, bootstrap: &str, workers: u32) -> Result<u64> {
    let envoy = Launch::new(envoy)
        .config_text(bootstrap)
        .concurrency(workers)
        .start()?;
    let client = Client::new(envoy.admin().listener(LISTENER)?);
    for number in 0..200 {
        let answer = client.send(&request::of(&request::user(number)))?;
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
    }
    let path = format!("/proc/{}/status", envoy.pid());
    let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    envoy.stop()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .with_context(|| format!("{path} has no VmRSS"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_timed_by_their_lines() {
        let check = |log: &str, expected: &[u64]| assert_eq!(times_of_configuring(log), expected);
        check("", &[]);
        check(
            "100 [host->vm] proxy_on_configure(1, 9)\n\
             120 wasm log: 500 canaries are in force\n\
             150 [host<-vm] proxy_on_configure return: 1\n\
             160 [host<-vm] proxy_on_configure return: 1\n\
             200 [host->vm] proxy_on_configure(1, 9)\n\
             [warn] x\n\
             270 [host<-vm] proxy_on_configure return: 1\n\
             300 [host->vm] proxy_on_configure(1, 9)\n",
            &[50, 70],
        );
    }
}
