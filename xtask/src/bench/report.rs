//! What was measured, as a table for people and as JSON for scripts.

use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result, ensure};
use coalmine_integration::workspace;
use serde::Serialize;

use super::callgrind::COUNTED;
use super::goals;
use super::scenarios::{DISABLED, LUA_STABLE};
use super::weight::{Large, MANY_CANARIES, Memory, Weight};

/// Everything that one run measured.
pub(super) struct Report {
    /// The Envoy, as it was asked for.
    pub(super) envoy: String,
    /// In the order of the scenarios, the one without a filter among them.
    pub(super) measured: Vec<Measured>,
    pub(super) module: Weight,
    pub(super) memory: Option<Memory>,
    pub(super) large: Option<Large>,
    pub(super) decide: Vec<Decide>,
}

/// One scenario.
pub(super) struct Measured {
    pub(super) id: String,
    pub(super) title: String,
    /// The same request without a filter.
    pub(super) base: &'static str,
    /// Instructions per request of the whole process.
    pub(super) instructions: u64,
}

/// One native benchmark of the decision.
#[derive(Serialize)]
pub(super) struct Decide {
    pub(super) id: String,
    pub(super) median_ns: f64,
}

#[derive(Serialize)]
struct Document<'r> {
    envoy: &'r str,
    requests: usize,
    scenarios: Vec<Row<'r>>,
    module: &'r Weight,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<&'r Memory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    large: Option<&'r Large>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    decide: &'r [Decide],
}

#[derive(Serialize)]
struct Row<'r> {
    id: &'r str,
    title: &'r str,
    instructions: u64,
    over_no_filter: i64,
    ratio_to_no_filter: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio_to_lua: Option<f64>,
    /// What `over_no_filter` should come to at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    goal: Option<u64>,
}

impl Report {
    /// Instructions of a scenario over those of the same request without a filter.
    pub(super) fn over_no_filter(&self, id: &str) -> Option<i64> {
        let measured = self.scenario(id)?;
        let base = self.scenario(measured.base)?;
        let [all, without] = [measured, base].map(|it| i64::try_from(it.instructions));
        Some(all.ok()? - without.ok()?)
    }

    fn scenario(&self, id: &str) -> Option<&Measured> {
        self.measured.iter().find(|measured| measured.id == id)
    }

    /// Writes the JSON to target/bench.json.
    ///
    /// # Errors
    /// A filter that costs nothing was not there, or the file cannot be written.
    pub(super) fn write(&self) -> Result<()> {
        let rows = self.rows();
        for (row, measured) in rows.iter().zip(&self.measured) {
            ensure!(
                measured.is_base() || measured.id == DISABLED || row.over_no_filter > 0,
                "{} costs less than no filter: it was not measured",
                row.id
            );
        }
        let document = Document {
            envoy: &self.envoy,
            requests: COUNTED,
            scenarios: rows,
            module: &self.module,
            memory: self.memory.as_ref(),
            large: self.large.as_ref(),
            decide: &self.decide,
        };
        let path = workspace::target_dir().join("bench.json");
        let text = serde_json::to_string_pretty(&document)? + "\n";
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// The table.
    pub(super) fn table(&self) -> String {
        let mut text = String::new();
        let rows = self.rows();
        let width = rows.iter().map(|row| row.title.len()).max();
        let width = width.unwrap_or_default();
        let mut line = |line: std::fmt::Arguments<'_>| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{line}");
        };
        line(format_args!("Envoy {}", self.envoy));
        if !rows.is_empty() {
            line(format_args!(
                "\n{:width$}  {:>10}  {:>14}  {:>10}  {:>6}  goal",
                "instructions per request", "all", "over no filter", "/no filter", "/Lua"
            ));
        }
        for row in &rows {
            let lua = row
                .ratio_to_lua
                .map_or_else(String::new, |ratio| format!("{ratio:.2}"));
            let goal = row.goal.map_or_else(String::new, |goal| {
                let reached = u64::try_from(row.over_no_filter).is_ok_and(|over| over <= goal);
                format!("  {}", goals::judged(reached, &grouped(goal)))
            });
            line(format_args!(
                "{:width$}  {:>10}  {:>14}  {:>10.2}  {lua:>6}{goal}",
                row.title,
                grouped(row.instructions),
                format!(
                    "{}{}",
                    sign(row.over_no_filter),
                    grouped(row.over_no_filter.unsigned_abs())
                ),
                row.ratio_to_no_filter,
            ));
        }
        line(format_args!(
            "\nmodule: {} bytes, {} gzipped; goal {}",
            grouped(self.module.bytes),
            grouped(self.module.gzip_bytes),
            goals::judged(self.module.bytes <= goals::MODULE, &grouped(goals::MODULE))
        ));
        if let Some(memory) = &self.memory {
            line(format_args!(
                "memory: {} KiB for each worker with the real policy, {} KiB once",
                grouped(memory.worker_kib),
                grouped(memory.once_kib)
            ));
        }
        if let Some(Large {
            memory,
            applied_in_ms,
        }) = &self.large
        {
            line(format_args!(
                "with {MANY_CANARIES} canaries: {} KiB for each worker, goal {}; \
                 applied in {applied_in_ms:.0} ms, goal {}",
                grouped(memory.worker_kib),
                goals::judged(
                    memory.worker_kib <= goals::LARGE_KIB,
                    &grouped(goals::LARGE_KIB)
                ),
                goals::judged(
                    *applied_in_ms <= goals::LARGE_MS,
                    &goals::LARGE_MS.to_string()
                ),
            ));
        }
        if !self.decide.is_empty() {
            line(format_args!("\nthe decision alone, natively, median"));
            let width = self.decide.iter().map(|decide| decide.id.len()).max();
            let width = width.unwrap_or_default();
            for Decide { id, median_ns } in &self.decide {
                let (of, most) = goals::DECIDE;
                let goal = if id == of {
                    format!(
                        "  goal {}",
                        goals::judged(*median_ns <= most, &most.to_string())
                    )
                } else {
                    String::new()
                };
                line(format_args!("{id:width$}  {median_ns:>9.1} ns{goal}"));
            }
        }
        text
    }

    fn rows(&self) -> Vec<Row<'_>> {
        let ratio = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let lua = self.over_no_filter(LUA_STABLE);
        let rows = self.measured.iter().map(|measured| {
            let over_no_filter = self.over_no_filter(&measured.id).unwrap_or_default();
            let base = self.scenario(measured.base);
            let base = base.map_or(0.0, |base| base.instructions as f64);
            Row {
                id: &measured.id,
                title: &measured.title,
                instructions: measured.instructions,
                over_no_filter,
                ratio_to_no_filter: rounded(ratio(measured.instructions as f64, base)),
                ratio_to_lua: lua
                    .filter(|_| !measured.is_base())
                    .map(|lua| rounded(ratio(over_no_filter as f64, lua as f64))),
                goal: goals::of(self, &measured.id),
            }
        });
        rows.collect()
    }
}

impl Measured {
    /// Whether others are compared with it.
    fn is_base(&self) -> bool {
        self.base == self.id
    }
}

fn sign(number: i64) -> char {
    if number < 0 { '-' } else { '+' }
}

fn rounded(ratio: f64) -> f64 {
    (ratio * 1000.0).round() / 1000.0
}

/// A number with its thousands set apart: `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::scenarios::NO_FILTER;
    use super::*;

    /// A report of scenarios by their instructions.
    pub(in crate::bench) fn report(measured: &[(&str, u64)], module_bytes: u64) -> Report {
        Report {
            envoy: "1.40".to_owned(),
            measured: measured
                .iter()
                .map(|&(id, instructions)| Measured {
                    id: id.to_owned(),
                    title: id.to_owned(),
                    base: NO_FILTER,
                    instructions,
                })
                .collect(),
            module: Weight {
                bytes: module_bytes,
                gzip_bytes: 1,
            },
            memory: None,
            large: None,
            decide: Vec::new(),
        }
    }

    #[test]
    fn thousands_are_set_apart() {
        let check = |number, expected: &str| assert_eq!(grouped(number), expected);
        check(0, "0");
        check(999, "999");
        check(1000, "1,000");
        check(12_345, "12,345");
        check(1_234_567, "1,234,567");
    }

    #[test]
    fn rows_are_differences_and_ratios() {
        let report = report(
            &[
                (NO_FILTER, 100_000),
                (LUA_STABLE, 120_000),
                ("other", 110_000),
            ],
            1,
        );
        let rows = report.rows();
        let check = |id: &str, over, to_no_filter, to_lua| {
            let row = rows.iter().find(|row| row.id == id).unwrap();
            assert_eq!(row.over_no_filter, over, "{id}");
            assert_eq!(row.ratio_to_no_filter, to_no_filter, "{id}");
            assert_eq!(row.ratio_to_lua, to_lua, "{id}");
        };
        check(NO_FILTER, 0, 1.0, None);
        check(LUA_STABLE, 20_000, 1.2, Some(1.0));
        check("other", 10_000, 1.1, Some(0.5));
    }
}
