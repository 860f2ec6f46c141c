//! `docs/metrics.md` says what the filter counts, and what makes the labels.

use crate::docs::{blocks, root};
use crate::pages::check_page;
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

#[test]
fn series_are_as_many_as_is_told() {
    let page = page();
    let source = Source {
        name: "reviews.yaml".to_owned(),
        text: blocks(&page, "yaml")[0].to_owned(),
    };
    let (canaries, found) = read(&[source]);
    assert!(found.is_empty(), "{found:?}");
    let most = Metric::ALL.map(|metric| metric.most_series(&canaries.canaries[0]));
    let parts = most.map(|number| number.to_string()).join(" + ");
    let told = format!("{parts} = {}", most.iter().sum::<usize>());
    assert!(page.contains(&told), "docs/metrics.md does not say {told}");
}
