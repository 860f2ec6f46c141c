//! VirtualServices: http routes, of which the first that matches is taken.
//!
//! A twin stands right in front of its original and asks for the same and for the header. So a
//! request that carries the decision takes the twin of the very route that it would have taken, and
//! a request without it finds every route as it was.

use super::Found;
use super::change::{Change, Where};
use super::destination_rule::{Destination, Destinations, is_rule_of, warn_without_rule};
use super::manifest::{Manifest, Step};
use super::plan::{Plan, Twins};
use super::reach::Target;
use super::task::Task;
use super::value::Value;
use super::weights::{Entries, to_variant};
use std::collections::{BTreeMap, BTreeSet};

const HTTP: &str = "http";
const HOSTS: &[Step<'_>] = &[Step::Key("spec"), Step::Key("hosts")];

/// Plans the twins in every VirtualService.
pub(super) fn twins(
    task: &mut Task<'_>,
    manifests: &[Manifest<'_>],
    destinations: &Destinations,
    plans: &mut [Plan],
) -> Result<(), Found> {
    let services: Vec<&Manifest<'_>> = manifests
        .iter()
        .filter(|one| is_virtual_service(one))
        .collect();
    let mut done = manifests
        .iter()
        .any(|one| task.targets.iter().any(|target| is_rule_of(one, target)));
    let mut delegates = Vec::new();
    for manifest in &services {
        let ruled = |target: &Target<'_>| manifests.iter().any(|one| is_rule_of(one, target));
        match routed(
            task,
            manifest,
            destinations,
            &ruled,
            &mut plans[manifest.text],
        ) {
            Ok(routed) => done |= routed,
            Err(found) => task.errors.push(*found.0),
        }
        for (index, route) in routes(manifest).iter().enumerate() {
            let Some(name) = route.str_at(&["delegate", "name"]) else {
                continue;
            };
            let namespace = route
                .str_at(&["delegate", "namespace"])
                .or(manifest.namespace());
            let given = services
                .iter()
                .any(|other| other.name() == name && other.namespace().or(namespace) == namespace);
            if !given {
                delegates.push((*manifest, index, name));
            }
        }
    }
    if !task.errors.is_empty() || done && delegates.is_empty() {
        return Ok(());
    }
    for (manifest, index, name) in &delegates {
        let path = [
            Step::Key("spec"),
            Step::Key(HTTP),
            Step::Index(*index),
            Step::Key("delegate"),
        ];
        let found = task.error(
            manifest,
            &path,
            "delegated",
            format!(
                "these routes are in another VirtualService, `{name}`, which is not among the files"
            ),
            "give the file with it too: the twins of its routes belong there",
        );
        match done {
            true => task.warn(found),
            false => task.errors.push(*found.0),
        }
    }
    if !done && delegates.is_empty() {
        return Err(nothing(task, &services));
    }
    Ok(())
}

pub(super) fn is_virtual_service(manifest: &Manifest<'_>) -> bool {
    manifest.kind == "VirtualService"
}

fn routes<'m>(manifest: &'m Manifest<'_>) -> &'m [Value] {
    manifest
        .value
        .get("spec")
        .map_or(&[], |spec| spec.items(HTTP))
}

/// That no route reaches a canary's service.
fn nothing(task: &Task<'_>, services: &[&Manifest<'_>]) -> Found {
    let names: Vec<String> = task
        .targets
        .iter()
        .map(|target| format!("{} ({})", target.service.host, target.name))
        .collect();
    let names = names.join(", ");
    let Some(manifest) = services.first() else {
        let place = task.texts[0].place(&(0..0), "");
        let message = format!("there is no VirtualService here and no DestinationRule of {names}");
        let help = "give the files with `kind: VirtualService` that route to it; `coalmine render istio` without --into makes new ones";
        return Found::new(place, "nothing-reaches", message, help);
    };
    let lower = ["tcp", "tls"]
        .iter()
        .any(|key| manifest.value.at(&["spec", key]).is_some());
    let message = format!("no http route here reaches {names}");
    let help = match lower {
        true => {
            "tcp and tls routes cannot look at a header; make it http, or say another service with `spec.service` in the canary"
        }
        false => {
            "if a route here should, say the service as it does with `spec.service` in the canary"
        }
    };
    task.error(
        manifest,
        &[Step::Key("spec"), Step::Key(HTTP)],
        "nothing-reaches",
        message,
        help,
    )
}

/// Plans the twins in one VirtualService; whether some route reaches a service.
fn routed(
    task: &mut Task<'_>,
    manifest: &Manifest<'_>,
    destinations: &Destinations,
    ruled: &dyn Fn(&Target<'_>) -> bool,
    plan: &mut Plan,
) -> Result<bool, Found> {
    let namespace = manifest.namespace();
    let reaches = |target: &Target<'_>, route: &Value| -> Vec<usize> {
        let hosts = route.items("route").iter().enumerate();
        hosts
            .filter_map(|(index, one)| Some((index, one.str_at(&["destination", "host"])?)))
            .filter(|(_, host)| target.is_service(host, namespace))
            .map(|(index, _)| index)
            .collect()
    };
    let reached: Vec<usize> = (0..task.targets.len())
        .filter(|index| {
            routes(manifest)
                .iter()
                .any(|route| !reaches(&task.targets[*index], route).is_empty())
        })
        .collect();
    let hosts = manifest
        .value
        .get("spec")
        .map_or(&[][..], |spec| spec.items("hosts"));
    let hosts: Vec<&str> = hosts.iter().filter_map(Value::as_str).collect();
    // A delegate has no hosts: its root's are not known.
    let hosts = (!hosts.is_empty()).then_some(hosts);
    let Some(target) = task.about(manifest, hosts.as_deref(), HOSTS, &reached)? else {
        return Ok(false);
    };
    let mut names: BTreeSet<String> = routes(manifest)
        .iter()
        .filter_map(|route| route.str_at(&["name"]).map(str::to_owned))
        .collect();
    let mut twins = Vec::new();
    for (index, route) in routes(manifest).iter().enumerate() {
        let reached = reaches(&target, route);
        if reached.is_empty() {
            continue;
        }
        not_looking(task, manifest, index, route)?;
        warn_of_every_version(task, manifest, &target, index, route, &reached);
        let mut changes = Vec::new();
        for (variant, _) in target.variants() {
            let key = (target.name.clone(), variant.to_owned());
            if let Some(destination) = destinations.get(&key) {
                let mut change = asking(route, "match", &matching(&task.header, variant));
                let to = leading(&target, route, &reached, destination, namespace);
                change.push(("route", Where::Last, to));
                change.extend(renamed(route, variant, &mut names));
                changes.push(Change::Map(change));
            }
        }
        if !changes.is_empty() {
            twins.push(Twins { index, changes });
        }
    }
    // Every problem of the canary was reported, and stops everything.
    if !twins.is_empty() {
        task.put(manifest, HTTP, &twins, &target, plan)?;
        if !ruled(&target) {
            warn_without_rule(task, manifest, &target);
        }
    }
    Ok(true)
}

/// A route that looks at the header already was made by hand, or its comments were lost: what it
/// does and what would be inserted could disagree.
fn not_looking(
    task: &Task<'_>,
    manifest: &Manifest<'_>,
    index: usize,
    route: &Value,
) -> Result<(), Found> {
    for (number, entry) in route.items("match").iter().enumerate() {
        for key in ["headers", "withoutHeaders"] {
            let Some(Value::Map(headers)) = entry.get(key) else {
                continue;
            };
            let Some(header) = headers
                .keys()
                .find(|name| name.eq_ignore_ascii_case(&task.header))
            else {
                continue;
            };
            let path = [
                Step::Key("spec"),
                Step::Key(HTTP),
                Step::Index(index),
                Step::Key("match"),
                Step::Index(number),
                Step::Key(key),
                Step::Key(header),
            ];
            return Err(looks(task, manifest, &path));
        }
    }
    Ok(())
}

/// That a route looks at the variant header already.
pub(super) fn looks(task: &Task<'_>, manifest: &Manifest<'_>, path: &[Step<'_>]) -> Found {
    task.error(
        manifest,
        path,
        "looks-at-variant-header",
        format!("this route looks at `{}` already, and does not stand between the comments of an inserted one", task.header),
        "take the route out, and what is inserted does its work (another tool may have dropped the comments)",
    )
}

/// What a match asks for of the header.
fn matching(header: &str, variant: &str) -> Change {
    let exact = Value::map([("exact", Value::text(variant))]);
    Change::Map(vec![(
        "headers",
        Where::First,
        Change::Key(header.to_owned(), exact),
    )])
}

/// Every entry of the list asks for one thing more; a list without entries gets one.
pub(super) fn asking(route: &Value, key: &'static str, more: &Change) -> Entries {
    let entries = route.items(key).len();
    let items = (0..entries).map(|index| (index, more.clone())).collect();
    let first = match entries {
        0 => more.apply(None).into_iter().collect(),
        _ => Vec::new(),
    };
    vec![(key, Where::First, Change::List { first, items })]
}

/// A name that no other route has, where the original has one.
pub(super) fn renamed(route: &Value, variant: &str, names: &mut BTreeSet<String>) -> Entries {
    let Some(name) = route.str_at(&["name"]) else {
        return Vec::new();
    };
    let base = format!("{name}-{variant}");
    let numbered = (2..).map(|number| format!("{base}-{number}"));
    let mut free = std::iter::once(base.clone())
        .chain(numbered)
        .filter(|name| !names.contains(name));
    let Some(name) = free.next() else {
        return Vec::new();
    };
    names.insert(name.clone());
    vec![("name", Where::First, Change::Set(Value::text(name)))]
}

/// The destinations, those of the service being the variant's.
fn leading(
    target: &Target<'_>,
    route: &Value,
    reached: &[usize],
    to: &Destination,
    namespace: Option<&str>,
) -> Change {
    let destinations = route.items("route");
    let mut changes: BTreeMap<usize, Entries> = BTreeMap::new();
    for index in reached {
        let there = destinations[*index].get("destination");
        let mut entries: Entries = Vec::new();
        match to {
            Destination::Subset(name) => {
                entries.push((
                    "subset",
                    Where::Last,
                    Change::Set(Value::text(name.as_str())),
                ));
            }
            Destination::Service(service) => {
                let host = there
                    .and_then(|there| there.str_at(&["host"]))
                    .unwrap_or_default();
                let host = target.host_like(service, host, namespace);
                entries.push(("host", Where::First, Change::Set(Value::text(host))));
                entries.push(("subset", Where::Last, Change::Remove));
                let said = there.and_then(|there| there.str_at(&["port", "number"]));
                if let Some(port) = target.port(service, said) {
                    let number = Change::Set(Value::number(port.into()));
                    let port = Change::Map(vec![("number", Where::First, number)]);
                    entries.push(("port", Where::Last, port));
                }
            }
        }
        changes.insert(
            *index,
            vec![("destination", Where::First, Change::Map(entries))],
        );
    }
    to_variant(destinations, changes, 0)
}

/// A route without a subset leads to every pod of the service, the canary's among them, whatever
/// was decided.
fn warn_of_every_version(
    task: &mut Task<'_>,
    manifest: &Manifest<'_>,
    target: &Target<'_>,
    index: usize,
    route: &Value,
    reached: &[usize],
) {
    if target
        .variants()
        .all(|(_, variant)| variant.service.is_some())
    {
        return;
    }
    for number in reached {
        let destination = route.items("route")[*number].get("destination");
        if destination.is_some_and(|there| there.get("subset").is_some()) {
            continue;
        }
        let path = [
            Step::Key("spec"),
            Step::Key(HTTP),
            Step::Index(index),
            Step::Key("route"),
            Step::Index(*number),
            Step::Key("destination"),
            Step::Key("host"),
        ];
        let default = &target.canary.spec.default;
        let warning = task.error(
            manifest,
            &path,
            "every-version",
            format!("this leads to every version of {}, so requests without a decision may reach any of them", target.service.host),
            format!("add `subset:` with the subset of `{default}` to it, unless the pods of other variants are not among those of the service"),
        );
        task.warn(warning);
    }
}
