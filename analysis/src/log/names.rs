//! Which field is what by its name.

use super::{Part, Target};
use coalmine::baggage;
use coalmine::config::{Canaries, Canary, Condition, UnitSource};
use std::collections::BTreeSet;

/// What may stand in front of a header's name.
const BEFORE_HEADERS: [&str; 11] = [
    "",
    "req-",
    "request-",
    "header-",
    "req-header-",
    "request-header-",
    "http-",
    "headers.",
    "request-headers.",
    "request.headers.",
    "http-request-headers.",
];

/// The names of parts, those that count most first: of Envoy's and Istio's logs, and of others.
const KNOWN: [(Part, &[&str]); 5] = [
    (
        Part::Host,
        &["authority", "host", "req-authority", "http-host"],
    ),
    (
        // The path before a rewrite is the one that the filter saw.
        Part::Path,
        &[
            "x-envoy-original-path",
            "path",
            "req-path",
            "uri",
            "request-uri",
            "url-path",
        ],
    ),
    (Part::Method, &["method", "req-method", "request-method"]),
    (
        Part::Time,
        &["start-time", "time", "timestamp", "@timestamp", "ts"],
    ),
    (
        Part::SourceAddress,
        &[
            "downstream-remote-address",
            "downstream-remote-address-without-port",
            "downstream-direct-remote-address",
            "source-address",
            "remote-addr",
            "client-ip",
        ],
    ),
];

/// The names of headers that the canaries read.
pub(super) fn read_headers(canaries: &Canaries) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for canary in &canaries.canaries {
        names.extend(canary.spec.pins.header.clone());
        names.extend(unit_headers(canary));
        if canary.spec.inherit.is_some() || canary.spec.propagate.is_some() {
            names.insert(baggage::HEADER.to_owned());
        }
        for rule in &canary.spec.rules {
            of_condition(&rule.when, &mut names);
        }
    }
    names
}

fn unit_headers(canary: &Canary) -> impl Iterator<Item = String> {
    canary.spec.unit.iter().filter_map(|unit| match unit {
        UnitSource::Header(name) => Some(name.clone()),
        UnitSource::Cookie(_) | UnitSource::Query(_) => None,
    })
}

fn of_condition(condition: &Condition, names: &mut BTreeSet<String>) {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().for_each(|part| of_condition(part, names));
        }
        Condition::Not(part) => of_condition(part, names),
        Condition::Header(named) => _ = names.insert(named.name.clone()),
        Condition::Cookie(_)
        | Condition::Query(_)
        | Condition::Path(_)
        | Condition::Method(_)
        | Condition::Host(_) => {}
    }
}

/// What fields mean. What was said of a part counts, and then no name counts for it.
#[derive(Debug)]
pub(super) struct Names {
    said: Vec<(String, Part)>,
    headers: Vec<(String, String)>,
}

impl Names {
    /// `headers` are those that anybody asks for.
    pub(super) fn new(said: &[Target], headers: BTreeSet<String>) -> Self {
        let said = said.iter();
        Self {
            said: said
                .map(|target| (normal(&target.field), target.part.clone()))
                .collect(),
            headers: headers
                .into_iter()
                .map(|name| (normal(&name), name))
                .collect(),
        }
    }

    /// What a field is, and how little it counts where several are the same.
    pub(super) fn part_of(&self, field: &str) -> Option<(Part, usize)> {
        let plain = normal(field);
        let mut said = self.said.iter().enumerate();
        if let Some((rank, (_, part))) = said.find(|(_, (name, _))| *name == plain) {
            return Some((part.clone(), rank));
        }
        self.by_name(field, &plain)
            .filter(|(part, _)| !self.said.iter().any(|(_, said)| said == part))
    }

    fn by_name(&self, field: &str, plain: &str) -> Option<(Part, usize)> {
        for (part, names) in &KNOWN {
            if let Some(rank) = names.iter().position(|name| *name == plain) {
                return Some((part.clone(), rank));
            }
        }
        let ranked = |name: &str| {
            let before = plain.strip_suffix(name)?;
            BEFORE_HEADERS.iter().position(|known| *known == before)
        };
        let mut headers = self.headers.iter();
        let found = headers.find_map(|(plain, name)| Some((name, ranked(plain)?)));
        if let Some((name, rank)) = found {
            return Some((Part::Header(name.clone()), rank));
        }
        // A column may say itself what it is.
        let said = field
            .parse()
            .ok()
            .filter(|part| matches!(part, Part::Header(_) | Part::Cookie(_) | Part::Query(_)));
        said.map(|part| (part, BEFORE_HEADERS.len()))
    }
}

/// The form in which names are compared.
pub(super) fn normal(name: &str) -> String {
    let name = name.strip_prefix(':').unwrap_or(name);
    name.to_ascii_lowercase()
        .replace('_', "-")
        .replace(".:", ".")
}
