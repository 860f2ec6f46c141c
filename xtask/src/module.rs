//! `cargo xtask module`: builds the WebAssembly module that Envoy loads.

mod shrink;
mod sizes;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use coalmine_integration::workspace;

use crate::setup;
use crate::step::Step;

/// Build the WebAssembly module and write it, checked and shrunk, to target/coalmine.wasm
#[derive(Args)]
pub(crate) struct Module {
    /// Build it once more with names, and print how many bytes are whose
    #[arg(long)]
    sizes: bool,
}

/// What cargo is asked for.
const BUILD: [&str; 5] = ["build", "--package", "coalmine-module", "--profile", "wasm"];

/// The sizes of a module, in bytes.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    /// As the linker left it.
    pub(crate) linked: usize,
    /// As it is shipped.
    pub(crate) shipped: usize,
}

impl Module {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let step = Step::begin("building the module");
        let Sizes { linked, shipped } = build(&step)?;
        step.end("done");
        if self.sizes {
            let step = Step::begin("building it with names");
            let table = sizes::table(&step)?;
            step.end("done");
            println!("\n{table}");
        }
        let path = workspace::module_path();
        println!(
            "{}: {shipped} bytes ({linked} before unused exports were removed)",
            path.strip_prefix(workspace::root())
                .unwrap_or(&path)
                .display(),
        );
        Ok(ExitCode::SUCCESS)
    }
}

/// Builds the module to [`workspace::module_path`], with whichever toolchain is there or can be
/// installed. The file is replaced at once, and only when its bytes change.
///
/// # Errors
/// No toolchain, code that does not compile, or a module that Envoy would refuse.
pub(crate) fn build(step: &Step) -> Result<Sizes> {
    let toolchain = setup::toolchain(step)?;
    step.run(&mut toolchain.cargo(&BUILD))?.required()?;
    let linked = fs::read(workspace::linked_module_path()).context("cargo built no module")?;
    let shipped = shrink::shrink(&linked, false)?;
    replace(&workspace::module_path(), &shipped)?;
    Ok(Sizes {
        linked: linked.len(),
        shipped: shipped.len(),
    })
}

fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    let new = path.with_extension("wasm.new");
    let written = fs::write(&new, bytes).and_then(|()| fs::rename(&new, path));
    if let Err(error) = written {
        bail!("cannot write {}: {error}", path.display());
    }
    Ok(())
}
