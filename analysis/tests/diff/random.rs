//! Random pairs of policies, and random requests that look for what was not said.

use crate::said::readable;
use coalmine::config::Canaries;
use coalmine::{Decision, Moment, Policy, Request, Timestamp, decide};
use coalmine_analysis::diff::{Diff, Example, Kind, diff};
use coalmine_analysis::sequence::Sequence;
use serde_json::{Value, json};

struct Random(Sequence);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0.next_number() % limit
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn value(&mut self) -> &'static str {
        self.pick(&["x", "y", "xy", "yx", "xyz", "z"])
    }

    fn test(&mut self) -> (String, Value) {
        let value = self.value();
        let other = self.value();
        match self.below(7) {
            0 | 1 => ("exact".to_owned(), json!(value)),
            2 if value != other => ("in".to_owned(), json!([value, other])),
            2 => ("in".to_owned(), json!([value])),
            3 => ("prefix".to_owned(), json!(value)),
            4 => ("suffix".to_owned(), json!(value)),
            5 => ("contains".to_owned(), json!(value)),
            _ => ("present".to_owned(), json!(self.below(2) == 0)),
        }
    }

    fn condition(&mut self, depth: u32) -> Value {
        match self.below(if depth == 0 { 5 } else { 8 }) {
            4 => json!({"path": {"prefix": format!("/{}", self.value())}}),
            5 => {
                let parts = [self.condition(depth - 1), self.condition(depth - 1)];
                json!({"all": parts})
            }
            6 => {
                let parts = [self.condition(depth - 1), self.condition(depth - 1)];
                json!({"any": parts})
            }
            7 => json!({"not": self.condition(depth - 1)}),
            _ => {
                let place = self.pick(&["header", "header", "cookie", "query"]);
                let (test, value) = self.test();
                let name = self.pick(&["m", "n"]);
                json!({place: {"name": name, test: value}})
            }
        }
    }

    fn inherit(&mut self) -> Value {
        let mut canaries = json!({});
        for name in ["front", "ns/web"] {
            if self.below(3) > 0 {
                let theirs = self.pick(&["v1", "v2", "v3"]);
                canaries[name] = json!({
                    "v0": self.pick(&["stable", "blue", "green"]),
                    theirs: self.pick(&["stable", "blue", "green"]),
                });
            }
        }
        if canaries == json!({}) {
            canaries["front"] = json!({"v1": "blue"});
        }
        json!({"from": self.pick(&["mesh", "mesh", "mesh", "nobody"]), "canaries": canaries})
    }

    fn share(&mut self) -> String {
        self.pick(&["0%", "5%", "20%", "50%"]).to_owned()
    }

    fn rule(&mut self, number: u64) -> Value {
        let mut rule = json!({"name": format!("r{number}"), "when": self.condition(2)});
        match self.below(4) {
            0 => rule["shares"] = json!({"blue": self.share(), "green": self.share()}),
            _ => rule["route"] = json!(self.pick(&["stable", "blue", "green"])),
        }
        rule
    }

    fn spec(&mut self) -> Value {
        let rules: Vec<Value> = (0..self.below(4)).map(|number| self.rule(number)).collect();
        let mut spec = json!({
            "hosts": ["shop"],
            "variants": {"stable": {}, "blue": {}, "green": {}},
            "default": "stable",
            "rules": rules,
            "shares": {"blue": self.share(), "green": self.share()},
            "whenNoUnit": self.pick(&["default", "issue-cookie", "random"]),
        });
        if self.below(3) == 0 {
            spec["inherit"] = self.inherit();
        }
        if self.below(2) == 0 {
            spec["pins"] = json!({"header": self.pick(&["x-canary", "x-pin"])});
        }
        spec
    }

    /// Another one, or the same with one thing changed.
    fn other(&mut self, spec: &Value) -> Value {
        let mut other = spec.clone();
        match self.below(9) {
            7 => other["inherit"] = self.inherit(),
            0 => other = self.spec(),
            1 => other["shares"] = json!({"blue": self.share(), "green": self.share()}),
            2 => other["salt"] = json!("another"),
            3 => other["default"] = json!(self.pick(&["stable", "blue"])),
            4 => other["unit"] = json!([{"header": "x-user-id"}, {"cookie": "s"}]),
            5 => other["pins"] = json!({"cookie": "pin", "header": "x-canary"}),
            6 => {
                let rule = self.rule(9);
                other["rules"].as_array_mut().unwrap().push(rule);
            }
            _ => other["rules"].as_array_mut().unwrap().reverse(),
        }
        other
    }

    fn request(&mut self) -> Sent {
        let mut sent = Sent::default();
        let mut path = format!("/{}", self.value());
        for _ in 0..self.below(4) {
            let (name, value) = (self.pick(&["m", "n"]), self.value());
            match self.below(4) {
                0 => sent
                    .headers
                    .push(("cookie".to_owned(), format!("{name}={value}"))),
                1 => {
                    let mark = if path.contains('?') { '&' } else { '?' };
                    path.push_str(&format!("{mark}{name}={value}"));
                }
                _ => sent.headers.push((name.to_owned(), value.to_owned())),
            }
        }
        if self.below(4) == 0 {
            let name = self.pick(&["x-canary", "x-pin"]);
            let word = self.pick(&["blue", "green", "stable", "never"]);
            sent.headers.push((name.to_owned(), word.to_owned()));
        }
        for _ in 0..self.below(6).saturating_sub(3) {
            let key = self.pick(&["coalmine.front", "coalmine.ns.web"]);
            let value = self.pick(&["v0", "v1", "v2", "v3"]);
            let member = format!("{key}={value}");
            sent.headers.push(("baggage".to_owned(), member));
        }
        match self.below(5) {
            0 => {}
            1 => sent
                .headers
                .push(("cookie".to_owned(), format!("s=u{}", self.below(1_000)))),
            _ => {
                let user = format!("u{}", self.below(1_000));
                sent.headers.push(("x-user-id".to_owned(), user));
            }
        }
        sent.headers.push((":path".to_owned(), path));
        sent.headers
            .push((":authority".to_owned(), "shop".to_owned()));
        sent.headers.push((":method".to_owned(), "GET".to_owned()));
        sent.draw = self.0.draw();
        sent
    }
}

#[derive(Debug, Default)]
struct Sent {
    headers: Vec<(String, String)>,
    address: Option<String>,
    draw: u128,
    now: Option<Timestamp>,
}

impl Request for Sent {
    fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let headers = self.headers.iter();
        headers.map(|(name, value)| (name.as_bytes(), value.as_bytes()))
    }

    fn source_address(&self) -> Option<Vec<u8>> {
        self.address.clone().map(String::into_bytes)
    }
}

impl Moment for Sent {
    fn now(&self) -> Timestamp {
        self.now.unwrap_or(Timestamp::from_unix_millis(0))
    }

    fn draw(&self) -> u128 {
        self.draw
    }
}

/// An example as a client would send it.
fn sent(example: &Example) -> Sent {
    let text = |text: &Option<String>, or: &str| text.clone().unwrap_or_else(|| or.to_owned());
    let mut headers = vec![
        (":authority".to_owned(), example.host.clone()),
        (":path".to_owned(), text(&example.path, "/")),
        (":method".to_owned(), text(&example.method, "GET")),
    ];
    headers.extend(example.headers.iter().cloned());
    let cookies = example.cookies.iter();
    headers.extend(cookies.map(|cookie| ("cookie".to_owned(), cookie.clone())));
    let draw = example.draw.as_deref();
    Sent {
        headers,
        address: example.source_address.clone(),
        draw: draw.map_or(0, |draw| u128::from_str_radix(draw, 16).unwrap()),
        now: example.at,
    }
}

fn reason(decision: &Decision<'_>) -> String {
    decision.reason_name().to_string()
}

/// What kind of change it is; none for users who are drawn.
fn kind(old: &str, new: &str) -> Option<Kind> {
    let either = |reasons: &dyn Fn(&str) -> bool| reasons(old) || reasons(new);
    if either(&|reason| reason == "pin" || reason == "never") {
        return Some(Kind::Pins);
    }
    if either(&|reason| reason == "inherited") {
        return Some(Kind::Inherited);
    }
    either(&|reason| reason.starts_with("rule:")).then_some(Kind::Rules)
}

struct Pair {
    old: Canaries,
    new: Canaries,
}

/// Random pairs that can be read.
fn pairs(seed: u64, count: usize) -> Vec<(Pair, String)> {
    let mut random = Random(Sequence::new(seed));
    let mut pairs = Vec::new();
    while pairs.len() < count {
        let old = random.spec();
        let new = random.other(&old);
        // Rules that can never match and the like are refused.
        let read = |spec: &Value| readable(&[("shop", spec.clone())]).ok();
        if let (Some(before), Some(after)) = (read(&old), read(&new)) {
            let text = format!("{old}\n{new}");
            pairs.push((
                Pair {
                    old: before,
                    new: after,
                },
                text,
            ));
        }
    }
    pairs
}

/// Everything that is said is so.
fn check_examples(pair: &Pair, diff: &Diff, text: &str) -> usize {
    let (old, new) = (Policy::compile(&pair.old), Policy::compile(&pair.new));
    let mut checked = 0;
    let mut check = |example: &Example, before: &str, after: &str| {
        let sent = sent(example);
        let had = decide(&old, &sent, &sent).expect("in scope");
        let has = decide(&new, &sent, &sent).expect("in scope");
        let names = (had.variant_name(), has.variant_name());
        assert_eq!(names, (before, after), "{example:?}\n{text}");
        assert_ne!(before, after);
        checked += 1;
    };
    for canary in &diff.canaries {
        for users in &canary.users {
            for flow in &users.flows {
                let example = flow.example.as_ref().expect("a user is found");
                check(example, &flow.from, &flow.to);
            }
        }
        for change in &canary.changes {
            check(&change.example, &change.old.variant, &change.new.variant);
        }
    }
    checked
}

#[test]
fn what_is_sampled_was_said() {
    let (mut differing, mut examples, mut bounded) = (0, 0, 0);
    let pairs = pairs(11, 150);
    let count = pairs.len();
    for (pair, text) in pairs {
        let diff = diff(&pair.old, &pair.new, &[]);
        examples += check_examples(&pair, &diff, &text);
        bounded += usize::from(!diff.exhaustive);
        let (old, new) = (Policy::compile(&pair.old), Policy::compile(&pair.new));
        let mut random = Random(Sequence::new(differing as u64));
        for _ in 0..300 {
            let sent = random.request();
            let had = decide(&old, &sent, &sent).expect("in scope");
            let has = decide(&new, &sent, &sent).expect("in scope");
            if had.variant_name() == has.variant_name() {
                continue;
            }
            differing += 1;
            let kind = kind(&reason(&had), &reason(&has));
            let said = diff.canaries.iter().any(|canary| match kind {
                None => !canary.users.is_empty(),
                Some(kind) => canary.changes.iter().any(|change| change.kind == kind),
            });
            assert!(said, "{kind:?}: {sent:?}\n{text}\n{diff:?}");
        }
    }
    assert!(
        differing > 1_000 && examples > 300,
        "{differing} {examples}"
    );
    assert!(bounded < count / 2, "{bounded} of {count} were bounded");
}

#[test]
fn nothing_moves_between_a_policy_and_itself() {
    for (pair, text) in pairs(12, 60) {
        for canaries in [&pair.old, &pair.new] {
            let same = diff(canaries, canaries, &[]);
            assert!(same.is_empty(), "{same:?}\n{text}");
        }
    }
}

/// The part that moves against users who were counted, within five standard deviations.
#[test]
fn as_many_move_as_is_said() {
    const USERS: u32 = 4_000;
    let mut compared = 0;
    for (pair, text) in pairs(13, 80) {
        let diff = diff(&pair.old, &pair.new, &[]);
        let (old, new) = (Policy::compile(&pair.old), Policy::compile(&pair.new));
        let mut moved = 0u32;
        let mut by_shares = true;
        for user in 0..USERS {
            let sent = Sent {
                headers: [
                    (":authority", "shop"),
                    (":path", "/"),
                    ("x-user-id", &format!("{user}")),
                ]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
                ..Sent::default()
            };
            let had = decide(&old, &sent, &sent).expect("in scope");
            let has = decide(&new, &sent, &sent).expect("in scope");
            by_shares &= kind(&reason(&had), &reason(&has)).is_none();
            moved += u32::from(had.variant_name() != has.variant_name());
        }
        if !by_shares {
            continue;
        }
        let users = diff.canaries.iter().flat_map(|canary| &canary.users);
        let mut own = users.filter(|users| users.brings.contains(&"header x-user-id".to_owned()));
        let said = own.next().map_or(0.0, |users| users.moved.share());
        let most = 5.0 * (said * (1.0 - said) * f64::from(USERS)).sqrt();
        let off = f64::from(moved) - said * f64::from(USERS);
        assert!(
            off.abs() <= most,
            "{moved} of {USERS} moved, {said} was said\n{text}"
        );
        compared += 1;
    }
    assert!(compared > 30, "{compared}");
}
