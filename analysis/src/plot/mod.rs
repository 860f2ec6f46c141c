//! Parts of a whole over time, for a terminal and as SVG.
//!
//! | file | what |
//! |---|---|
//! | `axes` | the ends and marks of both axes |
//! | `terminal` | in characters |
//! | `svg` | as a picture that stands by itself |

mod axes;
mod svg;
mod terminal;

pub use svg::svg;
pub use terminal::terminal;

use crate::simulate::Curve;
use coalmine::Timestamp;

/// Parts of a whole, from 0 to 1, over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Lines {
    /// What the plot is called.
    pub title: String,
    /// What is measured upwards.
    pub measure: String,
    /// What else there is to say, below.
    pub note: String,
    /// What each line is called.
    pub names: Vec<String>,
    /// By time: the value of each line.
    pub points: Vec<(Timestamp, Vec<f64>)>,
}

impl From<&Curve> for Lines {
    fn from(curve: &Curve) -> Self {
        let points = curve.points.iter();
        Self {
            title: format!("{}: share of all requests by variant", curve.canary),
            measure: "share of requests".to_owned(),
            note: format!("the rest: {}", curve.default),
            names: curve.variants.clone(),
            points: points.map(|point| (point.at, point.seen.clone())).collect(),
        }
    }
}
