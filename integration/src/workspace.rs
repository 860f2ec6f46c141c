//! Where things are in the workspace: agreed here, so that nobody needs an environment variable.
//!
//! `cargo xtask module` writes the module to [`module_path()`], everything that runs it reads it
//! there. These paths do not follow `CARGO_TARGET_DIR`: they are meeting points, not build folders.

use std::path::{Path, PathBuf};

/// The folder of the workspace, the one with `Cargo.lock`.
#[must_use]
pub fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// The folder for everything that is made and never committed: `target/`.
#[must_use]
pub fn target_dir() -> PathBuf {
    root().join("target")
}

/// The finished WebAssembly module, as `cargo xtask module` leaves it: `target/coalmine.wasm`.
#[must_use]
pub fn module_path() -> PathBuf {
    target_dir().join("coalmine.wasm")
}

/// The module as the linker leaves it, from which `cargo xtask module` makes the finished one:
/// below `target/wasm/`.
#[must_use]
pub fn linked_module_path() -> PathBuf {
    target_dir().join("wasm/wasm32-unknown-unknown/wasm/coalmine_module.wasm")
}
