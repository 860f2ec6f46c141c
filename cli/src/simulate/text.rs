//! The report for people.

use super::{Simulated, log::LogRead};
use coalmine_analysis::plot;
use coalmine_analysis::simulate::{Draw, Seen, Simulation};
use comfy_table::{CellAlignment, Table, presets};

/// How wide a plot is where nobody says.
const COLUMNS: usize = 80;

pub(super) fn text(simulated: &Simulated) -> String {
    let mut text = String::new();
    for speed in &simulated.speed {
        text.push_str(&format!(
            "{}: {} decisions a second on one core ({} on average over {})\n",
            speed.canary,
            grouped(speed.speed.best as u64),
            grouped(speed.speed.mean as u64),
            grouped(speed.speed.decisions),
        ));
    }
    if let Some(read) = &simulated.log {
        log(read, &mut text);
    }
    for simulation in &simulated.canaries {
        if !text.is_empty() {
            text.push('\n');
        }
        canary(simulation, &mut text);
    }
    for curve in &simulated.curves {
        text.push('\n');
        text.push_str(&plot::terminal(
            curve,
            crate::explain::columns().unwrap_or(COLUMNS),
        ));
    }
    text
}

fn log(read: &LogRead, text: &mut String) {
    text.push_str(&format!(
        "{} of {} {}",
        grouped(read.requests),
        lines(read.lines),
        match read.requests {
            1 => "is a request",
            _ => "are requests",
        }
    ));
    if read.untouched > 0 {
        let untouched = grouped(read.untouched);
        text.push_str(&format!(
            ", {untouched} of them for hosts that no canary governs"
        ));
    }
    text.push('\n');
    if read.bad > 0 {
        text.push_str(&format!("{} cannot be read:\n", lines(read.bad)));
        for bad in &read.first_bad {
            text.push_str(&format!("  line {}: {}\n", bad.line, bad.problem));
        }
        let more = read.bad - read.first_bad.len() as u64;
        if more > 0 {
            text.push_str(&format!("  and {} more\n", grouped(more)));
        }
    }
    for canary in &read.without_units {
        text.push_str(&format!("the log does not say who is who: {canary}\n"));
    }
}

fn lines(count: u64) -> String {
    match count {
        1 => "1 line".to_owned(),
        count => format!("{} lines", grouped(count)),
    }
}

fn canary(simulation: &Simulation, text: &mut String) {
    let requests = grouped(simulation.requests);
    text.push_str(&format!(
        "canary {}: {requests} requests",
        simulation.canary
    ));
    if let Some(at) = simulation.at {
        text.push_str(&format!(" at {at}"));
    }
    if let Some(unit) = &simulation.unit {
        text.push_str(&format!(", {unit}"));
    }
    text.push('\n');
    if simulation.requests == 0 {
        return;
    }
    let mut table = table(&["variant", "reason", "requests", "of all"], &[2, 3]);
    for outcome in &simulation.outcomes {
        table.add_row([
            outcome.variant.clone(),
            outcome.reason.clone(),
            grouped(outcome.requests),
            percent(outcome.share),
        ]);
    }
    text.push_str(&indented(&table));
    for draw in &simulation.draws {
        drawn(draw, text);
    }
    if simulation.draws.is_empty() {
        text.push_str("nothing was drawn, so there is no share to compare\n");
        return;
    }
    text.push_str(if simulation.as_asked {
        "every share is compatible with what was asked\n"
    } else {
        "NOT AS ASKED: a share is further away than chance explains (1 in 10,000)\n"
    });
}

fn drawn(draw: &Draw, text: &mut String) {
    let by_unit = draw.variants.iter().any(|variant| variant.units.is_some());
    text.push_str(&format!("drawn by {}:\n", draw.reason));
    let mut table = table(
        &["variant", "asked", "seen", "95 % interval", "of", ""],
        &[1, 2, 4],
    );
    let mut row = |name: &str, asked: f64, seen: &Seen, of: &str, verdict: &str| {
        table.add_row([
            name.to_owned(),
            percent(asked),
            percent(seen.share),
            format!(
                "{} to {}",
                percent(seen.interval.low),
                percent(seen.interval.high)
            ),
            format!("{} of {} {of}", grouped(seen.count), grouped(seen.of)),
            verdict.to_owned(),
        ]);
    };
    for variant in &draw.variants {
        let verdict = if variant.as_asked { "ok" } else { "OFF" };
        match &variant.units {
            Some(units) => {
                row(&variant.variant, variant.asked, units, "units", verdict);
                row("", variant.asked, &variant.requests, "requests", "");
            }
            None if by_unit => {}
            None => row(
                &variant.variant,
                variant.asked,
                &variant.requests,
                "requests",
                verdict,
            ),
        }
    }
    text.push_str(&indented(&table));
}

fn table(names: &[&str], right: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(names);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if right.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn indented(table: &Table) -> String {
    let lines = table.lines();
    let lines = lines.map(|line| format!("  {}\n", line.trim_end()));
    lines.collect()
}

fn percent(share: f64) -> String {
    let text = format!("{:.4}", share * 100.0);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}%")
}

/// 1,000,000
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
