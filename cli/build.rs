//! Embeds the module that `COALMINE_MODULE` names: the command then carries it.

use std::path::{Path, PathBuf};
use std::{env, fs};

const VARIABLE: &str = "COALMINE_MODULE";

fn main() {
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(carries_module)");
    let Some(module) = env::var_os(VARIABLE).filter(|path| !path.is_empty()) else {
        return;
    };
    // A build script runs in its package's folder, and nobody means that.
    let module = PathBuf::from(module);
    if module.is_relative() {
        fail(&module, "is not absolute");
    }
    println!("cargo::rerun-if-changed={}", module.display());
    let out = env::var_os("OUT_DIR").unwrap_or_default();
    if let Err(error) = fs::copy(&module, Path::new(&out).join("coalmine.wasm")) {
        fail(&module, &format!("cannot be read: {error}"));
    }
    println!("cargo::rustc-cfg=carries_module");
}

fn fail(module: &Path, why: &str) -> ! {
    println!(
        "cargo::error={VARIABLE} names {}, which {why}",
        module.display()
    );
    std::process::exit(1);
}
