//! In characters.

use super::Lines;
use super::axes::{Axes, percent};
use crate::simulate::Curve;

/// How high the plot is.
const ROWS: usize = 11;

/// How wide what stands left of the axis is.
const GUTTER: usize = 9;

/// The marks of the variants, in their order; they begin anew where there are more.
const MARKS: [char; 4] = ['#', '=', '+', '%'];

/// The curve in `columns` characters, each variant beside the default with a mark of its own; where
/// two meet the first is seen.
pub fn terminal(curve: &Curve, columns: usize) -> String {
    let width = columns.saturating_sub(GUTTER + 2).clamp(20, 100);
    let axes = Axes::of(&Lines::from(curve));
    let mut cells = vec![vec![' '; width]; ROWS];
    for (column, x) in (0..width).map(|column| (column, column as f64 / (width - 1) as f64)) {
        // The point before this place: between two points nothing is known.
        let at = axes.time(x);
        let index = curve.points.partition_point(|point| point.at <= at);
        let Some(point) = curve.points.get(index.saturating_sub(1)) else {
            continue;
        };
        for (number, share) in point.seen.iter().enumerate().rev() {
            let row = ((1.0 - axes.y(*share)) * (ROWS - 1) as f64).round() as usize;
            cells[row.min(ROWS - 1)][column] = MARKS[number % MARKS.len()];
        }
    }
    let mut text = format!("{}: share of all requests over time (UTC)\n", curve.canary);
    for (row, cells) in cells.iter().enumerate() {
        let label = match row {
            0 => percent(axes.top),
            row if row == ROWS / 2 => percent(axes.top / 2.0),
            row if row == ROWS - 1 => "0%".to_owned(),
            _ => String::new(),
        };
        let cells: String = cells.iter().collect();
        text.push_str(&format!("{label:>GUTTER$} |{}\n", cells.trim_end()));
    }
    text.push_str(&format!("{:>GUTTER$} +{}\n", "", "-".repeat(width)));
    let (first, last) = (axes.label(axes.time(0.0)), axes.label(axes.time(1.0)));
    let middle = axes.label(axes.time(0.5));
    let gap = |taken: usize| width.saturating_sub(taken) / 2;
    let labels = first.len() + middle.len() + last.len();
    if labels + 4 <= width {
        let left = gap(labels);
        let right = width - labels - left;
        let line = format!("{first}{:left$}{middle}{:right$}{last}", "", "");
        text.push_str(&format!("{:>GUTTER$}  {line}\n", ""));
    } else {
        let between = width.saturating_sub(first.len() + last.len()).max(1);
        text.push_str(&format!("{:>GUTTER$}  {first}{:between$}{last}\n", "", ""));
    }
    let legend = curve.variants.iter().enumerate();
    let legend: Vec<String> = legend
        .map(|(number, name)| format!("{} {name}", MARKS[number % MARKS.len()]))
        .collect();
    text.push_str(&format!(
        "{:>GUTTER$}  {}; the rest is {}\n",
        "",
        legend.join("  "),
        curve.default
    ));
    text
}
