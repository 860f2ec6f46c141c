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

/// The counters of a metric by the values of these labels, of all workers together.
///
/// # Errors
/// Envoy is gone, or its page has a series of this metric that has other labels or is no counter.
pub(crate) fn counters<const N: usize>(
    admin: &Admin,
    metric: &str,
    labels: [&str; N],
) -> Result<Vec<([String; N], u64)>> {
    let samples = read(admin, metric)?;
    let samples = samples.iter();
    samples
        .map(|(series, value)| {
            let counter = counter(series, *value, labels).filter(|_| series.name == metric);
            counter.with_context(|| format!("what is {series:?}, {value}?"))
        })
        .collect()
}

fn counter<const N: usize>(
    series: &Series,
    value: f64,
    labels: [&str; N],
) -> Option<([String; N], u64)> {
    let known = labels.iter().all(|name| series.labels.contains_key(*name));
    let whole = value >= 0.0 && value.fract() == 0.0;
    (known && whole && series.labels.len() == N).then(|| {
        (
            labels.map(|name| series.label(name).to_owned()),
            value as u64,
        )
    })
}

/// What has been counted since `before`: only what rose.
pub(crate) fn rises<K: Clone + Ord>(
    before: &BTreeMap<K, u64>,
    now: &BTreeMap<K, u64>,
) -> BTreeMap<K, u64> {
    let rise = |(key, count): (&K, &u64)| {
        let before = before.get(key).copied().unwrap_or_default();
        let rise = count.checked_sub(before).filter(|rise| *rise > 0)?;
        Some((key.clone(), rise))
    };
    now.iter().filter_map(rise).collect()
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
    fn a_counter_has_these_labels_and_a_whole_number() {
        let check = |line: &str, expected: Option<([&str; 2], u64)>| {
            let (series, value) = parse(line).unwrap();
            let expected = expected.map(|(labels, count)| (labels.map(str::to_owned), count));
            assert_eq!(counter(&series, value, ["b", "c"]), expected, "{line}");
        };
        check(r#"a{b="c/d",c="rule:e"} 5"#, Some((["c/d", "rule:e"], 5)));
        check(r#"a{c="2",b="1"} 0"#, Some((["1", "2"], 0)));
        check(r#"a{b="1"} 5"#, None);
        check(r#"a{b="1",d="2"} 5"#, None);
        check(r#"a{b="1",c="2",d="3"} 5"#, None);
        check(r#"a{b="1",c="2"} 0.5"#, None);
        check(r#"a{b="1",c="2"} -1"#, None);
        check(r#"a{b="1",c="2"} NaN"#, None);
        check("a 5", None);
    }

    #[test]
    fn only_what_rose_is_new() {
        let before = BTreeMap::from([("a", 1), ("b", 2), ("gone", 4)]);
        let now = BTreeMap::from([("a", 1), ("b", 5), ("c", 1)]);
        assert_eq!(rises(&before, &now), BTreeMap::from([("b", 3), ("c", 1)]));
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
