//! HTTPRoutes and GRPCRoutes: rules, of which the most specific match is taken.
//!
//! A twin asks for one header more than its original, so it is the more specific of the two. That is
//! not enough: it may then also be more specific than a rule that came before the original, by more
//! headers or query parameters, and that leads elsewhere. Such a rule gets a twin as well, which
//! leads where the rule does; then every twin stands to the others as the originals do.

mod rank;

use super::Found;
use super::change::{Change, Where};
use super::manifest::{Manifest, Step};
use super::plan::{Plan, Twins};
use super::reach::Target;
use super::task::Task;
use super::value::Value;
use super::virtual_service::{asking, looks, renamed};
use super::weights::{Entries, to_variant};
use crate::Problem;
use coalmine::config::Service;
use std::collections::{BTreeMap, BTreeSet};

const RULES: &str = "rules";
const HOSTNAMES: &[Step<'_>] = &[Step::Key("spec"), Step::Key("hostnames")];

/// The most that one route may have, by the API's schema: rules, matches of all rules together, and
/// headers that a match asks for.
const MAX_RULES: usize = 16;
const MAX_MATCHES: usize = 128;
const MAX_HEADERS: usize = 16;

/// Plans the twins in every route.
pub(super) fn twins(
    task: &mut Task<'_>,
    manifests: &[Manifest<'_>],
    plans: &mut [Plan],
) -> Result<(), Found> {
    let routes: Vec<&Manifest<'_>> = manifests.iter().filter(|one| is_route(one)).collect();
    let mut done = false;
    for manifest in &routes {
        match routed(task, manifest, &mut plans[manifest.text]) {
            Ok(routed) => done |= routed,
            Err(found) => task.errors.push(*found.0),
        }
    }
    if done || !task.errors.is_empty() {
        return Ok(());
    }
    let targets = task.targets.iter();
    let names: Vec<String> = targets
        .map(|target| format!("{} ({})", target.service.host, target.name))
        .collect();
    let names = names.join(", ");
    let Some(manifest) = routes.first() else {
        let place = task.texts[0].place(&(0..0), "");
        let help = "give the files with `kind: HTTPRoute` that route to it; `coalmine render gateway-api` without --into makes new ones";
        let message = "there is no HTTPRoute and no GRPCRoute here";
        return Err(Found::new(place, "nothing-reaches", message, help));
    };
    Err(task.error(
        manifest,
        &[Step::Key("spec"), Step::Key(RULES)],
        "nothing-reaches",
        format!("no rule here reaches {names}"),
        "if one should, say the service as it does with `spec.service` in the canary",
    ))
}

fn is_route(manifest: &Manifest<'_>) -> bool {
    ["HTTPRoute", "GRPCRoute"].contains(&manifest.kind.as_str())
}

fn rules<'m>(manifest: &'m Manifest<'_>) -> &'m [Value] {
    manifest
        .value
        .get("spec")
        .map_or(&[], |spec| spec.items(RULES))
}

/// Which backends of a rule are a canary's service.
fn reaches(target: &Target<'_>, manifest: &Manifest<'_>, rule: &Value) -> Vec<usize> {
    let backends = rule.items("backendRefs").iter().enumerate();
    let own = |backend: &Value| {
        let service = backend
            .str_at(&["kind"])
            .is_none_or(|kind| kind == "Service");
        let core = backend.str_at(&["group"]).is_none_or(str::is_empty);
        let namespace = backend.str_at(&["namespace"]).or(manifest.namespace());
        let name = backend.str_at(&["name"]);
        service && core && name.is_some_and(|name| target.is_service(name, namespace))
    };
    backends
        .filter(|(_, backend)| own(backend))
        .map(|(index, _)| index)
        .collect()
}

/// The names that requests come by: hostnames, or the services that a route of a mesh is attached
/// to. None means any.
fn hosts<'m>(manifest: &'m Manifest<'_>) -> Option<Vec<&'m str>> {
    let spec = manifest.value.get("spec")?;
    let mut hosts: Vec<&str> = spec
        .items("hostnames")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    if hosts.is_empty() {
        let parents = spec.items("parentRefs").iter();
        let services = parents.filter(|parent| parent.str_at(&["kind"]) == Some("Service"));
        hosts.extend(services.filter_map(|parent| parent.str_at(&["name"])));
    }
    (!hosts.is_empty()).then_some(hosts)
}

/// Plans the twins in one route; whether some rule reaches a service.
fn routed(task: &mut Task<'_>, manifest: &Manifest<'_>, plan: &mut Plan) -> Result<bool, Found> {
    let rules = rules(manifest);
    let reached: Vec<usize> = (0..task.targets.len())
        .filter(|index| {
            rules
                .iter()
                .any(|rule| !reaches(&task.targets[*index], manifest, rule).is_empty())
        })
        .collect();
    let hosts = hosts(manifest);
    let Some(target) = task.about(manifest, hosts.as_deref(), HOSTNAMES, &reached)? else {
        return Ok(false);
    };
    let mut own_services = Vec::new();
    for (name, variant) in target.variants() {
        match &variant.service {
            Some(service) => own_services.push((name, service)),
            None => task.problems.push(without_service(&target, name)),
        }
    }
    let mut reached: BTreeMap<usize, Vec<usize>> = rules
        .iter()
        .enumerate()
        .map(|(index, rule)| (index, reaches(&target, manifest, rule)))
        .filter(|(_, backends)| !backends.is_empty())
        .collect();
    // The other rules that need a twin lead where they always led.
    for index in rank::overtaken(rules, reached.keys().copied().collect()) {
        reached.entry(index).or_default();
    }
    let mut names: BTreeSet<String> = rules
        .iter()
        .filter_map(|rule| rule.str_at(&["name"]).map(str::to_owned))
        .collect();
    let mut twins = Vec::new();
    for (index, backends) in &reached {
        let rule = &rules[*index];
        not_looking(task, manifest, *index, rule)?;
        let mut changes = Vec::new();
        for (variant, service) in &own_services {
            let mut change = asking(rule, "matches", &matching(&task.header, variant));
            if !backends.is_empty() {
                let to = leading(&target, manifest, rule, backends, service);
                change.push(("backendRefs", Where::Last, to));
            }
            change.extend(renamed(rule, variant, &mut names));
            changes.push(Change::Map(change));
        }
        let index = *index;
        twins.push(Twins { index, changes });
    }
    within_limits(task, manifest, &twins)?;
    if !own_services.is_empty() {
        task.put(manifest, RULES, &twins, &target, plan)?;
    }
    Ok(true)
}

fn without_service(target: &Target<'_>, name: &str) -> Problem {
    Problem {
        canary: target.name.clone(),
        path: format!("spec.variants.{name}"),
        code: "no-service",
        message: format!(
            "`{name}` has no service of its own, and the Gateway API knows no subsets"
        ),
        help: "add `service: reviews-v2:9080`, a Service that selects its pods alone".to_owned(),
    }
}

fn matching(header: &str, variant: &str) -> Change {
    let first = vec![Value::map([
        ("name", Value::text(header)),
        ("value", Value::text(variant)),
    ])];
    let items = BTreeMap::new();
    Change::Map(vec![(
        "headers",
        Where::First,
        Change::List { first, items },
    )])
}

fn not_looking(
    task: &Task<'_>,
    manifest: &Manifest<'_>,
    index: usize,
    rule: &Value,
) -> Result<(), Found> {
    for (number, entry) in rule.items("matches").iter().enumerate() {
        let path = [
            Step::Key("spec"),
            Step::Key(RULES),
            Step::Index(index),
            Step::Key("matches"),
            Step::Index(number),
            Step::Key("headers"),
        ];
        let headers = entry.items("headers");
        let names = headers.iter().map(|header| header.str_at(&["name"]));
        for (place, name) in names.enumerate() {
            if name.is_some_and(|name| name.eq_ignore_ascii_case(&task.header)) {
                let path = [&path[..], &[Step::Index(place), Step::Key("name")]].concat();
                return Err(looks(task, manifest, &path));
            }
        }
        if headers.len() >= MAX_HEADERS {
            return Err(task.error(
                manifest,
                &path,
                "too-many-headers",
                format!("this asks for {} headers, and {MAX_HEADERS} is the most that a match may ask for", headers.len()),
                "ask for one less: the variant header needs a place",
            ));
        }
    }
    Ok(())
}

/// The backends, those of the service being the variant's.
fn leading(
    target: &Target<'_>,
    manifest: &Manifest<'_>,
    rule: &Value,
    reached: &[usize],
    to: &Service,
) -> Change {
    let backends = rule.items("backendRefs");
    let mut parts = to.host.split('.');
    let name = parts.next().unwrap_or(&to.host);
    let namespace = parts.next().or(target.canary.namespace.as_deref());
    let mut changes: BTreeMap<usize, Entries> = BTreeMap::new();
    for index in reached {
        let mut entries: Entries = vec![("name", Where::First, Change::Set(Value::text(name)))];
        let said = backends[*index].str_at(&["namespace"]);
        let there = said.or(manifest.namespace());
        if let Some(namespace) = namespace
            && there.is_some_and(|there| there != namespace)
        {
            entries.push((
                "namespace",
                Where::Last,
                Change::Set(Value::text(namespace)),
            ));
        }
        if let Some(port) = target.port(to, backends[*index].str_at(&["port"])) {
            entries.push(("port", Where::Last, Change::Set(Value::number(port.into()))));
        }
        changes.insert(*index, entries);
    }
    to_variant(backends, changes, 1)
}

fn within_limits(task: &Task<'_>, manifest: &Manifest<'_>, twins: &[Twins]) -> Result<(), Found> {
    let rules = rules(manifest);
    let matches = |index: usize| rules[index].items("matches").len().max(1);
    let more: usize = twins.iter().map(|twins| twins.changes.len()).sum();
    let more_matches: usize = twins
        .iter()
        .map(|twins| twins.changes.len() * matches(twins.index))
        .sum();
    let all_matches: usize = (0..rules.len()).map(matches).sum();
    let exceeded = if rules.len() + more > MAX_RULES {
        Some(("rules", rules.len(), rules.len() + more, MAX_RULES))
    } else if all_matches + more_matches > MAX_MATCHES {
        Some((
            "matches",
            all_matches,
            all_matches + more_matches,
            MAX_MATCHES,
        ))
    } else {
        None
    };
    let Some((what, now, then, most)) = exceeded else {
        return Ok(());
    };
    Err(task.error(
        manifest,
        &[Step::Key("spec"), Step::Key(RULES)],
        "too-many-rules",
        format!("this has {now} {what} and would have {then} with the twins, and {most} is the most that a route may have"),
        "move the rules that reach the service into a route of their own, with the same parents and hostnames",
    ))
}
