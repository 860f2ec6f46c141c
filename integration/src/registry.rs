//! A real OCI registry, Debian's `docker-registry`, on a free port of 127.0.0.1.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use tempfile::TempDir;

use crate::service::Service;

/// The program.
pub const PROGRAM: &str = "docker-registry";

/// Who may push to a registry that asks.
pub const USER: &str = "coalmine";

/// The password of [`USER`].
pub const PASSWORD: &str = "canary";

/// The bcrypt hash of [`PASSWORD`], which is all that a registry takes.
const HASH: &str = "$2b$04$oVoCEiK5CizjfzA19.Xj3.VOgN.oMEFEWE1pPxXnsHQvKHCswgJB.";

/// How long the start may take.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// A running registry that ends, with all that was pushed to it, when dropped.
#[derive(Debug)]
pub struct Registry {
    address: SocketAddr,
    // It ends before its folder goes.
    _service: Service,
    _folder: TempDir,
}

impl Registry {
    /// A registry for everybody.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub fn start() -> Result<Self> {
        Self::start_with(false)
    }

    /// A registry for [`USER`] alone.
    ///
    /// # Errors
    /// As [`Registry::start`].
    pub fn start_with_password() -> Result<Self> {
        Self::start_with(true)
    }

    fn start_with(password: bool) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("registry-").tempdir()?;
        let path = |name: &str| folder.path().join(name);
        let mut config = json!({
            "version": 0.1,
            "storage": {"filesystem": {"rootdirectory": path("data")}},
            "http": {"addr": "127.0.0.1:0", "secret": "of one process alone"},
        });
        if password {
            fs::write(path("users"), format!("{USER}:{HASH}\n"))?;
            config["auth"] = json!({"htpasswd": {"realm": "test", "path": path("users")}});
        }
        // JSON is YAML too.
        fs::write(path("config.yaml"), config.to_string())?;
        let mut serve = Command::new(PROGRAM);
        serve
            .arg("serve")
            .arg(path("config.yaml"))
            .env("OTEL_TRACES_EXPORTER", "none");
        let mut service = Service::start_in(folder.path(), PROGRAM, &mut serve)
            .with_context(|| format!("on Debian: apt-get install {PROGRAM}"))?;
        Ok(Self {
            // Nobody else knows the port before.
            address: service.wait_for(READY_WITHIN, listening)?,
            _service: service,
            _folder: folder,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Where it listens, by its log.
fn listening(log: &str) -> Option<SocketAddr> {
    let words = log.split("listening on ").nth(1)?;
    let end = words.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':')?;
    words[..end].parse().ok()
}
