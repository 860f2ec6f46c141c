//! The module inside this command, or one in a file.

use crate::outcome::Failure;
use std::borrow::Cow;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

/// What the build was given; nothing, if `COALMINE_MODULE` was not set.
#[cfg(carries_module)]
const CARRIED: Option<&[u8]> = Some(include_bytes!(concat!(env!("OUT_DIR"), "/coalmine.wasm")));
#[cfg(not(carries_module))]
const CARRIED: Option<&[u8]> = None;

/// How to get a module where there is none.
pub(crate) const ADVICE: &str = match CARRIED {
    Some(_) => "`coalmine module extract` writes coalmine.wasm",
    None => "`cargo xtask module` makes target/coalmine.wasm",
};

/// The module that this command carries. One that `cargo xtask dist` built does.
pub fn carried() -> Option<&'static [u8]> {
    CARRIED
}

/// A module and where it is from.
pub(crate) struct Module {
    pub(crate) bytes: Cow<'static, [u8]>,
    /// The path of its file, or words.
    pub(crate) source: String,
}

/// The file's, or the one that this command carries.
///
/// # Errors
/// The file cannot be read, or the command carries none; the message says how to get one.
pub(crate) fn load(file: Option<&Path>) -> Result<Module, Failure> {
    let Some(path) = file else {
        return Ok(Module {
            bytes: Cow::Borrowed(needed("name a file with one, or")?),
            source: "the module that this command carries".to_owned(),
        });
    };
    let read = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    let bytes = read.map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::NotFound => format!("; {ADVICE}"),
            _ => String::new(),
        };
        Failure::cannot(format!("cannot read {}: {error}{advice}", path.display()))
    })?;
    Ok(Module {
        bytes: Cow::Owned(bytes),
        source: path.display().to_string(),
    })
}

/// The module that this command carries; `otherwise` is what to do without, in words.
///
/// # Errors
/// It carries none.
pub(super) fn needed(otherwise: &str) -> Result<&'static [u8], Failure> {
    carried().ok_or_else(|| {
        Failure::refused(format!(
            "this coalmine carries no module: {otherwise} build one that does with \
             `cargo xtask dist`"
        ))
    })
}
