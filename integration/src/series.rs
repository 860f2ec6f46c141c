//! Metrics as Prometheus reads them: the text format, as far as Envoy writes it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use crate::admin::Admin;

/// Series with their values.
pub type Samples = BTreeMap<Series, f64>;

/// A name and its labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    /// The metric.
    pub name: String,
    /// Its labels by name.
    pub labels: BTreeMap<String, String>,
}

impl Series {
    /// A series by its name and labels.
    #[must_use]
    pub fn new(name: &str, labels: &[(&str, &str)]) -> Self {
        let label = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            name: name.to_owned(),
            labels: labels.iter().map(label).collect(),
        }
    }

    /// The value of a label, empty if it has none.
    #[must_use]
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// The series whose names begin like this, of all workers together.
///
/// # Errors
/// Envoy is gone, or its page has a line that is none of the format.
pub fn read(admin: &Admin, prefix: &str) -> Result<Samples> {
    let page = admin.get(&format!("/stats/prometheus?filter={prefix}"))?;
    page.lines()
        .filter(|line| line.starts_with(prefix))
        .map(|line| parse(line).with_context(|| format!("what is {line}?")))
        .collect()
}

/// The sum of the samples whose series have this name and these labels among theirs.
#[must_use]
pub fn sum(samples: &Samples, name: &str, labels: &[(&str, &str)]) -> f64 {
    let fits = |series: &Series| {
        let mut labels = labels.iter();
        series.name == name && labels.all(|(name, value)| series.label(name) == *value)
    };
    let found = samples.iter().filter(|(series, _)| fits(series));
    found.map(|(_, value)| value).sum()
}

/// `name{a="b",c="d"} 5`; Envoy writes no quotes into values of ours, and no time.
fn parse(line: &str) -> Option<(Series, f64)> {
    let (name, rest) = line.split_once(['{', ' '])?;
    let (labels, value) = match line.as_bytes().get(name.len()) {
        Some(b'{') => rest.rsplit_once("} ")?,
        _ => ("", rest),
    };
    let mut series = Series::new(name, &[]);
    for label in labels.split("\",").filter(|label| !label.is_empty()) {
        let (name, value) = label.split_once("=\"")?;
        let value = value.strip_suffix('"').unwrap_or(value);
        series.labels.insert(name.to_owned(), value.to_owned());
    }
    Some((series, value.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_name_labels_and_a_number() {
        let check = |line: &str, expected: Option<(Series, f64)>| {
            assert_eq!(parse(line), expected, "{line}");
        };
        check(
            r#"a{b="c/d",e="x,y"} 5"#,
            Some((Series::new("a", &[("b", "c/d"), ("e", "x,y")]), 5.0)),
        );
        check("a{} 0.5", Some((Series::new("a", &[]), 0.5)));
        check("a 7", Some((Series::new("a", &[]), 7.0)));
        check(r#"a{b="c"} x"#, None);
        check("a", None);
    }

    #[test]
    fn a_sum_is_over_what_has_the_labels() {
        let samples = Samples::from([
            (Series::new("a", &[("b", "1"), ("c", "2")]), 1.0),
            (Series::new("a", &[("b", "1"), ("c", "3")]), 2.0),
            (Series::new("a", &[("b", "4")]), 4.0),
            (Series::new("z", &[("b", "1")]), 8.0),
        ]);
        assert_eq!(sum(&samples, "a", &[("b", "1")]), 3.0);
        assert_eq!(sum(&samples, "a", &[]), 7.0);
    }
}
