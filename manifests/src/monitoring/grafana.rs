//! A dashboard for Grafana 10 and newer: what rules and alerts look at, for any canary.

use super::measure::Measure;
use crate::Error;
use coalmine::metrics::Metric;
use serde_json::{Value, json};

/// The schema of Grafana 10.4 and 11; newer ones read it too.
const SCHEMA_VERSION: u32 = 39;

/// Grafana's word for a window that spans some scrapes, whatever is zoomed to.
const WINDOW: &str = "$__rate_interval";

/// Panels stand in rows of two; Grafana's grid has 24 columns.
const WIDTH: usize = 12;

/// In Grafana's rows.
const HEIGHT: usize = 8;

/// A panel: its title, what it says, the unit of its values, and what it plots.
struct Panel {
    title: &'static str,
    description: &'static str,
    unit: &'static str,
    measures: &'static [Measure],
}

const PANELS: [Panel; 8] = [
    Panel {
        title: "Decisions by variant and reason",
        description: "Requests a second that a canary governs, and why they got their variant.",
        unit: "reqps",
        measures: &[Measure::Decisions],
    },
    Panel {
        title: "Responses by arm",
        description: "Responses a second to who was drawn. A variant and its control cohort are equally large.",
        unit: "reqps",
        measures: &[Measure::Responses],
    },
    Panel {
        title: "Failed part by arm",
        description: "The part of the responses that failed: 5xx, or reset. Compare a variant with control.",
        unit: "percentunit",
        measures: &[Measure::Failed],
    },
    Panel {
        title: "Slow part by arm and bound",
        description: "The part of the responses that took longer than a bound of slowerThan, in milliseconds. No line means none.",
        unit: "percentunit",
        measures: &[Measure::Slow],
    },
    Panel {
        title: "Latency by arm",
        description: "The time to the headers of the response within which half, 90 and 99 of a hundred came.",
        unit: "ms",
        measures: &[
            Measure::Latency(0.5),
            Measure::Latency(0.9),
            Measure::Latency(0.99),
        ],
    },
    Panel {
        title: "Guard: workers that hold a variant back",
        description: "Workers of proxies whose guard is open, or tries the variant.",
        unit: "short",
        measures: &[Measure::GuardOpen],
    },
    Panel {
        title: "Guard: changes",
        description: "Changes of guards to a state, a second.",
        unit: "short",
        measures: &[Measure::GuardChanges],
    },
    Panel {
        title: "Refused pins by cause",
        description: "Requests a second with a signed pin that counts for nothing.",
        unit: "reqps",
        measures: &[Measure::PinRefusals],
    },
];

/// A dashboard, as Grafana imports it: its variables are the source of data and the canary.
///
/// # Errors
/// None.
pub fn grafana() -> Result<String, Error> {
    let panels: Vec<Value> = PANELS.iter().enumerate().map(panel).collect();
    let dashboard = json!({
        "title": "Coalmine",
        "uid": "coalmine",
        "description": "Canaries: who got which version and why, and how the versions did.",
        "tags": ["coalmine", "canary"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": true,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "",
        "templating": {"list": [source(), canaries()]},
        "panels": panels,
    });
    let mut text = serde_json::to_string_pretty(&dashboard).map_err(Error::Json)?;
    text.push('\n');
    Ok(text)
}

/// The variable that says which Prometheus.
fn source() -> Value {
    json!({
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "refresh": 1,
    })
}

/// The variable that says which canaries: those that have decided anything.
fn canaries() -> Value {
    let query = format!("label_values({}, canary)", Metric::Decisions.name());
    json!({
        "name": "canary",
        "label": "Canary",
        "type": "query",
        "datasource": prometheus(),
        // Grafana makes its editor's fields of a text by itself.
        "query": query,
        // Whenever the time that is looked at changes.
        "refresh": 2,
        "sort": 1,
        "multi": true,
        "includeAll": true,
        "allValue": ".+",
        "current": {"selected": true, "text": ["All"], "value": ["$__all"]},
    })
}

fn prometheus() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

fn panel((number, panel): (usize, &Panel)) -> Value {
    let targets: Vec<Value> = panel.measures.iter().enumerate().map(target).collect();
    json!({
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.description,
        "datasource": prometheus(),
        "gridPos": {
            "x": number % 2 * WIDTH,
            "y": number / 2 * HEIGHT,
            "w": WIDTH,
            "h": HEIGHT,
        },
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "custom": {"lineWidth": 1, "fillOpacity": 5}},
            "overrides": [],
        },
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": true},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": targets,
    })
}

fn target((number, measure): (usize, &Measure)) -> Value {
    json!({
        "refId": format!("Q{number}"),
        "datasource": prometheus(),
        "editorMode": "code",
        "range": true,
        "expr": measure.query("canary=~\"$canary\"", WINDOW),
        "legendFormat": legend(*measure),
    })
}

/// What a line is called: the values of its labels.
fn legend(measure: Measure) -> String {
    let labels: Vec<String> = measure
        .by()
        .iter()
        .map(|label| format!("{{{{{label}}}}}"))
        .collect();
    let labels = labels.join(" ");
    match measure {
        Measure::Latency(part) => format!("{labels} p{}", part * 100.0),
        _ => labels,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legends() {
        let check = |measure, expected: &str| assert_eq!(legend(measure), expected);
        check(Measure::Decisions, "{{canary}} {{variant}} {{reason}}");
        check(Measure::Latency(0.99), "{{canary}} {{arm}} p99");
        check(Measure::Latency(0.5), "{{canary}} {{arm}} p50");
    }

    /// Every target asks the source and the canary that are chosen, in a panel of its own place.
    #[test]
    fn the_dashboard_holds_together() {
        let dashboard: Value = serde_json::from_str(&grafana().unwrap()).unwrap();
        let panels = dashboard["panels"].as_array().unwrap();
        assert_eq!(panels.len(), PANELS.len());
        let mut places = Vec::new();
        for panel in panels {
            places.push((
                panel["gridPos"]["x"].as_u64(),
                panel["gridPos"]["y"].as_u64(),
            ));
            for target in panel["targets"].as_array().unwrap() {
                let expr = target["expr"].as_str().unwrap();
                assert!(expr.contains(r#"{canary=~"$canary""#), "{expr}");
                assert_eq!(target["datasource"]["uid"], "${datasource}");
            }
        }
        let before = places.len();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), before, "{places:?}");
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        let names: Vec<&str> = variables
            .iter()
            .map(|variable| variable["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["datasource", "canary"]);
    }
}
