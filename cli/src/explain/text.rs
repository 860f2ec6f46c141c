//! The explanation for people: one paragraph for each step that was reached.

use super::explanation::{Answered, Counted, Explanation, Outcome, Pin, Pins, Rule, Tried, Unit};
use super::paint::Paint;
use super::{line, words};
use crate::pin::meaning;
use coalmine::bucket::{POSITIONS, Share};
use coalmine::config::WhenNoUnit;

/// Where what belongs to a step begins.
const INDENT: usize = 10;

/// `columns` is how wide the terminal is, if there is one.
pub(super) fn text(explanation: &Explanation, columns: Option<usize>, paint: Paint) -> String {
    let mut page = Page {
        text: String::new(),
        room: columns.map(|columns| columns.saturating_sub(INDENT)),
        paint,
    };
    let host = words::harmless(&explanation.host);
    page.step("request", &words::harmless(&explanation.request));
    page.step("at", &explanation.at.to_string());
    match (&explanation.canary, &explanation.decision) {
        (Some(canary), Some(decision)) => {
            page.step("scope", &format!("canary {canary} governs {host}"));
            way(explanation, decision, &mut page);
        }
        _ => {
            let touched = explanation
                .baggage
                .as_ref()
                .map_or("keep", |baggage| baggage.edit);
            let then = match touched {
                "keep" => ": the request is not touched",
                _ => "",
            };
            page.step("scope", &format!("no canary governs {host}{then}"));
        }
    }
    if let Some(baggage) = &explanation.baggage {
        page.steps("baggage", &baggage.lines());
    }
    if let Some(answered) = &explanation.answered {
        page.step("answered", &self::answered(answered, paint));
    }
    page.text
}

struct Page {
    text: String,
    /// How many characters there are behind the indent, if that is known.
    room: Option<usize>,
    paint: Paint,
}

impl Page {
    /// The first line of a step.
    fn step(&mut self, name: &str, line: &str) {
        let name = self.paint.faint(&format!("{name:<INDENT$}"));
        self.text.push_str(&format!("{name}{line}\n"));
    }

    /// A step of some lines, or none.
    fn steps(&mut self, mut name: &str, lines: &[String]) {
        for line in lines {
            self.step(name, line);
            name = "";
        }
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
    if let Some(inherited) = &explanation.inherited {
        page.steps("inherited", &inherited.lines());
    }
    rules(&explanation.rules, page);
    shares(explanation, decision, page);
    if let Some(guarded) = &explanation.guard {
        let says = format!(
            "only the proxy knows whether {guarded} is out of service (coalmine_guard_open)"
        );
        page.step("guard", &says);
    }
    let variant = page.paint.strong(&decision.variant);
    let decided = format!("{variant}, reason {}", decision.reason);
    page.step("decision", &decided);
    if let Some(next) = &explanation.next {
        let next = format!("gets {} from {} on, by the ramp", next.variant, next.at);
        page.step("next", &next);
    }
    page.step("header", &header(decision));
    if let Some(cookie) = &decision.set_cookie {
        page.step("response", &format!("set-cookie: {cookie}"));
    }
    let mut name = "unknown";
    for place in &explanation.unknown {
        let line = format!("{place}: the log does not carry it, and it could change the answer");
        page.step(name, &line);
        name = "";
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
            (false, _) if pin.cause.is_some() => {
                let cause = pin.cause.map(|cause| meaning(cause, pin.token.as_ref()));
                let cause = cause.unwrap_or_default();
                format!(
                    "which is refused ({}): {cause}",
                    pin.refused.unwrap_or_default()
                )
            }
            (false, _) => format!(
                "which is none of {}, so it counts for nothing",
                pins.words.join(", ")
            ),
            (true, "never") => "which beats every other pin: the default serves".to_owned(),
            (true, _) if named => "but the first pin that names a variant counts".to_owned(),
            (true, _) => "which names a variant".to_owned(),
        };
        named |= pin.known;
        let says = match &pin.token {
            Some(token) => format!("{} has a token{}, {meaning}", pin.at, words::token(token)),
            None => format!("{} says {}, {meaning}", pin.at, words::value(&pin.word)),
        };
        page.step(name, &says);
        name = "";
    }
    let sent = |place: &&String| pins.sent.iter().any(|pin| pin.at == **place);
    let not_sent: Vec<&str> = pins
        .looked_in
        .iter()
        .filter(|place| !sent(place))
        .map(String::as_str)
        .collect();
    // Behind `never` nothing is looked at.
    let is_never = |pin: &Pin| pin.known && pin.word.trim() == "never";
    let never = pins.sent.iter().any(is_never);
    if !never && !not_sent.is_empty() {
        page.more(&format!("none in {}", not_sent.join(" or ")));
    }
}

fn rules(rules: &[Rule], page: &mut Page) {
    let mut name = "rules";
    for rule in rules {
        let verdict = page.paint.verdict(rule.matches);
        let gives = match rule.matches {
            true => format!(", which gives {}", rule.gives),
            false => String::new(),
        };
        let found = match &rule.when.found {
            Some(values) => format!(": {}", words::found(values)),
            None => String::new(),
        };
        let line = format!("{}: {}? {verdict}{found}{gives}", rule.name, rule.when.says);
        page.step(name, &line);
        parts(&rule.when, 1, page);
        if rule.when.matches != rule.matches {
            page.more(
                "  its regexes were not tried: those before it took all that they may look at",
            );
        }
        name = "";
    }
}

/// What each part of a condition found.
fn parts(tried: &Tried, depth: usize, page: &mut Page) {
    let indent = "  ".repeat(depth);
    for part in &tried.parts {
        let verdict = match part.matches {
            true => page.paint.verdict(true),
            false => format!("{} ", page.paint.verdict(false)),
        };
        // `not` of one test is read in one line.
        let (found, inner) = match part.parts.as_slice() {
            [only] if only.found.is_some() && part.says.starts_with("not ") => (&only.found, None),
            _ => (&part.found, Some(part)),
        };
        let found = match found {
            Some(values) => format!(": {}", words::found(values)),
            None => String::new(),
        };
        page.more(&format!("{indent}{verdict} {}{found}", part.says));
        if let Some(inner) = inner {
            parts(inner, depth.saturating_add(1), page);
        }
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
    let rest = Share::from_millionths(rest).unwrap_or_default();
    page.more(&format!(". the default, {rest}"));
    let Some(unit) = &explanation.unit else {
        page.more("nobody is drawn, because no variant has a share");
        return;
    };
    self::unit(unit, explanation.draw.as_deref(), page);
    let [line, pointer] = line::draw(parts, unit.position, page.room);
    page.step("line", &line);
    page.more(&pointer);
    for part in parts {
        if let Some(least) = &part.owns_unit_from {
            page.more(&format!("in {} from a share of {least} on", part.variant));
        }
    }
    if let Some(counted) = &explanation.counted {
        let Counted { arm, slice } = counted;
        page.step("arm", &format!("{arm}, slice {slice}"));
    }
}

fn unit(unit: &Unit, draw: Option<&str>, page: &mut Page) {
    let mut name = "unit";
    let passed = unit
        .looked_in
        .iter()
        .take_while(|place| Some(*place) != unit.found_in.as_ref());
    let passed: Vec<String> = passed
        .map(|place| match unit.empty_in.contains(place) {
            true => format!("{place} (sent, but empty)"),
            false => place.clone(),
        })
        .collect();
    if let Some(what) = unit.when_no_unit {
        let nowhere = if passed.is_empty() {
            "the canary looks for none".to_owned()
        } else {
            format!("none in {}", passed.join(" or "))
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
    } else if !passed.is_empty() {
        page.step(name, &format!("none in {}", passed.join(" or ")));
        name = "";
    }
    if let (Some(found_in), Some(value)) = (&unit.found_in, &unit.value) {
        page.step(name, &format!("{found_in}: {}", words::value(value)));
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

/// What the log says about who answered, and whether that is who was decided.
pub(super) fn answered(answered: &Answered, paint: Paint) -> String {
    let by = words::harmless(&answered.by);
    match (&answered.variant, answered.agrees) {
        (Some(variant), Some(true)) => format!("{by}: {variant}, as decided"),
        (Some(variant), Some(false)) => {
            format!("{by}: {}", paint.bad(&format!("{variant}, not as decided")))
        }
        (Some(variant), None) => format!("{by}: {variant}"),
        (None, _) => format!("{by}: which variant this is, its name does not tell"),
    }
}
