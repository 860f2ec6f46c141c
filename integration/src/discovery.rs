//! A filter's config replaced in its watched file, and Envoy's verdict on it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::envoy::Envoy;
use crate::swap;

/// What Envoy did with a new config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// In force. The workers take it over one after another within milliseconds: on a connection
    /// that has had one answer since, all further requests meet the new config.
    Applied {
        /// From the rename until Envoy had counted the update.
        after: Duration,
    },
    /// Refused; the last good config goes on serving.
    Refused {
        /// From the rename until Envoy had counted the refusal.
        after: Duration,
        /// What Envoy logged about it. The filter's own words are missing when the very same
        /// config was refused before: Envoy remembers that answer and does not ask again.
        problems: Vec<String>,
    },
}

/// What Envoy counts of a filter's updates.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Updates {
    applied: u64,
    refused: u64,
    /// The `version_info` of the config in force.
    version: String,
}

/// Replaces the file that extension discovery watches for `filter`, and waits for the verdict.
///
/// `filter` is the name of the HTTP filter in the listener, which is also the name of the resource
/// in the file. Give each content its own `version_info`: with a watched folder Envoy reads the
/// file again when any other file there is replaced, and only the version tells whose success it
/// counts.
///
/// # Errors
/// The file cannot be written, Envoy has no such filter, or says nothing within `patience`
/// (is `path` the file that it watches?).
pub fn replace(
    envoy: &Envoy,
    filter: &str,
    path: &Path,
    content: impl AsRef<[u8]>,
    patience: Duration,
) -> Result<Verdict> {
    let before = updates(envoy, filter)?;
    let new_version = version_info(content.as_ref()).filter(|new| *new != before.version);
    let place = envoy.log_length();
    let start = Instant::now();
    swap::replace(path, content)?;
    while start.elapsed() < patience {
        let now = updates(envoy, filter)?;
        let after = start.elapsed();
        if now.refused > before.refused {
            let problems = envoy.problems_since(place);
            return Ok(Verdict::Refused { after, problems });
        }
        let applied = match &new_version {
            Some(version) => now.version == *version,
            None => now.applied > before.applied,
        };
        if applied {
            return Ok(Verdict::Applied { after });
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    bail!(
        "Envoy said nothing about {} within {patience:?}; does it watch that file?",
        path.display()
    )
}

/// The version that a discovery response in JSON declares.
fn version_info(content: &[u8]) -> Option<String> {
    let response: Value = serde_json::from_slice(content).ok()?;
    Some(response["version_info"].as_str()?.to_owned())
}

/// `config_fail` counts what the filter refuses and what is no config at all; `config_reload`
/// counts attempts, so it tells nothing.
fn updates(envoy: &Envoy, filter: &str) -> Result<Updates> {
    let prefix = format!("extension_config_discovery.http_filter.{filter}.");
    let stats = envoy.admin().matching("extension_config_discovery")?;
    let stat = |name: &str| stats.get(&format!("{prefix}{name}"));
    let updates = || {
        let version = stat("version_text").and_then(Value::as_str);
        Some(Updates {
            applied: stat("update_success")?.as_u64()?,
            refused: stat("config_fail")?.as_u64()?,
            version: version.unwrap_or_default().to_owned(),
        })
    };
    updates().with_context(|| format!("no filter {filter:?} comes to Envoy by extension discovery"))
}
