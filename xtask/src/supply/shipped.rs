//! The crates in what is shipped, as cargo resolves them.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use coalmine_integration::workspace;
use serde_json::Value;

use crate::toolchain::{TARGET, native_cargo};

/// Something that is handed to people.
#[derive(Clone, Copy)]
pub(super) struct Shipped {
    /// Its file in `target/dist/`.
    pub(super) file: &'static str,
    /// The package that it is built from.
    package: &'static str,
    target: &'static str,
}

/// Everything that is handed to people. The command is looked at as it is for one target, so that every
/// machine says the same of it.
pub(super) const SHIPPED: [Shipped; 2] = [
    Shipped {
        file: "coalmine.wasm",
        package: "coalmine-module",
        target: TARGET,
    },
    Shipped {
        file: "coalmine",
        package: "coalmine-cli",
        target: "x86_64-unknown-linux-gnu",
    },
];

/// A crate, known by name and version.
#[derive(Clone, Debug)]
pub(super) struct Crate {
    pub(super) name: String,
    pub(super) version: String,
    /// An expression of SPDX.
    pub(super) license: String,
    /// The SHA-256 of its package; ours have none.
    pub(super) checksum: Option<String>,
    /// The keys of the crates that it needs itself.
    pub(super) needs: Vec<String>,
}

impl Shipped {
    /// The crates that are compiled into it, by `name@version`; those that only help to build it are
    /// not.
    ///
    /// # Errors
    /// Cargo fails, or leaves out what it should say.
    pub(super) fn crates(self) -> Result<BTreeMap<String, Crate>> {
        let checksums = checksums()?;
        let all = described(self.target)?;
        let mut crates = BTreeMap::new();
        let keys = self.keys()?;
        for key in &keys {
            let mut one = all
                .get(key)
                .with_context(|| format!("cargo metadata has no {key}"))?
                .clone();
            one.needs.retain(|needed| keys.contains(needed));
            one.checksum = checksums.get(key).cloned();
            crates.insert(key.clone(), one);
        }
        Ok(crates)
    }

    /// The package that it is built from, as its crates are known.
    pub(super) fn root(self) -> String {
        format!("{}@{}", self.package, env!("CARGO_PKG_VERSION"))
    }

    /// Only `cargo tree` knows the features of one package and one target.
    fn keys(self) -> Result<Vec<String>> {
        let tree = output(&[
            "tree",
            "--locked",
            "--package",
            self.package,
            "--target",
            self.target,
            "--edges",
            "normal,no-proc-macro",
            "--prefix",
            "none",
        ])?;
        let mut keys: Vec<String> = tree.lines().filter_map(key).collect();
        keys.sort();
        keys.dedup();
        Ok(keys)
    }
}

/// `name v1.2.3 (more)` as `name@1.2.3`.
fn key(line: &str) -> Option<String> {
    let mut words = line.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    Some(format!("{name}@{version}"))
}

/// Every crate of the workspace for a target, without checksums.
fn described(target: &str) -> Result<BTreeMap<String, Crate>> {
    let text = output(&[
        "metadata",
        "--locked",
        "--format-version",
        "1",
        "--filter-platform",
        target,
    ])?;
    let metadata: Value = serde_json::from_str(&text)?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut by_id = BTreeMap::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let known = text(&package["name"]).zip(text(&package["version"]));
        let (name, version) = known.context("a package without a name")?;
        let license = text(&package["license"]).unwrap_or_else(|| "unknown".to_owned());
        let id = text(&package["id"]).context("a package without an id")?;
        let one = Crate {
            name,
            version,
            license,
            checksum: None,
            needs: Vec::new(),
        };
        by_id.insert(id, one);
    }
    let mut all = BTreeMap::new();
    for node in metadata["resolve"]["nodes"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let id = text(&node["id"]).unwrap_or_default();
        let mut one = by_id.get(&id).context("a node without a package")?.clone();
        let dependencies = node["deps"].as_array().into_iter().flatten();
        for dependency in dependencies {
            let kinds = dependency["dep_kinds"].as_array().into_iter().flatten();
            let mut kinds = kinds.map(|kind| &kind["kind"]);
            let needed = text(&dependency["pkg"]).and_then(|id| by_id.get(&id));
            // Those of tests and build scripts have a kind.
            if let (true, Some(needed)) = (kinds.any(Value::is_null), needed) {
                one.needs
                    .push(format!("{}@{}", needed.name, needed.version));
            }
        }
        all.insert(format!("{}@{}", one.name, one.version), one);
    }
    Ok(all)
}

/// What Cargo.lock says of the packages' contents.
fn checksums() -> Result<BTreeMap<String, String>> {
    let lock = std::fs::read_to_string(workspace::root().join("Cargo.lock"))?;
    let mut checksums = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        let field = |name: &str| {
            let lines = package.lines();
            let mut values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
            values
                .next()
                .map(|value| value.trim_matches('"').to_owned())
        };
        if let (Some(name), Some(version), Some(checksum)) =
            (field("name"), field("version"), field("checksum"))
        {
            checksums.insert(format!("{name}@{version}"), checksum);
        }
    }
    Ok(checksums)
}

fn output(arguments: &[&str]) -> Result<String> {
    let output = native_cargo().args(arguments).output()?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        anyhow::bail!("`cargo {}` failed:\n{complaint}", arguments.join(" "));
    }
    Ok(String::from_utf8(output.stdout)?)
}
