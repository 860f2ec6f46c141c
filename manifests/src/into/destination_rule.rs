//! DestinationRules: the subsets that twins route to.

use super::document::{Kind, line_start, next_line};
use super::manifest::{Manifest, Step};
use super::plan::Plan;
use super::reach::Target;
use super::task::Task;
use super::value::Value;
use super::{Found, layout, marker};
use crate::Problem;
use coalmine::config::{Service, Variant};
use std::collections::BTreeMap;

/// Where Istio sends the requests of a variant.
#[derive(Clone, Debug)]
pub(super) enum Destination {
    /// To a subset of the service.
    Subset(String),
    /// To a service of its own.
    Service(Service),
}

/// By the canary's name and the variant's.
pub(super) type Destinations = BTreeMap<(String, String), Destination>;

/// Finds the subset of each variant, and plans those that are missing.
pub(super) fn subsets(
    task: &mut Task<'_>,
    manifests: &[Manifest<'_>],
    plans: &mut [Plan],
) -> Result<Destinations, Found> {
    let mut destinations = Destinations::new();
    for target in task.targets.clone() {
        let rules: Vec<&Manifest<'_>> = manifests
            .iter()
            .filter(|manifest| is_rule_of(manifest, &target))
            .collect();
        let mut missing = Vec::new();
        for (name, variant) in target.variants() {
            let key = (target.name.clone(), name.to_owned());
            if let Some(service) = &variant.service {
                destinations.insert(key, Destination::Service(service.clone()));
                continue;
            }
            if variant.labels.is_empty() {
                task.problems.push(without_labels(&target, name));
                continue;
            }
            let subset = match find(task, &rules, name, variant)? {
                Some(subset) => subset,
                None => {
                    missing.push((name, variant));
                    name.to_owned()
                }
            };
            destinations.insert(key, Destination::Subset(subset));
        }
        let has_subsets = |rule: &&&Manifest<'_>| rule.value.at(&["spec", "subsets"]).is_some();
        let rule = rules.iter().find(has_subsets).or(rules.first());
        if let Some(rule) = rule.filter(|_| !missing.is_empty()) {
            add(task, rule, &target, &missing, &mut plans[rule.text])?;
        }
    }
    Ok(destinations)
}

/// Whether there is a rule for this service among the manifests.
pub(super) fn is_rule_of(manifest: &Manifest<'_>, target: &Target<'_>) -> bool {
    let host = manifest.value.str_at(&["spec", "host"]);
    manifest.kind == "DestinationRule"
        && host.is_some_and(|host| target.is_service(host, manifest.namespace()))
}

fn without_labels(target: &Target<'_>, name: &str) -> Problem {
    Problem {
        canary: target.name.clone(),
        path: format!("spec.variants.{name}"),
        code: "no-labels",
        message: format!("`{name}` says neither labels nor a service, so no route can lead to it"),
        help: "add `labels: {version: v2}`, the labels of its pods".to_owned(),
    }
}

/// The subset with a variant's labels, whatever its name.
fn find(
    task: &Task<'_>,
    rules: &[&Manifest<'_>],
    name: &str,
    variant: &Variant,
) -> Result<Option<String>, Found> {
    let labels = variant.labels.iter();
    let labels: BTreeMap<&str, &str> = labels
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    let mut alike = None;
    for rule in rules {
        let Some(spec) = rule.value.get("spec") else {
            continue;
        };
        for (index, subset) in spec.items("subsets").iter().enumerate() {
            let there: BTreeMap<&str, &str> = match subset.get("labels") {
                Some(Value::Map(map)) => map
                    .iter()
                    .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
                    .collect(),
                _ => BTreeMap::new(),
            };
            let called = subset.str_at(&["name"]).unwrap_or_default();
            if called == name && there != labels {
                let path = [
                    Step::Key("spec"),
                    Step::Key("subsets"),
                    Step::Index(index),
                    Step::Key("name"),
                ];
                let said: Vec<String> = labels
                    .iter()
                    .map(|(key, value)| format!("{key}: {value}"))
                    .collect();
                return Err(task.error(
                    rule,
                    &path,
                    "other-labels",
                    format!("the subset `{name}` has other labels than the variant `{name}`"),
                    format!("give it `labels: {{{}}}`, or call the subset or the variant something else", said.join(", ")),
                ));
            }
            if there == labels && (alike.is_none() || called == name) {
                alike = Some(called.to_owned());
            }
        }
    }
    Ok(alike)
}

/// Plans subsets that a rule does not have.
fn add(
    task: &Task<'_>,
    rule: &Manifest<'_>,
    target: &Target<'_>,
    missing: &[(&str, &Variant)],
    plan: &mut Plan,
) -> Result<(), Found> {
    let text = &task.texts[rule.text];
    let subsets: Vec<Value> = missing
        .iter()
        .map(|(name, variant)| {
            let labels = variant.labels.iter();
            let labels = labels
                .map(|(key, value)| (key.clone(), Value::text(value)))
                .collect();
            Value::map([("name", Value::text(*name)), ("labels", Value::Map(labels))])
        })
        .collect();
    let path = [Step::Key("spec"), Step::Key("subsets")];
    let no_block = || task.no_block(rule, &path, "subsets");
    let spec = rule.node.entry("spec").map(|spec| &spec.value);
    let Some((
        spec,
        Kind::Map {
            entries,
            flow: false,
        },
    )) = spec.map(|spec| (spec, &spec.kind))
    else {
        return Err(task.no_block(rule, &path[..1], "spec"));
    };
    let merged = || rule.value.at(&["spec", "subsets"]).is_some();
    let (at, column, lines) = match spec.entry("subsets") {
        Some(entry) => {
            let Kind::List { items, flow: false } = &entry.value.kind else {
                return Err(no_block());
            };
            let first = layout::item_lines(text, &entry.value, items, 0)?;
            let at = layout::above(
                text.text,
                first.start,
                next_line(text.text, entry.key_range.end),
            );
            let column = entry.value.range.start - first.start;
            (at, column, Value::List(subsets.clone()).block())
        }
        None if merged() => return Err(no_block()),
        None => {
            let host = entries
                .iter()
                .position(|entry| entry.key == "host")
                .unwrap_or(0);
            let start = |index: usize| line_start(text.text, entries[index].key_range.start);
            let behind = next_line(text.text, text.end_of(&entries[host].value));
            let at = match text.text[..behind].ends_with('\n') {
                true => behind,
                // The text ends without a line break, and nothing can be put behind that.
                false => start(0),
            };
            let column = entries[0].key_range.start - start(0);
            if !text.text[start(0)..start(0) + column]
                .trim_start()
                .is_empty()
            {
                return Err(layout::unusual(text, &entries[0].key_range));
            }
            (
                at,
                column,
                Value::List(subsets.clone()).block_entry("subsets"),
            )
        }
    };
    let indent = " ".repeat(column);
    let lines: Vec<String> = lines
        .into_iter()
        .map(|line| format!("{indent}{line}"))
        .collect();
    plan.insert(
        at,
        marker::enclosed(&target.name, &indent, &lines, text.line_break()),
    );
    if let Some(Value::Map(spec)) = plan
        .expected_of(rule)
        .and_then(|value| value.entry_mut("spec"))
    {
        let mut all = subsets;
        if let Some(Value::List(there)) = spec.remove("subsets") {
            all.extend(there);
        }
        spec.insert("subsets".to_owned(), Value::List(all));
    }
    Ok(())
}

/// Says that the subsets of a canary are in none of the texts.
pub(super) fn warn_without_rule(task: &mut Task<'_>, manifest: &Manifest<'_>, target: &Target<'_>) {
    let names: Vec<String> = target
        .variants()
        .filter(|(_, variant)| variant.service.is_none())
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    if names.is_empty() {
        return;
    }
    let message = format!(
        "there is no DestinationRule for {} here, and the twins lead to its subset {}",
        target.service.host,
        names.join(" and ")
    );
    let help = "give the file that has it as well, or make one with `coalmine render istio`; a subset \
                that does not exist answers 503";
    let warning = task.error(manifest, HOSTS, "no-destination-rule", message, help);
    task.warn(warning);
}

const HOSTS: &[Step<'_>] = &[Step::Key("spec"), Step::Key("hosts")];
