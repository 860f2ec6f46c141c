//! Where the requests of variants go: whether the service is there, and how many endpoints have the
//! variant's labels.
//!
//! Endpoints are counted from pods, and from what ServiceEntries and WorkloadEntries say, as Istio's
//! control plane does in one cluster; those of other clusters are not seen.

use super::super::field::Field;
use super::super::name::{self, canonical, same};
use super::super::object::Object;
use super::Scope;
use super::restore::Restored;
use coalmine::config::Variant;

/// Where a variant's requests go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backend {
    /// The variant.
    pub variant: String,
    /// The service, as `reviews.bookinfo` or `api.example.com`; none if no route says.
    pub service: Option<String>,
    /// The labels that its endpoints have; empty for all of the service.
    pub labels: Vec<(String, String)>,
    /// Whether the service is there; none if that is not known.
    pub there: Option<bool>,
    /// How many endpoints are ready; none if that is not known.
    pub endpoints: Option<usize>,
}

pub(super) fn of(restored: &Restored, objects: &[Object<'_>], scope: &Scope<'_>) -> Vec<Backend> {
    let canary = &restored.canary;
    let of_variant = |(variant, said): &(String, Variant)| {
        let service = said.service.as_ref().or(canary.spec.service.as_ref());
        let service = service
            .filter(|_| restored.reached.contains(variant))
            .map(|service| name::service(service, canary));
        let found = service
            .as_deref()
            .map(|service| Found::of(service, &said.labels, objects, scope));
        let labelled = !restored.unlabelled.contains(variant);
        Backend {
            variant: variant.clone(),
            service,
            labels: said.labels.clone(),
            there: found.as_ref().and_then(|found| found.there),
            endpoints: found.and_then(|found| found.endpoints).filter(|_| labelled),
        }
    };
    canary.spec.variants.iter().map(of_variant).collect()
}

/// What the cluster knows of a service.
struct Found {
    there: Option<bool>,
    endpoints: Option<usize>,
}

impl Found {
    fn of(
        service: &str,
        labels: &[(String, String)],
        objects: &[Object<'_>],
        scope: &Scope<'_>,
    ) -> Self {
        let mut there = false;
        let mut count = Some(0);
        for object in objects {
            let found = match object.kind {
                "Service" if canonical(object.name, object.namespace) == service => {
                    of_service(object, labels, objects, scope)
                }
                "ServiceEntry" if is_entry_for(object, service) => {
                    of_entry(object, labels, objects, scope)
                }
                _ => continue,
            };
            there = true;
            count = count.zip(found).map(|(count, found)| count + found);
        }
        let all_read = (scope.read)("Service") && (scope.read)("ServiceEntry");
        Self {
            there: match there {
                true => Some(true),
                false => all_read.then_some(false),
            },
            endpoints: count.filter(|_| there),
        }
    }
}

fn is_entry_for(object: &Object<'_>, service: &str) -> bool {
    let Some(spec) = object.spec() else {
        return false;
    };
    let mut hosts = spec.items_at("hosts").into_iter();
    hosts.any(|host| {
        let host = host.text().unwrap_or_default();
        same(&canonical(host, object.namespace), service)
    })
}

/// Pods and WorkloadEntries that a Service selects; none if it does not select.
fn of_service(
    object: &Object<'_>,
    labels: &[(String, String)],
    objects: &[Object<'_>],
    scope: &Scope<'_>,
) -> Option<usize> {
    let selector = object.field.at("spec.selector")?.texts();
    if selector.is_empty() {
        return None;
    }
    selected(object, &selector, labels, objects, scope)
}

/// The endpoints that a ServiceEntry lists or selects; none if a resolver finds them.
fn of_entry(
    object: &Object<'_>,
    labels: &[(String, String)],
    objects: &[Object<'_>],
    scope: &Scope<'_>,
) -> Option<usize> {
    let spec = object.spec()?;
    let selector = spec
        .at("workloadSelector.labels")
        .map(|labels| labels.texts());
    if let Some(selector) = selector {
        return selected(object, &selector, labels, objects, scope);
    }
    let listed = spec.items_at("endpoints");
    if listed.is_empty() {
        return None;
    }
    let has = |one: &Field<'_>| {
        let theirs = one.get("labels").map(|labels| labels.texts());
        has_labels(&theirs.unwrap_or_default(), labels)
    };
    Some(listed.iter().filter(|one| has(one)).count())
}

fn selected(
    of: &Object<'_>,
    selector: &[(&str, &str)],
    labels: &[(String, String)],
    objects: &[Object<'_>],
    scope: &Scope<'_>,
) -> Option<usize> {
    if !(scope.read)("Pod") || !(scope.read)("WorkloadEntry") {
        return None;
    }
    let chosen = |theirs: &[(&str, &str)]| {
        selector.iter().all(|label| theirs.contains(label)) && has_labels(theirs, labels)
    };
    let near = objects.iter().filter(|one| one.namespace == of.namespace);
    let count = near.filter(|one| match one.kind {
        "Pod" => is_ready(&one.field) && chosen(&texts(&one.field, "metadata.labels")),
        "WorkloadEntry" => {
            let mut theirs = texts(&one.field, "metadata.labels");
            theirs.extend(texts(&one.field, "spec.labels"));
            chosen(&theirs)
        }
        _ => false,
    });
    Some(count.count())
}

fn has_labels(theirs: &[(&str, &str)], wanted: &[(String, String)]) -> bool {
    let has = |(key, value): &(String, String)| theirs.contains(&(key.as_str(), value.as_str()));
    wanted.iter().all(has)
}

fn texts<'n>(field: &Field<'n>, path: &str) -> Vec<(&'n str, &'n str)> {
    let labels = field.at(path);
    labels.map(|labels| labels.texts()).unwrap_or_default()
}

fn is_ready(pod: &Field<'_>) -> bool {
    let mut conditions = pod.items_at("status.conditions").into_iter();
    let ready = conditions.any(|condition| {
        condition.text_at("type") == Some("Ready") && condition.text_at("status") == Some("True")
    });
    ready && pod.at("metadata.deletionTimestamp").is_none()
}
