//! `docs/metrics.md` says what the filter counts, and what makes the labels.

use crate::docs::{blocks, root};
use crate::pages::check_page;
use coalmine::diagnostic::any_error;
use coalmine::metrics::{Kind, LABELS, Metric, tag_regex};
use coalmine::yaml::{Source, read};
use coalmine_manifests::prometheus::istio_stat_tags;
use std::fs;

fn page() -> String {
    fs::read_to_string(root().join("docs/metrics.md")).unwrap()
}

#[test]
fn rules_are_printed() {
    check_page("metrics.md", &["reviews.yaml"], &[0]);
}

#[test]
fn all_is_told() {
    let mut told = Vec::new();
    for metric in Metric::ALL {
        let kind = match metric.kind() {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let labels = metric.labels().join("`, `");
        let (name, meaning) = (metric.name(), metric.meaning());
        told.push(format!("| `{name}` | {kind} | `{labels}` | {meaning} |"));
    }
    for label in LABELS {
        told.push(format!("| `{}` | {} |", label.name, label.meaning));
        let regex = tag_regex(label.name);
        told.push(format!(
            "  - {{tag_name: {}, regex: '{regex}'}}",
            label.name
        ));
    }
    let tags = istio_stat_tags();
    told.push(format!(
        "    sidecar.istio.io/extraStatTags: {}",
        tags.join(",")
    ));
    told.push(format!("    extraStatTags: [{}]", tags.join(", ")));
    let page = page();
    let missing: Vec<String> = told
        .into_iter()
        .filter(|line| !page.lines().any(|found| found == line))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/metrics.md lacks\n{}",
        missing.join("\n")
    );
}

/// How many series of each metric the canary of the page may come to, once it is changed so.
fn most_series(page: &str, (from, to): (&str, &str)) -> [usize; Metric::ALL.len()] {
    let text = blocks(page, "yaml")[0];
    assert!(text.contains(from), "{from}");
    let source = Source {
        name: "reviews.yaml".to_owned(),
        text: text.replace(from, to),
    };
    let (canaries, found) = read(&[source]);
    assert!(!any_error(&found), "{found:?}");
    Metric::ALL.map(|metric| metric.most_series(&canaries.canaries[0]))
}

#[test]
fn series_are_as_many_as_is_told() {
    let page = page();
    let most = most_series(&page, ("", ""));
    let parts = most.map(|number| number.to_string()).join(" + ");
    let told = format!("{parts} = {}", most.iter().sum::<usize>());
    assert!(page.contains(&told), "docs/metrics.md does not say {told}");

    let check = |from, to, expected| assert_eq!(most_series(&page, (from, to)), expected, "{to}");
    const EVIDENCE: &str = "evidence: {slowerThan: [250ms]}";
    check(
        EVIDENCE,
        "whenNoUnit: default",
        [20, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    );
    check(
        EVIDENCE,
        "evidence: {rest: true}",
        [20, 240, 66, 0, 51, 10, 0, 0, 0, 0],
    );
    check(
        EVIDENCE,
        "evidence: {rest: true, slowerThan: [250ms, 1s, 2s, 4s]}",
        [20, 240, 66, 192, 51, 10, 0, 0, 0, 0],
    );
    check(
        EVIDENCE,
        "evidence: {slowerThan: [250ms]}\n  guard: {}",
        [20, 240, 66, 48, 51, 10, 3, 1, 0, 0],
    );
    check(
        "  pins: {header: x-canary}\n",
        "",
        [20, 160, 44, 32, 34, 5, 0, 0, 0, 0],
    );
    let third = "canary: {labels: {version: v2}}\n    third: {labels: {version: v3}}";
    let second = "canary: {labels: {version: v2}}";
    check(second, third, [30, 240, 66, 48, 51, 20, 0, 0, 0, 0]);
}
