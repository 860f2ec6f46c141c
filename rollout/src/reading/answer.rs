//! Answers of Prometheus' HTTP API (prometheus.io, "HTTP API", "Instant queries").

use serde::Deserialize;
use std::collections::BTreeMap;

/// What a question gave, or why nothing.
pub type Answer = Result<Vec<Sample>, String>;

/// A series at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its labels, the name among them as `__name__`.
    pub labels: BTreeMap<String, String>,
    /// Its value; may be no number.
    pub value: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    status: String,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", tag = "resultType", content = "result")]
enum Data {
    Vector(Vec<Series>),
    Scalar((f64, String)),
    Matrix(serde::de::IgnoredAny),
    String(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    value: (f64, String),
}

/// Reads an answer to an instant query.
///
/// # Errors
/// Prometheus says that it cannot answer, or what came is not its answer.
pub fn parse(page: &[u8]) -> Answer {
    let page: Page = serde_json::from_slice(page)
        .map_err(|error| format!("this is no answer of Prometheus: {error}"))?;
    if page.status != "success" {
        return Err(page
            .error
            .unwrap_or_else(|| "it does not say why".to_owned()));
    }
    match page.data {
        Some(Data::Vector(series)) => Ok(series
            .into_iter()
            .map(|series| Sample {
                labels: series.metric,
                value: number(&series.value.1),
            })
            .collect()),
        Some(Data::Scalar((_, value))) => Ok(vec![Sample {
            labels: BTreeMap::new(),
            value: number(&value),
        }]),
        Some(Data::Matrix(_)) => Err("the query gives a range; take the `[...]` out".to_owned()),
        Some(Data::String(_)) => Err("the query gives a text, not a number".to_owned()),
        None => Err("the answer has no data".to_owned()),
    }
}

/// `NaN`, `+Inf` and `-Inf` are written so.
fn number(text: &str) -> f64 {
    match text {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        text => text.parse().unwrap_or(f64::NAN),
    }
}
