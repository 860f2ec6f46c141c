//! `cargo xtask dist`: what is handed to people, in `target/dist/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::Args;
use coalmine_integration::workspace;

use crate::module;
use crate::step::Step;
use crate::supply;
use crate::toolchain::native_cargo;

/// Shells that the command has completions for.
const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

/// Build the command with the module inside to target/dist/, with completions, manual pages and bills
/// of materials
///
/// Some 15 minutes on two cores the first time: most of it is the command, optimised as a whole.
#[derive(Args)]
pub(crate) struct Dist {}

impl Dist {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let step = Step::begin("building the module");
        let sizes = module::build(&step)?;
        step.end(&format!("{} KiB", sizes.shipped.div_ceil(1024)));
        let step = Step::begin("building the command");
        step.note("the first time this takes some 15 minutes on two cores");
        let built = build_command(&step)?;
        step.end("done");
        let step = Step::begin("writing what lies beside it");
        let folder = assemble(&step, &built)?;
        step.end("done");
        let command = folder.join("coalmine");
        let size = fs::metadata(&command)?.len();
        let shown = command.strip_prefix(workspace::root()).unwrap_or(&command);
        println!("{}: {size} bytes, and in it", shown.display());
        print!("{}", output(&command, &["module", "inspect"])?);
        Ok(ExitCode::SUCCESS)
    }
}

/// Builds the module and the release of the command that carries it, and gives their folder.
///
/// # Errors
/// Something does not compile, or what the command carries is not the module.
pub(crate) fn build(step: &Step) -> Result<PathBuf> {
    module::build(step)?;
    let built = build_command(step)?;
    assemble(step, &built)
}

/// Builds the release of the command around the module that there is, and gives the path of it.
fn build_command(step: &Step) -> Result<PathBuf> {
    let mut cargo = native_cargo();
    cargo
        .args(["build", "--release", "--package", "coalmine-cli"])
        .args(["--bin", "coalmine", "--target-dir"])
        .arg(workspace::target_dir())
        .env("COALMINE_MODULE", workspace::module_path());
    step.run(&mut cargo)?.required()?;
    Ok(workspace::target_dir().join("release/coalmine"))
}

/// Puts the command that was built into `target/dist/`, with everything beside it.
fn assemble(step: &Step, built: &Path) -> Result<PathBuf> {
    let module = workspace::module_path();
    let folder = workspace::target_dir().join("dist");
    if folder.exists() {
        // What an earlier version put there is not of this one.
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(folder.join("completions"))?;
    let command = folder.join("coalmine");
    fs::copy(built, &command).context("cargo built no command")?;
    let carried = folder.join("coalmine.wasm");
    run(step, &command, &["module", "extract", "-o"], &carried)?;
    if fs::read(&carried)? != fs::read(&module)? {
        bail!("the command does not carry {}", module.display());
    }
    for shell in SHELLS {
        let script = output(&command, &["completions", shell])?;
        fs::write(folder.join("completions").join(shell), script)?;
    }
    run(step, &command, &["man", "-o"], &folder.join("man1"))?;
    supply::write_boms(&folder)?;
    Ok(folder)
}

fn run(step: &Step, command: &Path, arguments: &[&str], last: &Path) -> Result<()> {
    step.run(Command::new(command).args(arguments).arg(last))?
        .required()
        .map(drop)
}

fn output(command: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(command).args(arguments).output()?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("`coalmine {}` failed:\n{complaint}", arguments.join(" "));
    }
    Ok(String::from_utf8(output.stdout)?)
}
