//! What was shown, as a table: what was done, what had to come of it, and what did.

use std::fmt;

use comfy_table::presets::UTF8_FULL_CONDENSED;

/// The rows so far.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Row>,
}

struct Row {
    what: String,
    expected: String,
    measured: String,
    as_expected: bool,
}

impl Table {
    pub(super) fn row(
        &mut self,
        what: impl Into<String>,
        expected: impl Into<String>,
        measured: impl Into<String>,
        as_expected: bool,
    ) {
        self.rows.push(Row {
            what: what.into(),
            expected: expected.into(),
            measured: measured.into(),
            as_expected,
        });
    }

    pub(super) fn all_as_expected(&self) -> bool {
        self.rows.iter().all(|row| row.as_expected)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = comfy_table::Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header(["request", "expected", "measured", ""]);
        for row in &self.rows {
            let mark = if row.as_expected { "ok" } else { "NOT SO" };
            table.add_row([&row.what, &row.expected, &row.measured, &mark.to_owned()]);
        }
        write!(f, "{table}")
    }
}
