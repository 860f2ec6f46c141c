//! As a picture that stands by itself: readable on light and on dark, and without a style around.

use super::Lines;
use super::axes::{Axes, percent};

use ::svg::Document;
use ::svg::node::element::{Circle, Group, Line, Polyline, Rectangle, Style, Text, Title};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 700.0;
const TOP: f64 = 60.0;
const BOTTOM: f64 = 310.0;

/// Colours that people with colour blindness tell apart, on white and on near-black (M. Okabe and
/// K. Ito, "Color Universal Design", 2008), and dashes for those who see none.
const COLOURS: [&str; 6] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
];
const DASHES: [&str; 3] = ["none", "8 4", "2 4"];

const STYLE: &str = "\
.paper{fill:#fff}.ink{fill:#222}.faint{stroke:#ccc}.axis{stroke:#555}\
text{font-family:system-ui,sans-serif;font-size:13px}.title{font-size:17px;font-weight:600}\
@media (prefers-color-scheme:dark){.paper{fill:#181a1b}.ink{fill:#e8e6e3}.faint{stroke:#444}\
.axis{stroke:#aaa}}";

/// The lines as an SVG file.
pub fn svg(lines: &Lines) -> String {
    let axes = Axes::of(lines);
    let title = &lines.title;
    let mut document = Document::new()
        .set("viewBox", (0, 0, WIDTH as u32, HEIGHT as u32))
        .set("width", WIDTH)
        .set("height", HEIGHT)
        .set("role", "img")
        .add(Title::new(title.as_str()))
        .add(Style::new(STYLE))
        .add(
            Rectangle::new()
                .set("class", "paper")
                .set("width", "100%")
                .set("height", "100%"),
        )
        .add(text(title, LEFT, 32.0, "start").set("class", "ink title"));
    for step in 0..=4 {
        let part = f64::from(step) / 4.0;
        let y = BOTTOM - part * (BOTTOM - TOP);
        document = document
            .add(line(
                (LEFT, y),
                (RIGHT, y),
                if step == 0 { "axis" } else { "faint" },
            ))
            .add(text(&percent(axes.top * part), LEFT - 8.0, y + 4.0, "end"));
        let x = LEFT + part * (RIGHT - LEFT);
        let label = axes.label(axes.time(part));
        document = document
            .add(line((x, BOTTOM), (x, BOTTOM + 5.0), "axis"))
            .add(text(&label, x, BOTTOM + 20.0, "middle"));
    }
    let middle = (TOP + BOTTOM) / 2.0;
    document = document
        .add(line((LEFT, TOP), (LEFT, BOTTOM), "axis"))
        .add(text(
            "time (UTC)",
            (LEFT + RIGHT) / 2.0,
            BOTTOM + 42.0,
            "middle",
        ))
        .add(
            text(&lines.measure, 18.0, middle, "middle")
                .set("transform", format!("rotate(-90 18 {middle})")),
        );
    for (number, name) in lines.names.iter().enumerate() {
        document = document.add(one(lines, &axes, number, name));
    }
    document = document.add(text(&lines.note, RIGHT, HEIGHT - 18.0, "end"));
    format!("{document}\n")
}

/// A line with its entry in the legend.
fn one(lines: &Lines, axes: &Axes, number: usize, name: &str) -> Group {
    let colour = COLOURS[number % COLOURS.len()];
    let dashes = DASHES[number / COLOURS.len() % DASHES.len()];
    let points: Vec<String> = lines
        .points
        .iter()
        .map(|(at, values)| {
            let share = values.get(number).copied().unwrap_or_default();
            let x = LEFT + axes.x(*at) * (RIGHT - LEFT);
            let y = BOTTOM - axes.y(share) * (BOTTOM - TOP);
            format!("{x:.1},{y:.1}")
        })
        .collect();
    let x = LEFT + 130.0 * (number % 4) as f64;
    let y = HEIGHT - 22.0 + 16.0 * (number / 4) as f64;
    Group::new()
        .add(
            Polyline::new()
                .set("points", points.join(" "))
                .set("fill", "none")
                .set("stroke", colour)
                .set("stroke-dasharray", dashes)
                .set("stroke-width", 2.5),
        )
        .add(
            Circle::new()
                .set("cx", x)
                .set("cy", y)
                .set("r", 5)
                .set("fill", colour),
        )
        .add(text(name, x + 10.0, y + 4.0, "start"))
}

fn line((x1, y1): (f64, f64), (x2, y2): (f64, f64), class: &str) -> Line {
    Line::new()
        .set("x1", x1)
        .set("y1", y1)
        .set("x2", x2)
        .set("y2", y2)
        .set("class", class)
}

fn text(content: &str, x: f64, y: f64, anchor: &str) -> Text {
    Text::new(content)
        .set("x", x)
        .set("y", y)
        .set("text-anchor", anchor)
        .set("class", "ink")
}
