//! What was shown, as a table: what was done, what had to come of it, and what did.

use std::fmt;

use comfy_table::ContentArrangement;
use comfy_table::presets::UTF8_FULL_CONDENSED;

/// In columns, on a terminal of any width and in a file: longer cells go on in the next line.
const WIDEST: u16 = 100;

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
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(WIDEST);
        table.set_header(["request", "expected", "measured", ""]);
        for row in &self.rows {
            let mark = if row.as_expected { "ok" } else { "NOT SO" };
            table.add_row([&row.what, &row.expected, &row.measured, &mark.to_owned()]);
        }
        write!(f, "{table}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_never_wider_than_it_may_be() {
        let check = |what: &str, measured: &str, lines: usize| {
            let mut table = Table::default();
            table.row("plain", "stable, always", "200 of 200", true);
            table.row(what, "refused, nobody moves", measured, false);
            let text = table.to_string();
            let widest = text.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(usize::from(WIDEST)), "{widest:?}\n{text}");
            assert_eq!(text.lines().count(), lines, "{text}");
        };
        let longest = "x-user-group: staff, x-canary: never";
        check(longest, "in 100.0 ms, 0 moved", 6);
        check(longest, "taken, 10000 moved", 6);
        check(&"more words ".repeat(10), "taken, 10000 moved", 8);
    }
}
