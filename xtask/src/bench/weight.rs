//! What the module weighs: its bytes, and the memory it takes in Envoy.

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

/// What the module takes of Envoy's resident memory with the real policy, in KiB.
#[derive(Serialize)]
pub(super) struct Memory {
    /// For each worker: its virtual machine.
    pub(super) worker_kib: u64,
    /// Once for all: V8 itself, the compiled code, and the base virtual machine.
    pub(super) once_kib: u64,
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

/// The module's memory: Envoys with few and many workers, with and without the filter.
///
/// # Errors
/// An Envoy does not start, or the system does not say what memory it has.
pub(super) fn memory(envoy: &Path) -> Result<Memory> {
    const FEW: u32 = 1;
    const MANY: u32 = 17;
    let step = Step::begin("measuring memory");
    let filter = wasm(&workspace::module_path(), &policies::real(request::HOST));
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
