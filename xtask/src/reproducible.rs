//! `cargo xtask reproducible`: the module is built a second time, from a copy of the sources in another
//! folder and with crates in another, and must be the same.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::Args;
use coalmine_integration::workspace;
use tempfile::TempDir;

use crate::module;
use crate::setup;
use crate::step::Step;
use crate::toolchain::{self, TARGET, cargo_home};

/// Build the module again from a copy elsewhere, and compare
#[derive(Args)]
pub(crate) struct Reproducible {}

impl Reproducible {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let step = Step::begin("building the module twice");
        let bytes = check(&step)?;
        step.end("done");
        println!("the same {bytes} bytes, as the linker left them");
        Ok(ExitCode::SUCCESS)
    }
}

/// Builds the module here and elsewhere, and gives its length before it is shrunk, which is the same
/// function of the same bytes.
///
/// # Errors
/// A build fails, or the modules differ.
pub(crate) fn check(step: &Step) -> Result<usize> {
    module::build(step)?;
    let here = linked(&toolchain::target_dir())?;
    let elsewhere = TempDir::new()?;
    let (root, home) = (
        elsewhere.path().join("sources"),
        elsewhere.path().join("crates"),
    );
    copy_sources(&root)?;
    lend_crates(&home)?;
    let target_dir = elsewhere.path().join("target");
    let mut cargo = setup::toolchain(step)?.cargo_in(
        &toolchain::Place {
            root: &root,
            target_dir: &target_dir,
            cargo_home: &home,
        },
        &["build", "--package", "coalmine-module"],
    );
    cargo.args(["--profile", "wasm"]);
    step.run(&mut cargo)?.required()?;
    if linked(&target_dir)? != here {
        bail!("a copy of the sources makes another module: something of a path is in it");
    }
    Ok(here.len())
}

fn linked(target_dir: &Path) -> Result<Vec<u8>> {
    let profile = target_dir.join(TARGET).join("wasm");
    fs::read(profile.join("coalmine_module.wasm")).context("cargo built no module")
}

/// Everything that is or could be committed.
fn copy_sources(to: &Path) -> Result<()> {
    let mut git = Command::new("git");
    git.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let listed = git.current_dir(workspace::root()).output()?;
    if !listed.status.success() {
        bail!("git does not say which files there are");
    }
    let files = String::from_utf8(listed.stdout)?;
    for file in files.split_terminator('\0').map(PathBuf::from) {
        let from = workspace::root().join(&file);
        // One that is deleted and not yet committed is still listed.
        if from.is_file() {
            let to = to.join(&file);
            fs::create_dir_all(to.parent().unwrap_or(&to))?;
            fs::copy(from, to)?;
        }
    }
    Ok(())
}

/// The crates that cargo has already, by another name, and the settings that it found them by.
fn lend_crates(home: &Path) -> Result<()> {
    fs::create_dir_all(home)?;
    for name in ["registry", "config.toml"] {
        let known = cargo_home().join(name);
        if known.exists() {
            symlink(known, home.join(name))?;
        }
    }
    Ok(())
}
