//! The two ways to compile for wasm32-unknown-unknown, and the cargo command line of each.
//!
//! Rustup can add the target where its server can be reached. Debian's Rust for web browsers
//! (`rustc-web`) comes from the package mirror instead; it has no compiled standard library for
//! the target, so cargo builds that from `rust-web-src`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use coalmine_integration::workspace;

/// The target of the module.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// The environment variable that forces one way: `rustup` or `debian`.
pub(crate) const VARIABLE: &str = "COALMINE_TOOLCHAIN";

/// What Debian's way is made of. Clippy is part of it, since clippy must match its compiler.
pub(crate) const DEBIAN_PACKAGES: [&str; 5] = [
    "rustc-web",
    "cargo-web",
    "rust-web-src",
    "rust-web-clippy",
    "lld-22",
];

/// The files of [`DEBIAN_PACKAGES`] that show that they are here.
const DEBIAN_FILES: [&str; 5] = [
    "/usr/bin/rustc",
    "/usr/bin/cargo",
    "/usr/lib/rustlib/src/rust/library/std/Cargo.toml",
    "/usr/bin/cargo-clippy",
    "/usr/bin/wasm-ld-22",
];

/// A way to compile for [`TARGET`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// The cargo that runs us, with the target installed.
    Rustup,
    /// Debian's packages, with the standard library built on the way.
    Debian,
}

/// What the machine offers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Machine {
    /// [`VARIABLE`], when it is set.
    pub(crate) forced: Option<String>,
    /// The compiler on PATH has the target.
    pub(crate) target_installed: bool,
    /// Debian's way is complete.
    pub(crate) debian_complete: bool,
    /// `rustup` is on PATH.
    pub(crate) rustup: bool,
    /// Why `rustup target add` did not work, once it was tried.
    pub(crate) rustup_refused: Option<String>,
    /// `apt-get` is on PATH.
    pub(crate) apt: bool,
    /// Why `apt-get install` did not work, once it was tried.
    pub(crate) apt_refused: Option<String>,
}

/// What to do next to be able to compile for [`TARGET`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Ready, and why this way.
    Use(Toolchain, &'static str),
    /// `rustup target add`, then look again.
    AddTarget,
    /// `apt-get install` [`DEBIAN_PACKAGES`], then look again.
    InstallPackages,
    /// Neither way is open: what to tell the person.
    Stuck(String),
}

impl Machine {
    /// Looks at this machine; installs nothing.
    pub(crate) fn look() -> Self {
        Self {
            forced: std::env::var(VARIABLE).ok().filter(|way| !way.is_empty()),
            target_installed: target_installed(),
            debian_complete: DEBIAN_FILES.iter().all(|file| Path::new(file).exists()),
            rustup: on_path("rustup").is_some(),
            rustup_refused: None,
            apt: on_path("apt-get").is_some(),
            apt_refused: None,
        }
    }

    /// Decides: what is here comes first, then the quick way (rustup), then Debian's.
    pub(crate) fn next(&self) -> Next {
        let (rustup, debian) = match self.forced.as_deref() {
            None => (true, true),
            Some("rustup") => (true, false),
            Some("debian") => (false, true),
            Some(other) => {
                return Next::Stuck(format!("{VARIABLE}={other}: it takes rustup or debian"));
            }
        };
        if rustup && self.target_installed {
            return Next::Use(Toolchain::Rustup, "the installed compiler has the target");
        }
        if debian && self.debian_complete {
            return Next::Use(
                Toolchain::Debian,
                "Debian's rustc-web is here, the target of the other compiler is not",
            );
        }
        if rustup && self.rustup && self.rustup_refused.is_none() {
            return Next::AddTarget;
        }
        if debian && self.apt && self.apt_refused.is_none() {
            return Next::InstallPackages;
        }
        Next::Stuck(self.way_out())
    }

    fn way_out(&self) -> String {
        let rustup = match (&self.rustup_refused, self.rustup) {
            (Some(reason), _) => format!("it refused:\n{reason}"),
            (None, true) => format!("not tried, {VARIABLE} forbids it"),
            (None, false) => "there is no rustup here (https://rustup.rs)".to_owned(),
        };
        let debian = match (&self.apt_refused, self.apt) {
            (Some(reason), _) => format!("it refused:\n{reason}"),
            (None, true) => format!("not tried, {VARIABLE} forbids it"),
            (None, false) => "there is no apt-get here".to_owned(),
        };
        format!(
            "nothing here can compile for {TARGET}. Make one of these work, then run this again:\n\
             1. rustup target add {TARGET}\n   {rustup}\n\
             2. apt-get install {}\n   {debian}",
            DEBIAN_PACKAGES.join(" ")
        )
    }
}

/// Where something is built from what.
pub(crate) struct Place<'p> {
    /// The workspace's sources.
    pub(crate) root: &'p Path,
    /// Where cargo builds.
    pub(crate) target_dir: &'p Path,
    /// Where it keeps crates.
    pub(crate) cargo_home: &'p Path,
}

impl Toolchain {
    /// A cargo command for [`TARGET`], in a target folder of its own so that it never waits for
    /// the native build; `arguments` begin with the subcommand.
    pub(crate) fn cargo(self, arguments: &[&str]) -> Command {
        let here = Place {
            root: workspace::root(),
            target_dir: &target_dir(),
            cargo_home: &cargo_home(),
        };
        self.cargo_in(&here, arguments)
    }

    /// The same for sources and crates that lie elsewhere.
    pub(crate) fn cargo_in(self, place: &Place<'_>, arguments: &[&str]) -> Command {
        let mut command = match self {
            Self::Rustup => native_cargo(),
            Self::Debian => {
                // Cargo would look for its subcommand in rustup's folder first.
                let clippy = arguments.first() == Some(&"clippy");
                let program = if clippy { "cargo-clippy" } else { "cargo" };
                let mut command = Command::new(Path::new("/usr/bin").join(program));
                command
                    .env("CARGO", "/usr/bin/cargo")
                    .env("RUSTC", "/usr/bin/rustc")
                    // -Zbuild-std is not stable yet.
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld-22")
                    // Set by rustup and cargo for the other toolchain.
                    .env_remove("RUSTUP_TOOLCHAIN")
                    .env_remove("LD_LIBRARY_PATH");
                command
            }
        };
        command
            .args(arguments)
            .args(["--target", TARGET])
            .arg("--target-dir")
            .arg(place.target_dir)
            .args(["--config", &place.remap()])
            .current_dir(place.root)
            .env("CARGO_HOME", place.cargo_home)
            // They would replace the flags of .cargo/config.toml, which the module needs, and are
            // meant for the native compiler anyway.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        if self == Self::Debian {
            command.arg("-Zbuild-std=std,panic_abort");
        }
        command
    }
}

/// Where cargo keeps crates.
pub(crate) fn cargo_home() -> PathBuf {
    let said = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let usual = || Some(std::env::home_dir()?.join(".cargo"));
    said.or_else(usual).unwrap_or_default()
}

impl Place<'_> {
    /// Messages of panics name the files of other crates: by a name that is the same on every machine,
    /// or no two would build the same module. (Cargo names our own relative to the workspace.) These
    /// flags join those of .cargo/config.toml.
    fn remap(&self) -> String {
        let home = self.cargo_home.display();
        format!("target.{TARGET}.rustflags=['--remap-path-prefix={home}=/cargo']")
    }
}

/// Where cargo builds for [`TARGET`].
pub(crate) fn target_dir() -> PathBuf {
    workspace::target_dir().join("wasm")
}

/// The cargo that runs us, in the workspace.
pub(crate) fn native_cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.current_dir(workspace::root());
    command
}

/// Where PATH has a program.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

fn target_installed() -> bool {
    let answer = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .stderr(Stdio::null())
        .output();
    let Ok(answer) = answer else { return false };
    let folder = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim());
    std::fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(words: &str) -> Machine {
        let has = |word: &str| words.split(' ').any(|known| known == word);
        let refused = |word: &str| has(word).then(|| "no network".to_owned());
        Machine {
            forced: ["rustup", "debian", "nix"]
                .into_iter()
                .find(|way| has(&format!("force-{way}")))
                .map(str::to_owned),
            target_installed: has("target"),
            debian_complete: has("debian"),
            rustup: has("rustup"),
            rustup_refused: refused("rustup-refused"),
            apt: has("apt"),
            apt_refused: refused("apt-refused"),
        }
    }

    #[test]
    fn the_next_thing_to_do() {
        let check = |words: &str, expected: &str| {
            let next = match machine(words).next() {
                Next::Use(Toolchain::Rustup, _) => "use rustup",
                Next::Use(Toolchain::Debian, _) => "use debian",
                Next::AddTarget => "add target",
                Next::InstallPackages => "install packages",
                Next::Stuck(_) => "stuck",
            };
            assert_eq!(next, expected, "{words}");
        };
        check("rustup apt target debian", "use rustup");
        check("target", "use rustup");
        check("rustup apt debian", "use debian");
        check("rustup apt", "add target");
        check("rustup rustup-refused apt", "install packages");
        check("apt", "install packages");
        check("rustup rustup-refused apt apt-refused", "stuck");
        check("rustup rustup-refused", "stuck");
        check("", "stuck");
        check("force-debian target debian", "use debian");
        check("force-debian target rustup apt", "install packages");
        check("force-debian target rustup", "stuck");
        check("force-rustup debian rustup apt", "add target");
        check("force-rustup debian rustup rustup-refused apt", "stuck");
        check("force-nix target debian", "stuck");
    }

    #[test]
    fn who_is_stuck_learns_both_ways_out() {
        let Next::Stuck(text) = machine("rustup rustup-refused apt apt-refused").next() else {
            panic!("not stuck");
        };
        assert!(text.contains("rustup target add wasm32-unknown-unknown"));
        assert!(text.contains("apt-get install rustc-web cargo-web"));
        assert_eq!(text.matches("no network").count(), 2, "{text}");
    }
}
