//! From a Go module of ours, which pins one program's version, to its programs.
//!
//! `integration/istio/go/<module>` has a go.mod whose `tool` lines name the programs, and a go.sum.
//! What is built is kept under `target/istio/bin/`, in a folder named after the content of both
//! files, so that a changed version is built anew and an unchanged one never again.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use coalmine_integration::guardian::Ward;
use coalmine_integration::workspace;
use sha2::{Digest, Sha256};

/// The oldest Go that fetches the version which a go.mod asks for by itself.
const OLDEST_GO: (u32, u32) = (1, 21);

/// What to do where there is no Go.
pub const INSTALL_GO: &str = "Istio and Kubernetes are built from Go modules, which needs Go 1.21 or \
     newer (it fetches the version it needs by itself): install it from https://go.dev/dl, and have \
     `go` on PATH or in /usr/local/go/bin";

/// The program `go`.
///
/// # Errors
/// It is missing or too old; the message says what to install.
pub fn go() -> Result<PathBuf> {
    let candidates = [PathBuf::from("go"), PathBuf::from("/usr/local/go/bin/go")];
    let mut found = None;
    for go in candidates {
        let Ok(output) = Command::new(&go).args(["env", "GOVERSION"]).output() else {
            continue;
        };
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() && recent_enough(&version) {
            return Ok(go);
        }
        found = Some(version);
    }
    match found {
        Some(version) => bail!("{version} is too old: {INSTALL_GO}"),
        None => bail!("there is no Go here: {INSTALL_GO}"),
    }
}

/// `go1.26.8`, `go1.21rc2`
fn recent_enough(version: &str) -> bool {
    let mut numbers = version
        .trim_start_matches("go")
        .split(|c: char| !c.is_ascii_digit());
    let mut number = || numbers.next()?.parse().ok();
    matches!((number(), number()), (Some(major), Some(minor)) if (major, minor) >= OLDEST_GO)
}

/// A Go module of ours.
#[derive(Debug)]
pub struct Module {
    /// Its folder in `integration/istio/go`.
    pub name: String,
    /// Values for variables of the programs, by the variables' full names.
    pub variables: Vec<(&'static str, String)>,
}

impl Module {
    /// Where its go.mod is.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        workspace::root()
            .join("integration/istio/go")
            .join(&self.name)
    }

    /// Where its programs are, or will be.
    ///
    /// # Errors
    /// There is no such module.
    pub fn programs(&self) -> Result<PathBuf> {
        let mut hash = Sha256::new();
        for name in ["go.mod", "go.sum"] {
            let path = self.folder().join(name);
            let text = fs::read(&path).with_context(|| format!("no {}", path.display()))?;
            hash.update(text);
        }
        for (name, value) in &self.variables {
            hash.update(format!("{name}={value}\n"));
        }
        let digest = hash.finalize();
        let id: String = digest
            .iter()
            .take(6)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let kept = workspace::target_dir().join("istio/bin");
        Ok(kept.join(format!("{}-{id}", self.name)))
    }

    /// Builds the programs if they are not there. Safe to call from several processes at once: one
    /// builds, the others wait. `progress` hears a line now and then.
    ///
    /// # Errors
    /// No Go, no way to the modules, or they do not compile.
    pub fn ensure(&self, progress: &dyn Fn(&str)) -> Result<PathBuf> {
        let programs = self.programs()?;
        if programs.is_dir() {
            return Ok(programs);
        }
        let go = go()?;
        fs::create_dir_all(programs.parent().context("a folder for the programs")?)?;
        let lock = File::create(programs.with_extension("lock"))?;
        lock.lock()
            .context("cannot lock the folder of the programs")?;
        if programs.is_dir() {
            return Ok(programs);
        }
        let half_built = programs.with_extension("building");
        fs::create_dir_all(&half_built)?;
        self.build(&go, &half_built, progress)
            .with_context(|| format!("{} cannot be built", self.name))?;
        fs::rename(&half_built, &programs)?;
        Ok(programs)
    }

    fn build(&self, go: &Path, programs: &Path, progress: &dyn Fn(&str)) -> Result<()> {
        progress(&format!("{}: fetching its modules", self.name));
        let mut list = self.go(go);
        list.args(["list", "-deps", "tool"]);
        let mut packages = 0_usize;
        run(&mut list, &mut |line| match line {
            Line::Out(_) => packages += 1,
            Line::Err(line) => progress(&format!("{}: {line}", self.name)),
        })?;
        let flags: String = self
            .variables
            .iter()
            .map(|(name, value)| format!(" -X {name}={value}"))
            .collect();
        let mut install = self.go(go);
        install
            .args(["install", "-v", "-ldflags"])
            .arg(format!("-s -w{flags}"))
            .arg("tool")
            .env("GOBIN", programs);
        let (begun, mut compiled) = (Instant::now(), 0_usize);
        run(&mut install, &mut |line| {
            if let Line::Err(_) = line {
                compiled += 1;
                progress(&estimate(
                    &self.name,
                    compiled,
                    packages,
                    begun.elapsed().as_secs_f64(),
                ));
            }
        })
    }

    /// The folder of a Go module that this one needs, with its sources.
    ///
    /// # Errors
    /// No Go, or it does not need that module.
    pub fn source_of(&self, path: &str, progress: &dyn Fn(&str)) -> Result<PathBuf> {
        // Kept beside the programs: asking Go takes half a second.
        let kept = self.programs()?.join(path.replace('/', "!"));
        if let Ok(folder) = fs::read_to_string(&kept)
            && Path::new(&folder).is_dir()
        {
            return Ok(folder.into());
        }
        progress(&format!("{}: looking for {path}", self.name));
        let mut download = self.go(&go()?);
        download.args(["mod", "download", "-json", path]);
        let mut said = String::new();
        run(&mut download, &mut |line| {
            if let Line::Out(line) = line {
                said += line;
            }
        })?;
        let module: serde_json::Value =
            serde_json::from_str(&said).with_context(|| format!("{path}: {said}"))?;
        let folder = module["Dir"]
            .as_str()
            .with_context(|| format!("{path}: {module}"))?;
        fs::write(&kept, folder)?;
        Ok(folder.into())
    }

    fn go(&self, go: &Path) -> Command {
        let mut command = Command::new(go);
        command
            .current_dir(self.folder())
            // No C compiler is needed, and no repository of ours is asked for its state.
            .env("CGO_ENABLED", "0")
            .env("GOFLAGS", "-buildvcs=false -mod=readonly")
            .stdin(Stdio::null());
        command
    }
}

/// How far it is, and how long the rest takes if it goes on like this.
fn estimate(name: &str, compiled: usize, packages: usize, seconds: f64) -> String {
    #[expect(
        clippy::cast_precision_loss,
        reason = "some thousand packages, for people to read"
    )]
    let rest = seconds / compiled.max(1) as f64 * packages.saturating_sub(compiled) as f64;
    // Linking comes last and says nothing; the first packages say little about the others.
    if compiled < 50 {
        return format!("{name}: compiled {compiled} of at most {packages} packages");
    }
    format!("{name}: compiled {compiled} of at most {packages} packages, {rest:.0} s to go")
}

enum Line<'a> {
    Out(&'a str),
    Err(&'a str),
}

/// Runs a command to its end, which is also that of this process; a failure has the end of what it wrote.
fn run(command: &mut Command, hear: &mut dyn FnMut(Line<'_>)) -> Result<()> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut ward = Ward::start(command, None)?;
    let child = ward.child();
    let (sender, lines) = std::sync::mpsc::channel();
    let stream = |pipe: Box<dyn std::io::Read + Send>, is_out: bool| {
        let sender = sender.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                let _ = sender.send((is_out, line));
            }
        });
    };
    if let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) {
        stream(Box::new(out), true);
        stream(Box::new(err), false);
    }
    drop(sender);
    let mut last = VecDeque::new();
    for (is_out, line) in lines {
        hear(if is_out {
            Line::Out(&line)
        } else {
            Line::Err(&line)
        });
        if !is_out {
            last.push_back(line);
            if last.len() > 20 {
                last.pop_front();
            }
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("go failed ({status}):\n{}", Vec::from(last).join("\n"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_go_that_fetches_its_successor_will_do() {
        let check = |version: &str, expected: bool| {
            assert_eq!(recent_enough(version), expected, "{version}");
        };
        check("go1.26.8", true);
        check("go1.21", true);
        check("go1.21rc2", true);
        check("go2.0", true);
        check("go1.19.8", false);
        check("devel", false);
        check("", false);
    }

    #[test]
    fn an_estimate_comes_when_it_can_be_one() {
        let check = |compiled, packages, seconds, expected: &str| {
            assert_eq!(estimate("x", compiled, packages, seconds), expected);
        };
        check(5, 1000, 1.0, "x: compiled 5 of at most 1000 packages");
        check(
            100,
            1000,
            20.0,
            "x: compiled 100 of at most 1000 packages, 180 s to go",
        );
        check(
            1000,
            1000,
            20.0,
            "x: compiled 1000 of at most 1000 packages, 0 s to go",
        );
    }
}
