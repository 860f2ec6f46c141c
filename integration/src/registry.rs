//! A real OCI registry, Debian's `docker-registry`, on a free port of 127.0.0.1.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;
use tempfile::TempDir;

use crate::guardian::Guardian;

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
    child: Child,
    address: SocketAddr,
    _guardian: Guardian,
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
        let log = path("log");
        let child = Command::new(PROGRAM)
            .arg("serve")
            .arg(path("config.yaml"))
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .with_context(|| {
                format!("cannot start {PROGRAM}; on Debian: apt-get install {PROGRAM}")
            })?;
        let guardian = Guardian::of(child.id(), folder.path())?;
        let mut registry = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            _guardian: guardian,
            _folder: folder,
        };
        registry.address = registry.wait_until_ready(&log)?;
        Ok(registry)
    }

    /// Where it listens, as it says in its log: nobody else knows the port before.
    fn wait_until_ready(&mut self, log: &Path) -> Result<SocketAddr> {
        let begun = Instant::now();
        loop {
            let said = fs::read_to_string(log).unwrap_or_default();
            let words = said.split("listening on ").nth(1).unwrap_or_default();
            let end = words.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':');
            if let Some(Ok(address)) = end.map(|end| words[..end].parse()) {
                return Ok(address);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{PROGRAM} ended before it was ready ({status}):\n{said}");
            }
            if begun.elapsed() > READY_WITHIN {
                bail!("{PROGRAM} was not ready within {READY_WITHIN:?}:\n{said}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
