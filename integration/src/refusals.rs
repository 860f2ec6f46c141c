//! What the filter has counted of refused pins: `coalmine_pin_refusals`, as Prometheus sees it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use crate::admin::Admin;

/// The name of the metric.
const METRIC: &str = "coalmine_pin_refusals";

/// On how many requests a pin was refused, by canary and cause.
pub type Refusals = BTreeMap<(String, String), u64>;

/// What all workers together have counted since Envoy's start.
///
/// # Errors
/// Envoy is gone, or its page has a line of this metric that has other labels or no number.
pub fn counts(admin: &Admin) -> Result<Refusals> {
    let page = admin.get(&format!("/stats/prometheus?filter={METRIC}"))?;
    page.lines()
        .filter_map(|line| line.strip_prefix(METRIC))
        .map(|rest| read(rest).with_context(|| format!("what is {METRIC}{rest}?")))
        .collect()
}

/// The causes of one canary that rose since `before`, and by how much.
#[must_use]
pub fn since(before: &Refusals, now: &Refusals, canary: &str) -> BTreeMap<String, u64> {
    let of_canary = now.iter().filter(|((name, _), _)| name == canary);
    let rise = |(key, count): (&(String, String), &u64)| {
        let before = before.get(key).copied().unwrap_or_default();
        let rise = count.checked_sub(before).filter(|rise| *rise > 0)?;
        Some((key.1.clone(), rise))
    };
    of_canary.filter_map(rise).collect()
}

/// `{canary="a",cause="b"} 5`, as our bootstrap orders the labels.
fn read(rest: &str) -> Option<((String, String), u64)> {
    let (labels, count) = rest.strip_prefix("{canary=\"")?.split_once("\"} ")?;
    let (canary, cause) = labels.split_once("\",cause=\"")?;
    Some(((canary.to_owned(), cause.to_owned()), count.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_two_labels_and_a_number() {
        let check = |line: &str, expected: Option<(&str, &str, u64)>| {
            let expected = expected
                .map(|(canary, cause, count)| ((canary.to_owned(), cause.to_owned()), count));
            assert_eq!(read(line), expected, "{line}");
        };
        check(
            r#"{canary="a/b",cause="expired"} 5"#,
            Some(("a/b", "expired", 5)),
        );
        check(r#"{canary="a"} 5"#, None);
        check(r#"{canary="a",cause="b"} x"#, None);
        check(" 5", None);
    }

    #[test]
    fn only_what_rose_of_one_canary_is_new() {
        let counts = |counts: &[(&str, &str, u64)]| -> Refusals {
            let counts = counts.iter();
            counts
                .map(|(canary, cause, count)| (((*canary).to_owned(), (*cause).to_owned()), *count))
                .collect()
        };
        let before = counts(&[("a", "x", 1), ("a", "y", 2)]);
        let now = counts(&[("a", "x", 1), ("a", "y", 5), ("a", "z", 1), ("b", "x", 9)]);
        let expected = BTreeMap::from([("y".to_owned(), 3), ("z".to_owned(), 1)]);
        assert_eq!(since(&before, &now, "a"), expected);
    }
}
