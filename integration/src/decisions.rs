//! What the filter has counted: `coalmine_decisions`, as Prometheus sees it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use crate::admin::Admin;

/// The name of the metric.
pub const METRIC: &str = "coalmine_decisions";

/// How many decisions of each kind.
pub type Counts = BTreeMap<Decided, u64>;

/// The labels of a counter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decided {
    /// The canary, with its namespace in front if it has one.
    pub canary: String,
    /// The variant that served.
    pub variant: String,
    /// Why.
    pub reason: String,
}

impl Decided {
    /// A canary's decision for a variant, and why.
    #[must_use]
    pub fn new(canary: &str, variant: &str, reason: &str) -> Self {
        Self {
            canary: canary.to_owned(),
            variant: variant.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

/// What all workers together have counted since Envoy's start.
///
/// # Errors
/// Envoy is gone, or its page has a line of this metric that has other labels or no number.
pub fn counts(admin: &Admin) -> Result<Counts> {
    let page = admin.get(&format!("/stats/prometheus?filter={METRIC}"))?;
    page.lines()
        .filter_map(|line| line.strip_prefix(METRIC))
        .map(|rest| read(rest).with_context(|| format!("what is {METRIC}{rest}?")))
        .collect()
}

/// What has been counted since `before`: only what rose.
#[must_use]
pub fn since(before: &Counts, now: &Counts) -> Counts {
    let rise = |(decided, count): (&Decided, &u64)| {
        let before = before.get(decided).copied().unwrap_or_default();
        Some((
            decided.clone(),
            count.checked_sub(before).filter(|rise| *rise > 0)?,
        ))
    };
    now.iter().filter_map(rise).collect()
}

/// `{canary="a",variant="b",reason="c"} 5`, as our bootstrap orders the labels.
fn read(rest: &str) -> Option<(Decided, u64)> {
    let (labels, count) = rest.strip_prefix('{')?.split_once("} ")?;
    let mut labels = labels.split(',');
    let mut label = |name: &str| {
        let value = labels.next()?.strip_prefix(name)?.strip_prefix("=\"")?;
        value.strip_suffix('"')
    };
    let decided = Decided::new(label("canary")?, label("variant")?, label("reason")?);
    Some((decided, count.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_three_labels_and_a_number() {
        let check = |line: &str, expected: Option<(Decided, u64)>| {
            assert_eq!(read(line), expected, "{line}");
        };
        check(
            r#"{canary="a/b",variant="c",reason="rule:d"} 5"#,
            Some((Decided::new("a/b", "c", "rule:d"), 5)),
        );
        check(r#"{canary="a",variant="c"} 5"#, None);
        check(r#"{canary="a",variant="c",reason="d"} x"#, None);
        check("{} 5", None);
        check(" 5", None);
    }

    #[test]
    fn only_what_rose_is_new() {
        let [a, b, c] = ["a", "b", "c"].map(|reason| Decided::new("x", "y", reason));
        let before = Counts::from([(a.clone(), 1), (b.clone(), 2)]);
        let now = Counts::from([(a, 1), (b.clone(), 5), (c.clone(), 1)]);
        assert_eq!(since(&before, &now), Counts::from([(b, 3), (c, 1)]));
    }
}
