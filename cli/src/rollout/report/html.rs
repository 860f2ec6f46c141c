//! A report as a page that stands by itself.

use super::Told;
use crate::rollout::status::second;
use coalmine_analysis::plot::{Lines, svg};
use coalmine_rollout::journal::{Finding, rate};
use coalmine_rollout::machine::history::Point;
use maud::{DOCTYPE, PreEscaped, html};
use std::collections::BTreeSet;

const STYLE: &str = "\
body{font-family:system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}\
table{border-collapse:collapse;width:100%;margin:1rem 0}\
td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ccc;vertical-align:top}\
svg{max-width:100%;height:auto;margin:.5rem 0}\
@media (prefers-color-scheme:dark){body{color:#e8e6e3;background:#181a1b}td,th{border-color:#444}}";

/// The page.
pub(super) fn page(told: &Told<'_>) -> String {
    let title = told.title();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                p { (told.summary()) }
                @for plot in plots(told) { (PreEscaped(svg(&plot))) }
                h2 { "Decisions" }
                table {
                    tr { th { "when" } th { "decision" } th { "share" } th { "why" } }
                    @for entry in told.entries {
                        tr {
                            td { (second(entry.at)) }
                            td { (entry.kind.name()) }
                            td { (entry.share) }
                            td { (entry.message) }
                        }
                    }
                }
                @if !told.findings().is_empty() {
                    h2 { "What decided" }
                    table {
                        tr { th { "check" } th { (told.plan.variant) } th { "compared with" } th { "by chance alone" } th { "allowed by then" } }
                        @for finding in told.findings() { (row(finding)) }
                    }
                }
            }
        }
    };
    page.into_string() + "\n"
}

fn row(finding: &Finding) -> maud::Markup {
    let part = |part: f64| format!("{:.4} %", 100.0 * part);
    let look = finding.look.as_ref();
    html! {
        tr {
            td { (finding.check) }
            td { (rate(finding.canary)) }
            td { (rate(finding.control)) }
            td { (look.map(|look| part(look.p)).unwrap_or_default()) }
            td { (look.map(|look| part(look.allowed)).unwrap_or_default()) }
        }
    }
}

/// The share, and each check's rates, over time.
fn plots(told: &Told<'_>) -> Vec<Lines> {
    let points = told.points();
    if points.len() < 2 {
        return Vec::new();
    }
    let note = format!("{} readings", points.len());
    let share = |point: &Point| vec![f64::from(point.share.millionths()) / 1e6];
    let mut plots = vec![Lines {
        title: format!("share of {}", told.plan.variant),
        measure: "share of users".to_owned(),
        note: note.clone(),
        names: vec![told.plan.variant.clone()],
        points: points
            .iter()
            .map(|point| (point.at, share(point)))
            .collect(),
    }];
    let checks: BTreeSet<&String> = points
        .iter()
        .flat_map(|point| point.counts.keys())
        .collect();
    for check in checks {
        let rates = |point: &Point| {
            let [requests, bad, of_requests, of_bad] =
                point.counts.get(check).copied().unwrap_or_default();
            let part = |bad: u64, requests: u64| bad as f64 / requests.max(1) as f64;
            vec![part(bad, requests), part(of_bad, of_requests)]
        };
        plots.push(Lines {
            title: format!("{check}: part of all requests since the beginning"),
            measure: "part of requests".to_owned(),
            note: note.clone(),
            names: vec![told.plan.variant.clone(), "control".to_owned()],
            points: points
                .iter()
                .map(|point| (point.at, rates(point)))
                .collect(),
        });
    }
    plots
}
