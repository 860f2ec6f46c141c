//! The decision alone, natively, by criterion: `benches/decide.rs` of the root package.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use coalmine_integration::workspace;
use serde_json::Value;

use super::report::Decide;
use crate::step::Step;
use crate::toolchain::native_cargo;

/// Runs the benchmarks and gives their medians.
///
/// # Errors
/// They fail, or leave no results.
pub(super) fn run() -> Result<Vec<Decide>> {
    let step = Step::begin("timing the decision natively");
    let begun = SystemTime::now();
    let mut command = native_cargo();
    command
        .args(["bench", "--package", "coalmine", "--bench", "decide"])
        .args(["--", "--noplot"])
        // Criterion keeps its results in the folder that this names, or else has to guess.
        .env("CRITERION_HOME", home());
    step.run(&mut command)?.required()?;
    let mut found = Vec::new();
    collect(&home(), begun, &mut found)?;
    ensure!(
        !found.is_empty(),
        "criterion left no results in {}",
        home().display()
    );
    found.sort_by(|a, b| a.id.cmp(&b.id));
    step.end("done");
    Ok(found)
}

fn home() -> PathBuf {
    workspace::target_dir().join("criterion")
}

/// Results stand in `<benchmark>/new/`, at any depth; older ones than this run are passed over.
fn collect(folder: &Path, since: SystemTime, found: &mut Vec<Decide>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("no {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if !path.is_dir() {
            continue;
        }
        let estimates = path.join("estimates.json");
        if !path.ends_with("new") || !estimates.is_file() {
            collect(&path, since, found)?;
        } else if fs::metadata(&estimates)?.modified()? >= since {
            let read = |path: &Path| -> Result<Value> {
                Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
            };
            let id = read(&path.join("benchmark.json"))?;
            let estimates = read(&estimates)?;
            found.push(Decide {
                id: id["full_id"].as_str().unwrap_or_default().to_owned(),
                median_ns: estimates["median"]["point_estimate"]
                    .as_f64()
                    .context("criterion gives no median")?,
            });
        }
    }
    Ok(())
}
