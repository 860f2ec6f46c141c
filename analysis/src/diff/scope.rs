//! Which canary governs which host, before and after.

use super::report::Retarget;
use coalmine::Policy;
use coalmine::config::{Callers, Canaries, Canary, Condition, Test, Variant};
use coalmine::policy::{CanaryPolicy, host_names};
use serde_json::Value;
use std::collections::BTreeMap;

/// A canary on one side.
#[derive(Clone, Copy)]
pub(super) struct Side<'c> {
    pub(super) config: &'c Canary,
    pub(super) canary: &'c CanaryPolicy,
    edge: bool,
}

impl Side<'_> {
    /// Whether decisions of earlier hops hold here.
    pub(super) fn inherits(&self) -> bool {
        let inherit = self.config.spec.inherit.as_ref();
        !self.edge && inherit.is_some_and(|inherit| inherit.from != Callers::Nobody)
    }
}

/// Hosts that one canary governed and one governs now.
pub(super) struct Scope<'c> {
    pub(super) old: Option<Side<'c>>,
    pub(super) new: Option<Side<'c>>,
    pub(super) policies: (&'c Policy, &'c Policy),
    pub(super) hosts: Vec<String>,
}

type Loaded<'c> = (&'c Canaries, &'c Policy);

/// Every pair of canaries that some host has, found by hosts and not by names: who renames a canary
/// moves nobody, unless its salt was its name.
pub(super) fn scopes<'c>(old: Loaded<'c>, new: Loaded<'c>) -> Vec<Scope<'c>> {
    let mut scopes: BTreeMap<(Option<String>, Option<String>), Scope<'c>> = BTreeMap::new();
    for host in hosts(old.0, new.0) {
        let (before, after) = (side(old, &host), side(new, &host));
        let name = |side: &Option<Side<'_>>| side.as_ref().map(|side| side.config.full_name());
        if before.is_none() && after.is_none() {
            continue;
        }
        let scope = scopes
            .entry((name(&before), name(&after)))
            .or_insert_with(|| Scope {
                old: before,
                new: after,
                policies: (old.1, new.1),
                hosts: Vec::new(),
            });
        scope.hosts.push(host);
    }
    scopes.into_values().collect()
}

fn side<'c>((canaries, policy): Loaded<'c>, host: &str) -> Option<Side<'c>> {
    let canary = policy.canary_of(host.as_bytes())?;
    let mut configs = canaries.canaries.iter();
    let config = configs.find(|config| config.full_name() == canary.name())?;
    let edge = policy.edge();
    Some(Side {
        config,
        canary,
        edge,
    })
}

/// Every host that is named, one for each `*`, and those that conditions on the host single out
/// below a `*`.
fn hosts(old: &Canaries, new: &Canaries) -> Vec<String> {
    let all = || old.canaries.iter().chain(&new.canaries);
    let mut tests = Vec::new();
    for canary in all() {
        for rule in &canary.spec.rules {
            host_tests(&rule.when, &mut tests);
        }
    }
    let mut hosts = Vec::new();
    let mut add = |host: String| {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    };
    for canary in all() {
        for host in &canary.spec.hosts {
            for name in host_names(host, canary.namespace.as_deref()) {
                let Some(end) = name.strip_prefix('*') else {
                    add(name);
                    continue;
                };
                let end = if end.is_empty() { ".example" } else { end };
                add(format!("any{end}"));
                for test in &tests {
                    match test {
                        Test::Exact(text) => add(text.clone()),
                        Test::In(texts) => texts.iter().cloned().for_each(&mut add),
                        Test::Prefix(text) => {
                            add(format!("{}any{end}", text));
                            add(format!("{}{end}", text.trim_end_matches('.')));
                        }
                        Test::Suffix(text) => {
                            add(format!("any.{}", text.trim_start_matches('.')));
                        }
                        Test::Contains(text) => add(format!("{}{end}", text.trim_matches('.'))),
                        Test::Regex(_) | Test::Present(_) => {}
                    }
                }
            }
        }
    }
    // What is no host in the form that is compared was no good guess.
    hosts.retain(|host| {
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.[]:".contains(c);
        !host.is_empty() && host.chars().all(good)
    });
    hosts
}

fn host_tests(condition: &Condition, tests: &mut Vec<Test>) {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().for_each(|part| host_tests(part, tests));
        }
        Condition::Not(part) => host_tests(part, tests),
        Condition::Host(test) => tests.push(test.clone()),
        _ => {}
    }
}

impl<'c> Scope<'c> {
    /// The canaries of both sides.
    pub(super) fn sides(&self) -> impl Iterator<Item = Side<'c>> + use<'c> {
        self.old.into_iter().chain(self.new)
    }

    /// The variant of requests that no canary governs: that of the routes without a variant
    /// header, which are those of the other side's default.
    pub(super) fn default_of(&self, side: Option<Side<'c>>) -> &'c str {
        let side = side.or(self.new).or(self.old);
        side.map_or("", |side| side.config.spec.default.as_str())
    }

    /// Variants that keep their names and lead elsewhere.
    pub(super) fn retargeted(&self) -> Vec<Retarget> {
        let (Some(old), Some(new)) = (self.old, self.new) else {
            return Vec::new();
        };
        // A variant is a version of the canary's service, unless it has one of its own.
        let target = |canary: &Canary, variant: &Variant| {
            let plain = Variant {
                max: None,
                service: variant.service.clone().or(canary.spec.service.clone()),
                ..variant.clone()
            };
            serde_json::to_value(plain).unwrap_or(Value::Null)
        };
        let pairs = old
            .config
            .spec
            .variants
            .iter()
            .filter_map(|(name, before)| {
                let variants = &new.config.spec.variants;
                let (_, after) = variants.iter().find(|(known, _)| known == name)?;
                let (from, to) = (target(old.config, before), target(new.config, after));
                (from != to).then(|| Retarget {
                    variant: name.clone(),
                    from,
                    to,
                })
            });
        pairs.collect()
    }
}
