//! `kubectl` and `istioctl` against a cluster, as people use them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A program of the command line with the cluster's kubeconfig.
#[derive(Debug, Clone)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl {
    /// `program` with a kubeconfig.
    pub fn new(program: impl Into<PathBuf>, kubeconfig: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            kubeconfig: kubeconfig.into(),
        }
    }

    /// The kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Runs it, whatever comes of it.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn attempt(&self, arguments: &[&str], input: &str) -> Result<Output> {
        let mut child = Command::new(&self.program)
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that does not read its input may be gone already.
            let _ = stdin.write_all(input.as_bytes());
        }
        Ok(child.wait_with_output()?)
    }

    /// Runs it, and gives its standard output.
    ///
    /// # Errors
    /// It fails; the message has what it wrote.
    pub fn run(&self, arguments: &[&str], input: &str) -> Result<String> {
        let output = self.attempt(arguments, input)?;
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr);
            let name = self
                .program
                .file_name()
                .unwrap_or_default()
                .display()
                .to_string();
            bail!("{name} {} failed:\n{complaint}{out}", arguments.join(" "));
        }
        Ok(out)
    }

    /// `kubectl apply -f -`
    ///
    /// # Errors
    /// The API server, or a webhook that it asks, refuses an object.
    pub fn apply(&self, objects: &str) -> Result<()> {
        self.run(&["apply", "-f", "-"], objects).map(drop)
    }

    /// `kubectl delete -f -`
    ///
    /// # Errors
    /// An object is not there.
    pub fn delete(&self, objects: &str) -> Result<()> {
        self.run(&["delete", "--wait=false", "-f", "-"], objects)
            .map(drop)
    }

    /// What the API server refuses of the objects, in its words.
    ///
    /// # Errors
    /// It takes them.
    pub fn refusal(&self, objects: &str) -> Result<String> {
        let output = self.attempt(&["apply", "-f", "-"], objects)?;
        if output.status.success() {
            bail!("the API server took it:\n{objects}");
        }
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Objects as JSON: `kubectl get ... -o json`.
    ///
    /// # Errors
    /// There is no such kind or object.
    pub fn get(&self, arguments: &[&str]) -> Result<Value> {
        let arguments = [&["get", "-o", "json"], arguments].concat();
        Ok(serde_json::from_str(&self.run(&arguments, "")?)?)
    }
}
