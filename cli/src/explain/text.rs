//! The explanation for people: one paragraph for each step that was reached.

use super::line;
use super::trace::{Explanation, Outcome, Pins, Rule, Unit};
use coalmine::bucket::POSITIONS;
use coalmine::config::WhenNoUnit;

/// Where what belongs to a step begins.
const INDENT: usize = 10;

/// `columns` is how wide the terminal is, if there is one.
pub(super) fn text(explanation: &Explanation, columns: Option<usize>) -> String {
    let mut page = Page {
        text: String::new(),
        room: columns.map(|columns| columns.saturating_sub(INDENT)),
    };
    page.step("request", &explanation.request);
    page.step("at", &explanation.at.to_string());
    match (&explanation.canary, &explanation.decision) {
        (Some(canary), Some(decision)) => {
            let scope = format!("canary {canary} governs {}", explanation.host);
            page.step("scope", &scope);
            way(explanation, decision, &mut page);
        }
        _ => page.step(
            "scope",
            &format!(
                "no canary governs {}: the request is not touched",
                explanation.host
            ),
        ),
    }
    page.text
}

struct Page {
    text: String,
    /// How many characters there are behind the indent, if that is known.
    room: Option<usize>,
}

impl Page {
    /// The first line of a step.
    fn step(&mut self, name: &str, line: &str) {
        self.text.push_str(&format!("{name:<INDENT$}{line}\n"));
    }

    /// A further line of it.
    fn more(&mut self, line: &str) {
        if !line.is_empty() {
            self.step("", line);
        }
    }
}

fn way(explanation: &Explanation, decision: &Outcome, page: &mut Page) {
    pins(explanation.pins.as_ref(), page);
    rules(&explanation.rules, page);
    shares(explanation, decision, page);
    page.step(
        "decision",
        &format!("{}, reason {}", decision.variant, decision.reason),
    );
    page.step("header", &header(decision));
    if let Some(cookie) = &decision.set_cookie {
        page.step("response", &format!("set-cookie: {cookie}"));
    }
}

fn pins(pins: Option<&Pins>, page: &mut Page) {
    let Some(pins) = pins else {
        return;
    };
    if pins.sent.is_empty() {
        let places = pins.looked_in.join(" or ");
        page.step("pin", &format!("none in {places}"));
        return;
    }
    let mut name = "pin";
    let mut named = false;
    for pin in &pins.sent {
        let meaning = match (pin.known, pin.word.trim()) {
            (false, _) => "which is neither a variant nor never, so it counts for nothing",
            (true, "never") => "which beats every other pin: the default serves",
            (true, _) if named => "but the first pin that names a variant counts",
            (true, _) => "which names a variant",
        };
        named |= pin.known;
        page.step(name, &format!("{} says {:?}, {meaning}", pin.at, pin.word));
        name = "";
    }
}

fn rules(rules: &[Rule], page: &mut Page) {
    let mut name = "rules";
    for rule in rules {
        let Rule { when, gives, .. } = rule;
        let verdict = if rule.matches {
            format!("yes, which gives {gives}")
        } else {
            "no".to_owned()
        };
        page.step(name, &format!("{}: {when}? {verdict}", rule.name));
        name = "";
    }
}

fn shares(explanation: &Explanation, decision: &Outcome, page: &mut Page) {
    let parts = &explanation.parts;
    if parts.is_empty() {
        return;
    }
    let by_rule = decision.reason.starts_with("rule:");
    let mut name = "shares";
    match (by_rule, explanation.ramp) {
        (true, _) => page.step(name, "of the rule"),
        (false, true) => page.step(name, &format!("by the ramp at {}", explanation.at)),
        (false, false) => {}
    }
    if by_rule || explanation.ramp {
        name = "";
    }
    let mut rest = POSITIONS;
    for (number, part) in parts.iter().enumerate() {
        rest = rest.saturating_sub(part.end.saturating_sub(part.start));
        let place = if part.start == part.end {
            String::new()
        } else {
            format!(", positions {} to {}", part.start, part.end - 1)
        };
        let line = format!(
            "{} {} {}{place}",
            line::mark(number),
            part.variant,
            part.share
        );
        page.step(name, &line);
        name = "";
    }
    let rest = coalmine::bucket::Share::from_millionths(rest).unwrap_or_default();
    page.more(&format!(". the default, {rest}"));
    let Some(unit) = &explanation.unit else {
        page.more("nobody is drawn, because no variant has a share");
        return;
    };
    self::unit(unit, explanation.draw.as_deref(), page);
    let [line, pointer] = line::draw(parts, unit.position, page.room);
    page.step("line", &line);
    page.more(&pointer);
}

fn unit(unit: &Unit, draw: Option<&str>, page: &mut Page) {
    let places = unit.looked_in.join(" or ");
    let mut name = "unit";
    if let Some(what) = unit.when_no_unit {
        let nowhere = if places.is_empty() {
            "the canary looks for none".to_owned()
        } else {
            format!("none in {places}")
        };
        let then = match (what, unit.position) {
            (WhenNoUnit::Default, _) => "the default serves",
            (WhenNoUnit::Random, _) => "drawn at random",
            (WhenNoUnit::IssueCookie, _) => "one is issued in a cookie",
            (WhenNoUnit::SourceAddress, Some(_)) => "the client's address is taken",
            (WhenNoUnit::SourceAddress, None) => {
                "the client's address would be taken; give it with --source-address"
            }
        };
        page.step(name, &format!("{nowhere}: {then}"));
        name = "";
    }
    if let (Some(found_in), Some(value)) = (&unit.found_in, &unit.value) {
        page.step(name, &format!("{found_in}: {value:?}"));
    }
    if let Some(draw) = draw {
        page.more(&format!("drawn with --draw {draw}"));
    }
    if let (Some(hash), Some(position)) = (&unit.hash, unit.position) {
        let of = match &unit.value {
            Some(_) => format!("xxh3_64({:?} 0x1f unit)", unit.salt),
            None => "the draw".to_owned(),
        };
        page.step("bucket", &format!("0x{hash}, {of}"));
        page.more(&format!("position {position} of {POSITIONS}"));
    }
}

fn header(decision: &Outcome) -> String {
    let Outcome {
        variant_header: name,
        variant,
        ..
    } = decision;
    match (decision.edit, decision.is_default, decision.client_sent_it) {
        ("replace", _, true) => {
            format!("{name}: {variant} replaces what the client sent, and Envoy routes by it")
        }
        ("replace", _, false) => format!("{name}: {variant} is written, and Envoy routes by it"),
        ("remove", ..) => format!("{name} is removed: the client sent it, and it is no evidence"),
        (_, false, _) => format!("{name}: {variant} is there already, so nothing is written"),
        (_, true, _) => "nothing is written, so Envoy takes the default route".to_owned(),
    }
}
