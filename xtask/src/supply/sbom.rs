//! Bills of materials in CycloneDX 1.6 (ECMA-424): no time and no serial number, so that the same build
//! has the same bill.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};

use super::digest;
use super::shipped::{Crate, SHIPPED, Shipped};

/// Writes the bill of everything that is shipped to a folder, and gives their paths. What lies there
/// is named by its digest.
///
/// # Errors
/// Cargo fails, or the folder cannot be written.
pub(crate) fn write(folder: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder)?;
    let mut written = Vec::new();
    for shipped in SHIPPED {
        let artifact = folder.join(shipped.file);
        let digest = artifact.is_file().then(|| digest(&artifact)).transpose()?;
        let path = folder.join(format!("{}.cdx.json", shipped.file));
        let mut text = serde_json::to_string_pretty(&bill(shipped, digest)?)?;
        text.push('\n');
        fs::write(&path, text)?;
        written.push(path);
    }
    Ok(written)
}

fn bill(shipped: Shipped, digest: Option<String>) -> Result<Value> {
    let crates = shipped.crates()?;
    let root = shipped.root();
    let components: Vec<Value> = crates
        .iter()
        .filter(|(key, _)| **key != root)
        .map(|(_, one)| component(one))
        .collect();
    let dependencies: Vec<Value> = crates
        .values()
        .map(|one| {
            let needs = one.needs.iter().map(|key| &crates[key]).map(purl);
            json!({"ref": purl(one), "dependsOn": needs.collect::<Vec<_>>()})
        })
        .collect();
    let mut whole = component(&crates[&root]);
    whole["type"] = "application".into();
    whole["name"] = shipped.file.into();
    if let Some(digest) = digest {
        whole["hashes"] = hashes(&digest);
    }
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": whole},
        "components": components,
        "dependencies": dependencies,
    }))
}

fn component(one: &Crate) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": purl(one),
        "name": one.name,
        "version": one.version,
        "licenses": [{"expression": one.license.replace('/', " OR ")}],
        "purl": purl(one),
    });
    if let Some(checksum) = &one.checksum {
        component["hashes"] = hashes(checksum);
    }
    component
}

fn hashes(digest: &str) -> Value {
    json!([{"alg": "SHA-256", "content": digest}])
}

/// A package URL.
fn purl(one: &Crate) -> String {
    format!("pkg:cargo/{}@{}", one.name, one.version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_bill_names_all_that_is_in_it_and_nothing_else() {
        for shipped in SHIPPED {
            let bill = bill(shipped, Some("00".repeat(32))).unwrap();
            let list = |value: &Value| value.as_array().unwrap().clone();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let components = list(&bill["components"]);
            let mut known: BTreeSet<String> = components
                .iter()
                .map(|component| text(&component["bom-ref"]))
                .collect();
            assert!(
                known
                    .iter()
                    .any(|purl| purl.starts_with("pkg:cargo/ed25519-dalek@"))
            );
            let builds = |purl: &&String| purl.contains("cargo/syn@") || purl.contains("proptest");
            assert!(!known.iter().any(|purl| builds(&purl)), "only builds it");
            // Whoever has one crate has its package's checksum; ours have none.
            for component in &components {
                let ours = text(&component["name"]).starts_with("coalmine");
                assert_eq!(component.get("hashes").is_none(), ours, "{component}");
            }
            let whole = &bill["metadata"]["component"];
            assert_eq!(whole["hashes"][0]["content"], "00".repeat(32));
            assert!(known.insert(text(&whole["bom-ref"])));
            // Everything is reached from the whole.
            let dependencies = list(&bill["dependencies"]);
            let needs = |purl: &str| {
                let mut all = dependencies.iter();
                let one = all.find(|one| one["ref"] == purl).unwrap();
                list(&one["dependsOn"]).iter().map(text).collect::<Vec<_>>()
            };
            let mut reached = BTreeSet::new();
            let mut next = vec![text(&whole["bom-ref"])];
            while let Some(purl) = next.pop() {
                if reached.insert(purl.clone()) {
                    next.extend(needs(&purl));
                }
            }
            assert_eq!(reached, known);
        }
    }
}
